//! Hostile files of Outlook, and the limits that they meet.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::sample::{Attached, Value, msg};
use super::tests::{examined, request, sample};
use super::{Cut, Message, compound::MAGIC, is_compound, message};
use crate::{examiner::Request, features::of_all};

/// The bytes of a message and of those inside it.
fn size(message: &Message<'_>) -> usize {
    message.raw.len() + message.attached.iter().map(size).sum::<usize>()
}

/// Compressed RTF of this byte so many times.
fn compressed(byte: u8, times: usize) -> Vec<u8> {
    // One byte, then references of 17 bytes to the first place after what the dictionary has.
    let mut content = Vec::new();
    let (mut write, mut left) = (207_u16, times.saturating_sub(8) / 17);
    content.push(0);
    content.extend([byte; 8]);
    write += 8;
    while left > 0 {
        content.push(0xff);
        for _ in 0..8 {
            let from = (write + 4_096 - 1) % 4_096;
            content.extend((from << 4 | 15).to_be_bytes());
            write = (write + 17) % 4_096;
        }
        left = left.saturating_sub(8);
    }
    let size = u32::try_from(times).unwrap();
    let length = u32::try_from(content.len()).unwrap() + 12;
    [&[length, size, 0x7546_5a4c, 0].map(u32::to_le_bytes).concat()[..], &content].concat()
}

#[test]
fn all_text_of_a_file_is_bounded_and_says_so() {
    const BODY: Cut = Cut { body: true, attachments: false, header: false };
    let large = compressed(0x80, 5 << 20);
    assert!(large.len() < 800_000);
    let most = 1 << 20;
    let long = "X-A: b\r\n".repeat(100_000);
    let inner = [Value::Text(0x007d, "Subject: inner\r\n"), Value::Bytes(0x1009, &large)];
    let many: Vec<_> = (0..9).map(|_| Attached::Message(&inner)).collect();
    let name = "\u{20ac}".repeat(9_000);
    let files: Vec<_> = (0..200).map(|_| Attached::File(&name, "a/b", b"x")).collect();
    for (what, values, attached, cut) in [
        ("rtf", &[Value::Bytes(0x1009, &large)][..], &[][..], BODY),
        ("html", &[Value::Ansi(0x1013, &vec![0x80; 3 << 20])], &[], BODY),
        ("plain", &[Value::Text(0x1000, &"\u{20ac}".repeat(most))], &[], BODY),
        ("both", &[Value::Text(0x007d, &long), Value::Bytes(0x1009, &large)], &[], BODY),
        ("messages", &inner, &many, Cut { attachments: true, ..BODY }),
        (
            "names",
            &[Value::Text(0x007d, "Subject: x\r\n")],
            &files,
            Cut { body: false, attachments: true, header: false },
        ),
    ] {
        let file = msg(1252, values, attached);
        let rebuilt = message(&file).unwrap();
        let names = if what == "names" { 2 * most + 40_000 } else { 0 };
        assert!(size(&rebuilt) <= most + names + 20_000, "{what}: {}", size(&rebuilt));
        assert_eq!(rebuilt.cut, cut, "{what}");
    }
    let file = msg(1252, &[Value::Bytes(0x1009, &large)], &[]);
    assert_eq!(examined(&file)[0].cut, ["body", "links"]);
    let header = "X-A: b\r\n".repeat(200_000);
    let found = examined(&msg(1252, &[Value::Text(0x007d, &header), Value::Text(0x1000, "x")], &[])).remove(0);
    for cut in ["from", "subject", "header authentication-results", "body"] {
        assert!(found.cut.iter().any(|known| known == cut), "{cut}: {:?}", found.cut);
    }
}

#[test]
fn attachments_that_are_missing_are_noted() {
    let values = [Value::Text(0x007d, "Subject: x\r\n"), Value::Text(0x1000, "x")];
    let files = |count| (0..count).map(|_| Attached::File("a.bin", "a/b", b"x")).collect::<Vec<_>>();
    for (count, cut) in [(500, &[][..]), (501, &["attachments"])] {
        let file = msg(1252, &values, &files(count));
        let found = examined(&file).remove(0);
        assert_eq!(
            (found.attachments.len(), &found.cut[..]),
            (500, &cut.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>()[..])
        );
        let rebuilt = message(&file).unwrap();
        assert_eq!((rebuilt.cut.attachments, rebuilt.cut.body, rebuilt.cut.header), (count == 501, false, false));
    }
}

