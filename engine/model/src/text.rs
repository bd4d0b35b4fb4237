//! Untrusted text made safe to show. Attackers write mail, so no text from it reaches a terminal or a spreadsheet
//! unescaped.

use std::fmt::Write as _;

/// Returns whether a character can reorder, hide or fake what a person reads: controls, bidi overrides and isolates,
/// zero-width and other invisible format characters, line and paragraph separators, private use, and unassigned "tag"
/// characters.
pub const fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
        | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{e000}'..='\u{f8ff}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        | '\u{f0000}'..='\u{10ffff}')
}

/// The variation selector of an emoji.
const EMOJI_STYLE: char = '\u{fe0f}';
/// What joins emoji into one, such as a family.
const JOINER: char = '\u{200d}';

/// Returns whether a character is drawn as an emoji, on its own or with [`EMOJI_STYLE`]: pictures, arrows, signs.
const fn is_emoji(c: char) -> bool {
    matches!(c,
        '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2194}'..='\u{21aa}' | '\u{231a}'..='\u{23ff}' | '\u{24c2}'
        | '\u{25aa}'..='\u{27bf}' | '\u{2934}'..='\u{2935}' | '\u{2b05}'..='\u{2b55}' | '\u{3030}' | '\u{303d}' | '\u{3297}'
        | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

/// Returns whether this deceptive character is a part of an emoji, between these: it hides and reorders nothing.
fn is_part_of_emoji(before: Option<char>, c: char, after: Option<char>) -> bool {
    match c {
        EMOJI_STYLE => before.is_some_and(is_emoji),
        JOINER => before.is_some_and(|c| is_emoji(c) || c == EMOJI_STYLE) && after.is_some_and(is_emoji),
        _ => false,
    }
}

/// Returns the text with every deceptive character written as `\u{..}`, so that readers see that it was there. What
/// makes an emoji of other characters stays.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    // What is shown before; a selector only if it is a part of an emoji itself.
    let mut before = None;
    while let Some(c) = rest.next() {
        if !is_deceptive(c) || is_part_of_emoji(before, c, rest.peek().copied()) {
            shown.push(c);
            before = Some(c);
        } else {
            shown.extend(c.escape_unicode());
            before = None;
        }
    }
    shown
}

/// Like [`visible`], truncated to `most` characters with `…` at the end. Reads no more than it needs: a subject may be
/// a megabyte.
pub fn visible_line(text: &str, most: usize) -> String {
    let mut cut: String = text.chars().take(most + 1).collect();
    if cut.chars().count() > most {
        cut = cut.chars().take(most.saturating_sub(1)).collect();
        return visible(&cut) + "…";
    }
    visible(&cut)
}

/// Returns a number of things in words, such as `1 message` or `2 messages`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Like [`visible`], with a `'` before anything that a spreadsheet would read as a formula (OWASP, CSV injection).
pub fn csv_safe(text: &str) -> String {
    let shown = visible(text);
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '|', '%']) || shown.starts_with(['＝', '＋', '－', '＠'])
    {
        format!("'{shown}")
    } else {
        shown
    }
}

/// Returns JSON text with every deceptive character in a string written as `\u....`: the same value, safe to show.
/// Outside of strings JSON is ASCII, so each such character except the line break is in a string.
pub fn ascii_where_deceptive(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || !is_deceptive(c) {
            safe.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(safe, "\\u{unit:04x}");
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn deception_is_shown() {
        assert_eq!(visible("\u{1b}[31mred"), "\\u{1b}[31mred");
        assert_eq!(visible("invoice\u{202e}fdp.exe"), "invoice\\u{202e}fdp.exe");
        assert_eq!(visible("a\r\nb"), "a\\u{d}\\u{a}b");
        assert_eq!(visible("Größe 日本 🙂"), "Größe 日本 🙂");
        assert_eq!(visible_line("abcdef", 4), "abc…");
        assert_eq!(csv_safe("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(csv_safe("plain"), "plain");
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::json!({ "subject": "\u{202e}\u{1b}\u{9b}x\u{e0041}", "n": [1, 2] });
        let safe = ascii_where_deceptive(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!safe.contains('\u{202e}') && !safe.contains('\u{e0041}'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }

    proptest! {
        #[test]
        fn nothing_deceptive_is_left(text in any::<String>(), most in 1..50_usize) {
            let hides = |shown: &str| shown.chars().any(|c| is_deceptive(c) && c != EMOJI_STYLE && c != JOINER);
            prop_assert!(!hides(&visible(&text)) && !hides(&visible_line(&text, most)));
        }
    }

    #[test]
    fn emoji_stay_whole_and_words_hide_nothing() {
        for whole in [
            "\u{2709}\u{fe0f} Mail",
            "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}",
            "\u{2764}\u{fe0f}\u{200d}\u{1f525}",
        ] {
            assert_eq!(visible(whole), whole);
        }
        for (hiding, shown) in [
            ("pay\u{200d}pal", "pay\\u{200d}pal"),
            ("a\u{fe0f}b", "a\\u{fe0f}b"),
            ("\u{fe0f}", "\\u{fe0f}"),
            ("\u{1f469}\u{200d}x", "\u{1f469}\\u{200d}x"),
            ("\u{2709}\u{fe0f}\u{fe0f}", "\u{2709}\u{fe0f}\\u{fe0f}"),
            ("\u{1f469}\u{200d}\u{200d}\u{1f467}", "\u{1f469}\\u{200d}\\u{200d}\u{1f467}"),
            ("\u{2709}\u{202e}\u{fe0f}", "\u{2709}\\u{202e}\\u{fe0f}"),
        ] {
            assert_eq!(visible(hiding), shown);
        }
    }

    #[test]
    fn whatever_a_spreadsheet_takes_for_a_formula_is_quoted() {
        for first in ['=', '+', '-', '@', '\t', '\r', '\n', '|', '%', '＝', '＋', '－', '＠'] {
            let text = format!("{first}1");
            assert_eq!(csv_safe(&text), format!("'{}", visible(&text)));
            assert_eq!(csv_safe(&format!("1{first}")), visible(&format!("1{first}")));
        }
    }

    #[test]
    fn a_line_is_cut_only_where_it_is_too_long() {
        assert_eq!(visible_line("abcd", 4), "abcd");
        assert_eq!(visible_line("äöüßé", 4), "äöü…");
        assert_eq!(visible_line("ab", 1), "…");
        assert_eq!(visible_line("\u{202e}", 1), "\\u{202e}");
    }

    #[test]
    fn json_keeps_its_line_breaks_and_plain_text() {
        assert_eq!(ascii_where_deceptive("{\n\"ä\u{7f}\": 1\n}"), "{\n\"ä\\u007f\": 1\n}");
        assert!(is_deceptive('\u{202e}') && !is_deceptive('ä'));
    }
}
