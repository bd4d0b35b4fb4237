//! Compressed RTF (MS-OXRTFCP).

use super::compound::u32_at;

/// The most bytes that are decompressed: the text in them has no more, and the memory of a call is limited.
pub(crate) const MOST: usize = 1024 * 1024;
/// The bytes of the dictionary, a ring.
const RING: usize = 4_096;
const COMPRESSED: u32 = 0x7546_5a4c;
const PLAIN: u32 = 0x414c_454d;
/// What the dictionary has at first (MS-OXRTFCP 2.1.2.1).
const FIRST: &[u8] =
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \
    \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \
    \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

/// Returns the first [`MOST`] bytes of the RTF, as much of them as is there, and whether some are missing; `None` if the
/// bytes are no compressed RTF.
pub(crate) fn rtf(bytes: &[u8]) -> Option<(Vec<u8>, bool)> {
    let declared = usize::try_from(u32_at(bytes, 4)?).ok()?;
    let size = declared.min(MOST);
    let content = bytes.get(16..)?;
    let (rtf, is_whole) = match u32_at(bytes, 8)? {
        COMPRESSED => decompressed(content, size),
        PLAIN => (content[..content.len().min(size)].to_vec(), content.len() >= size),
        _ => return None,
    };
    Some((rtf, declared > MOST || !is_whole))
}

/// Returns at most about `size` bytes, and whether these are all, or an end follows them.
fn decompressed(content: &[u8], size: usize) -> (Vec<u8>, bool) {
    let mut ring = [b' '; RING];
    ring[..FIRST.len()].copy_from_slice(FIRST);
    let mut write = FIRST.len();
    let mut rtf = Vec::new();
    let mut put = |byte: u8, rtf: &mut Vec<u8>, ring: &mut [u8; RING]| {
        rtf.push(byte);
        ring[write] = byte;
        write = (write + 1) % RING;
        write
    };
    let mut bytes = content.iter().copied();
    let mut end = FIRST.len();
    while let Some(control) = bytes.next() {
        for bit in 0..8 {
            if rtf.len() >= size {
                return (rtf, true);
            }
            let Some(first) = bytes.next() else { return (rtf, false) };
            if control >> bit & 1 == 0 {
                end = put(first, &mut rtf, &mut ring);
                continue;
            }
            let Some(second) = bytes.next() else { return (rtf, false) };
            let reference = usize::from(u16::from_be_bytes([first, second]));
            let (from, length) = (reference >> 4, (reference & 15) + 2);
            if from == end {
                return (rtf, true);
            }
            for at in 0..length {
                let byte = ring[(from + at) % RING];
                end = put(byte, &mut rtf, &mut ring);
            }
        }
    }
    let is_whole = rtf.len() >= size;
    (rtf, is_whole)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The header of these many bytes of RTF.
    fn with_header(size: u32, kind: u32, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap() + 12;
        let numbers = [length, size, kind, 0].map(u32::to_le_bytes).concat();
        [numbers.as_slice(), content].concat()
    }

    #[test]
    fn the_examples_of_the_specification() {
        // MS-OXRTFCP 4.1.1 and 4.1.2, "Compressing" and "Compressing with a reference that overlaps".
        let simple = [
            0x03, 0x00, 0x0a, 0x00, 0x72, 0x63, 0x70, 0x67, 0x31, 0x32, 0x35, 0x42, 0x32, 0x0a, 0xf3, 0x20, 0x68, 0x65,
            0x6c, 0x09, 0x00, 0x20, 0x62, 0x77, 0x05, 0xb0, 0x6c, 0x64, 0x7d, 0x0a, 0x80, 0x0f, 0xa0,
        ];
        let expected = b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n";
        assert_eq!(rtf(&with_header(0x2b, COMPRESSED, &simple)).unwrap(), (expected.to_vec(), false));
        let (start, is_cut) = rtf(&with_header(0x2b, COMPRESSED, &simple[..20])).unwrap();
        assert!(is_cut && expected.starts_with(&start));
        let crossing = [0x41, 0x00, 0x04, 0x20, 0x57, 0x58, 0x59, 0x5a, 0x0d, 0x6e, 0x7d, 0x01, 0x0e, 0xb0];
        let found = rtf(&with_header(0x1c, COMPRESSED, &crossing)).unwrap();
        assert_eq!(found, (b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}".to_vec(), false));
        assert_eq!(rtf(&with_header(3, PLAIN, b"{\\rtf1}")).unwrap(), (b"{\\r".to_vec(), false));
        assert_eq!(rtf(&with_header(30, PLAIN, b"{\\rtf1}")).unwrap(), (b"{\\rtf1}".to_vec(), true));
        assert_eq!(rtf(&with_header(3, 7, b"{\\rtf1}")), None);
    }

    #[test]
    fn long_rtf_is_cut() {
        // No reference, so that each of eight bytes is one.
        let content = vec![0; 6 << 20];
        for kind in [COMPRESSED, PLAIN] {
            let (found, is_cut) = rtf(&with_header(5 << 20, kind, &content)).unwrap();
            assert!(is_cut && found.len() >= 1 << 20 && found.len() < (1 << 20) + 17, "{}", found.len());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_stop_it(content in proptest::collection::vec(any::<u8>(), 0..400), size in any::<u32>()) {
            let (found, _) = rtf(&with_header(size, COMPRESSED, &content)).unwrap();
            prop_assert!(found.len() <= content.len() * 9 + 17);
            rtf(&content);
        }
    }
}