#[test]
fn a_stream_without_an_end_leaves_the_next_ones_short_and_is_noted() {
    let (large, next) = (vec![7; 30_000], vec![8; 20_000]);
    let files = [Attached::File("a.bin", "a/b", &large), Attached::File("b.bin", "a/b", &next)];
    let mut file = msg(1252, &[Value::Text(0x007d, "Subject: x\r\n"), Value::Text(0x1000, "x")], &files);
    let number =
        |file: &[u8], at: usize| usize::try_from(u32::from_le_bytes(file[at..at + 4].try_into().unwrap())).unwrap();
    // The entry of the first file has its size; the table of sectors is in the sector that the header names first.
    let entry = (0..file.len() / 128).map(|at| at * 128).find(|at| number(&file, at + 120) == 30_000).unwrap();
    let (start, table) = (number(&file, entry + 116), (number(&file, 76) + 1) * 512);
    assert_eq!(number(&file, table + start * 4), start + 1);
    file[table + start * 4..][..4].copy_from_slice(&u32::try_from(start).unwrap().to_le_bytes());
    let whole = examined(&file).remove(0);
    assert_eq!((whole.attachments[1].size, whole.cut.len()), (20_000, 0), "its size is that of the stream");
    file[entry + 120..][..4].copy_from_slice(&0x0fff_ffff_u32.to_le_bytes());
    let found = examined(&file).remove(0);
    assert!(found.attachments[1].size < 20_000);
    assert_eq!(found.cut, ["attachments"]);
    let mail = [
        &b"Content-Type: application/vnd.ms-outlook; name=a.msg\r\nContent-Transfer-Encoding: binary\r\n\r\n"[..],
        &file,
    ];
    assert_eq!(examined(&mail.concat())[0].cut, ["attachments"]);
}

#[test]
fn an_attachment_that_has_what_another_has_is_noted() {
    let files = [Attached::File("a.bin", "a/b", b"a"), Attached::File("b.bin", "a/b", b"b")];
    let mut file = msg(1252, &[Value::Text(0x0037, "x"), Value::Text(0x1000, "x")], &files);
    let entry = |file: &[u8], name: &str| {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        (0..file.len() / 128).map(|at| at * 128).find(|at| file[*at..].starts_with(&name)).unwrap()
    };
    let [from, to] = ["__attach_version1.0_#00000000", "__attach_version1.0_#00000001"].map(|name| entry(&file, name));
    assert!(examined(&file)[0].cut.is_empty());
    file.copy_within(from + 76..from + 80, to + 76);
    assert_eq!(examined(&file)[0].cut, ["attachments"]);
}

#[test]
fn what_is_nested_too_deep_is_noted_and_no_file() {
    let value = |subject: &'static str| [Value::Text(0x0037, subject)];
    let file = msg(1252, &value("outer"), &[]);
    let mut tree = cfb::CompoundFile::open(std::io::Cursor::new(file)).unwrap();
    let mut folder = String::new();
    for depth in 1..=12_usize {
        folder.push_str("/__attach_version1.0_#00000000");
        tree.create_storage(&folder).unwrap();
        folder.push_str("/__substg1.0_3701000D");
        tree.create_storage(&folder).unwrap();
        let text: Vec<u8> = format!("at {depth}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut stream = tree.create_stream(format!("{folder}/__substg1.0_0037001F")).unwrap();
        std::io::Write::write_all(&mut stream, &text).unwrap();
    }
    tree.flush().unwrap();
    let all = examined(&tree.into_inner().into_inner());
    assert_eq!(all.iter().map(|one| one.subject.as_str()).collect::<Vec<_>>(), ["outer", "at 1"]);
    for one in &all {
        assert_eq!((one.attachments.len(), &one.cut[..]), (0, &["attachments".to_owned()][..]));
    }
}

#[test]
fn the_start_of_a_file_says_so() {
    let file = msg(1252, &[Value::Text(0x0037, "x"), Value::Text(0x1000, "x")], &[]);
    let start = of_all(&file, &Request { most: file.len() as u64, ..request() }).remove(0);
    for cut in ["attachments", "body", "links", "subject"] {
        assert!(start.cut.iter().any(|known| known == cut), "{cut}: {:?}", start.cut);
    }
}

#[test]
fn a_part_of_a_file_stops_nothing() {
    let file = sample();
    for end in (0..file.len()).step_by(512) {
        examined(&file[..end]);
        examined(&file[..end + 7]);
    }
}

/// Places of a number that make a chain or a tree without an end.
#[test]
fn cycles_end() {
    let file = sample();
    let started = Instant::now();
    for at in (40..file.len().min(3_600)).step_by(4).chain((3_600..file.len()).step_by(128)) {
        for number in [0_u32, 1, 2, 5, 0xffff_fffe, 0x7fff_ffff] {
            let mut broken = file.clone();
            if let Some(place) = broken.get_mut(at..at + 4) {
                place.copy_from_slice(&number.to_le_bytes());
            }
            message(&broken);
        }
    }
    assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());
}

#[test]
fn a_large_hostile_file_takes_linear_time() {
    for word in [[0, 0, 0, 0], [1, 0, 0, 0], [0xff, 0xff, 0xff, 0x7f], [2, 0, 5, 2]] {
        // Every number names the same sector, so that streams, tables and the directory share it.
        let mut raw: Vec<u8> = word.iter().copied().cycle().take(4 << 20).collect();
        raw[..512].copy_from_slice(&sample()[..512]);
        let started = Instant::now();
        let found = examined(&raw);
        assert!(found.len() <= 9 && started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    }
}

proptest! {
    #[test]
    fn no_bytes_stop_it(raw in proptest::collection::vec(any::<u8>(), 0..3_000)) {
        let raw = [&MAGIC[..], &raw].concat();
        prop_assert!(is_compound(&raw));
        message(&raw);
    }

    #[test]
    fn no_change_stops_it(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut raw = sample();
        for (at, byte) in changes {
            let at = at.index(raw.len());
            raw[at] = byte;
        }
        let most = raw.len() * 4;
        prop_assert!(message(&raw).is_none_or(|message| size(&message) < most));
    }
}
