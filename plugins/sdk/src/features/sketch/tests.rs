//! What a sketch masks, and what holds for every text.

use proptest::prelude::*;

use super::*;
use crate::normal::normalise;

const KEY: (u64, u64) = (1, 2);

fn of(text: &str, key: (u64, u64)) -> Sketch {
    super::of(&normalise(text), key)
}

/// Returns the words of a text, separated by blanks.
fn words_of(text: &str) -> String {
    let mut all = Vec::new();
    for token in normalise(text).split(' ') {
        for piece in pieces(token) {
            match piece {
                Piece::Address => all.push(ADDRESS.to_owned()),
                Piece::Text(text) => words(text, &mut |word| all.push(word.to_owned())),
            }
        }
    }
    all.join(" ")
}

#[test]
fn what_varies_between_copies_is_masked() {
    for (text, expected) in [
        ("Dear Ann, your account", "dear ann your account"),
        ("in\u{200b}vo\u{ad}ice", "invoice"),
        ("pаypаl", "paypal"),
        ("pàypál", "paypal"),
        ("p\u{61}\u{300}ypal", "paypal"),
        ("don’t don't", "dont dont"),
        ("ver-ify v.e.r.i.f.y ver--ify", "verify verify ver ify"),
        ("end. Next, and/or", "end next and or"),
        ("order #48213 of 12.50 EUR, INV-2024-AB", "order 0 of 0 eur 0"),
        ("مبلغ ٥٠٠", "مبلغ 0"),
        ("see https://evil.example/a?b=c now", "see @ now"),
        ("(https://evil.example/a)", "@"),
        ("www.evil.example/x", "@"),
        ("write to eve@evil.example, or mailto:eve@evil.example", "write to @ or mailto @"),
        ("evil@here :// @@ a@b", "evil here a b"),
        ("awww.no", "awwwno"),
        ("您的账户", "您 的 账 户"),
        ("点击https://evil.example/查看", "点 击 @ 查 看"),
        ("บัญชี", "บ ั ญ ช ี"),
        ("계정이 정지", "계정이 정지"),
        ("", ""),
    ] {
        // The prototypes of letters of other scripts are often Latin.
        let read = |word: &str| if word.is_ascii() { word.to_owned() } else { words_of(word) };
        let expected: Vec<String> = expected.split(' ').map(read).collect();
        assert_eq!(words_of(text), expected.join(" "), "{text:?}");
    }
}

#[test]
fn texts_that_read_alike_have_one_sketch() {
    for (one, other) in [
        ("please confirm your password today", "Please  confirm\nyour PASSWORD today!"),
        ("please confirm your password", "please c o n f i r m your password"),
        ("please confirm your password", "please confіrm yоur pаsswоrd"),
        ("please confirm your password", "please con\u{200b}firm your pass\u{2060}word"),
        ("please confirm your password", "please con-firm your pass.word"),
        ("code 123 sent to ann@corp.example", "code 98-7 sent to ben.b@other.example"),
        ("open https://a.example/x now", "open http://b.example/y?z=1 now"),
    ] {
        assert_eq!(of(one, KEY), of(other, KEY), "{one:?} {other:?}");
    }
    assert_ne!(of("please confirm", KEY), of("confirm please", KEY), "the order of words counts");
    assert_ne!(of("ab c", KEY), of("a bc", KEY));
}

#[test]
fn two_single_letters_remain_two_words() {
    assert_eq!(of("so I a word", KEY).pairs, 3);
    assert_eq!(of("so w o rd", KEY).pairs, 3);
    assert_eq!(of("so w o r d end", KEY), of("so word end", KEY));
    assert_eq!(of("a b c", KEY).pairs, 0, "one word");
    assert_eq!(of("the end x y z", KEY), of("the end xyz", KEY), "the last word");
}

#[test]
fn a_text_without_spaces_has_pairs_of_characters() {
    assert_eq!(of("您的账户已被停用", KEY).pairs, 7);
    assert_eq!(of("アカウント確認", KEY).pairs, 6);
    assert_eq!(of("บัญชี", KEY).pairs, 4);
}

#[test]
fn hashes_depend_on_the_key() {
    let text = "please confirm your password today";
    assert_ne!(of(text, (1, 2)).hashes, of(text, (1, 3)).hashes);
    assert_ne!(of(text, (1, 2)).hashes, of(text, (2, 2)).hashes);
}

#[test]
fn the_hash_is_siphash_2_4_of_two_words() {
    let mut hasher = SipHasher24::new_with_keys(1, 2);
    hasher.write(b"hello\0world");
    assert_eq!(of("Hello, world", KEY), Sketch { hashes: vec![hasher.finish()], pairs: 1 });
}

#[test]
fn one_word_has_no_pair() {
    for text in ["", "word", "  ", "…", "123"] {
        assert_eq!(of(text, KEY), Sketch { hashes: Vec::new(), pairs: 0 }, "{text:?}");
    }
}

/// Returns a text of different words of letters.
fn long_text(count: usize) -> String {
    let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
    (0..count).flat_map(|n| ['w', letter(n / 676), letter(n / 26), letter(n), ' ']).collect()
}

#[test]
fn a_long_text_keeps_its_smallest_hashes() {
    assert_eq!(of(&long_text(257), KEY).hashes.len(), 256);
    let long = of(&long_text(2000), KEY);
    assert_eq!((long.hashes.len(), long.pairs), (256, 1999));
}

/// Quadratic time on 1 MB would take hours.
#[test]
fn a_hostile_token_takes_linear_time() {
    for unit in ["@", "://", "a@", "www.", "a://", "a.", "w", ":/", "a@b.", "\u{300}", "а-"] {
        let text = unit.repeat(1_000_000 / unit.len());
        let _ = of(&text, KEY);
    }
}

proptest! {
    #[test]
    fn no_text_stops_it(text in any::<String>()) {
        let sketch = of(&text, KEY);
        prop_assert!(sketch.hashes.is_sorted_by(|a, b| a < b));
        prop_assert_eq!(sketch.hashes.len(), usize::try_from(sketch.pairs).unwrap().min(MOST_HASHES));
        prop_assert_eq!(of(&normalise(&text), KEY), sketch);
    }

    #[test]
    fn no_token_stops_it(text in "[a@:/w.\\-0é一а'<]{0,40}") {
        let sketch = of(&text, KEY);
        prop_assert_eq!(of(&text.to_uppercase(), KEY), sketch);
    }

    #[test]
    fn the_order_of_insertion_does_not_matter(
        (some, shuffled) in prop::collection::vec(any::<u64>(), 0..600).prop_flat_map(|some| {
            let again = [some.as_slice(), &some[..some.len() / 3]].concat();
            (Just(some), Just(again).prop_shuffle())
        }),
    ) {
        prop_assert_eq!(cut(some), cut(shuffled));
    }

    #[test]
    fn what_is_appended_removes_no_hash_below_the_cut(words in 0..600_usize, more in any::<String>(), extra in 0..400_usize) {
        let text = long_text(words);
        let whole = of(&format!("{text} and {more} {}", long_text(extra).replace('w', "x")), KEY);
        let last = if whole.hashes.len() < MOST_HASHES { u64::MAX } else { whole.hashes[MOST_HASHES - 1] };
        for hash in of(&text, KEY).hashes {
            prop_assert!(hash > last || whole.hashes.binary_search(&hash).is_ok());
        }
    }
}
