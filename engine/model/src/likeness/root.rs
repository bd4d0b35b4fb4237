//! A root, and its text form.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use super::entities::Entities;
use super::identity::{Calls, Identity};
use crate::sha256::Digest;
use crate::sketch::Sketch;

/// The longest text form of a root, in bytes. A typical one has 1 to 4 kB: 2.7 kB are the hashes of a long text. The
/// longest with all that a root keeps has 98 kB.
pub const LONGEST_ROOT: usize = 114_688;

/// How the text form begins, with its version.
pub const ROOT_PREFIX: &str = "root1:";
/// Bytes of the checksum: a typing error is found with a probability of all but one in 4 billion.
const CHECKSUM: usize = 4;
/// The most names of a kind that a root keeps, in alphabetical order. A message with more links is a newsletter.
const MOST_NAMES: usize = 32;
/// The longest name that a root keeps, in bytes: an address (RFC 5321, section 4.5.3.1).
const LONGEST_NAME: usize = 320;
/// The longest Message-ID and subject that a root keeps, in bytes: a line (RFC 5322, section 2.1.1).
const LONGEST_LINE: usize = 998;

/// A message that is known to be a threat, as far as its copies are recognised by it. It has no text of the message but
/// the subject.
///
/// In JSON, playbooks and databases it is one text: `root1:` and the base64url form (RFC 4648, section 5) of a JSON
/// object, the hashes, and a checksum. A person can copy it. The hashes mean something only under the site's own key, and
/// the root of another site is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Root {
    sketch: Sketch,
    about: About,
}

/// The part of a root that is JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct About {
    message_id: String,
    subject: String,
    identity: Identity,
    calls: Calls,
    #[serde(default, skip_serializing_if = "Entities::is_empty")]
    entities: Entities,
    /// The number of the key of the hashes.
    #[serde(default)]
    key_id: u32,
    /// The number of different pairs of words in the text.
    pairs: u32,
}

/// Why a text is not a root.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum InvalidRoot {
    #[error("a root begins with `{ROOT_PREFIX}`; copy the whole text from the page of the message")]
    Prefix,
    #[error("a root has at most {LONGEST_ROOT} bytes, and this text has {0}; copy it again")]
    TooLong(usize),
    #[error("the root is not base64url text: it was changed or cut off; copy it again")]
    Encoding,
    #[error("the checksum of the root is wrong: it was changed or cut off; copy it again")]
    Checksum,
    #[error("the root was not written by this program: {0}; make it again from the message")]
    Content(String),
}

impl Root {
    /// Makes a root. Longer texts are cut, and of many links only the first are kept, so that its text form is never
    /// longer than [`LONGEST_ROOT`].
    pub fn new(sketch: Sketch, identity: Identity, calls: Calls, message_id: &str, subject: &str) -> Self {
        let kept = |name: String| if is_name(&name) { name } else { String::new() };
        let identity = Identity {
            address: kept(identity.address),
            domain: kept(identity.domain),
            envelope: kept(identity.envelope),
            reply_to: first(identity.reply_to),
            dkim: first(identity.dkim),
            is_authenticated: identity.is_authenticated,
        };
        let calls = Calls { web: first(calls.web), mail: first(calls.mail), phone: first(calls.phone) };
        let (message_id, subject) = (line(message_id), line(subject));
        let pairs = sketch.pairs();
        Self {
            sketch,
            about: About { message_id, subject, identity, calls, entities: Entities::default(), key_id: 0, pairs },
        }
    }

    /// Returns the root with these entities. Of many links and files only the first are kept.
    #[must_use]
    pub fn with_entities(mut self, entities: Entities) -> Self {
        let links = entities.links.into_iter().filter(|(host, _)| is_name(host)).take(MOST_NAMES).collect();
        self.about.entities = Entities { links, files: first(entities.files), ..entities };
        self
    }

    /// Returns the root with the number of the key of its hashes.
    #[must_use]
    pub(super) fn under(mut self, key_id: u32) -> Self {
        self.about.key_id = key_id;
        self
    }

    /// The number of the key of its hashes: [`FeatureRequest::key_id`](crate::FeatureRequest::key_id). It can only be
    /// compared with messages that were examined under the same key.
    pub const fn key_id(&self) -> u32 {
        self.about.key_id
    }

    /// The pairs of words of its text.
    pub const fn sketch(&self) -> &Sketch {
        &self.sketch
    }

    /// Its sender.
    pub const fn identity(&self) -> &Identity {
        &self.about.identity
    }

    /// What it asks its reader to do.
    pub const fn calls(&self) -> &Calls {
        &self.about.calls
    }

    /// Where it comes from, what it links to, what it carries.
    pub const fn entities(&self) -> &Entities {
        &self.about.entities
    }

    /// The Message-ID with its angle brackets; empty if it has none.
    pub fn message_id(&self) -> &str {
        &self.about.message_id
    }

    /// The subject. The sender chose it: show it through [`crate::visible`].
    pub fn subject(&self) -> &str {
        &self.about.subject
    }

    /// Returns the root with these word pairs alone.
    pub(super) fn keeping(&self, is_kept: impl Fn(u64) -> bool) -> Self {
        let sketch = self.sketch.without(|hash| !is_kept(hash));
        let about = About { pairs: sketch.pairs(), ..self.about.clone() };
        Self { sketch, about }
    }
}

/// Returns whether the text can be an address or a domain. One that JSON would write longer is not kept, and neither is
/// one that is too long: a part of it would be another name.
fn is_name(text: &str) -> bool {
    text.len() <= LONGEST_NAME && !text.contains(|c: char| c.is_control() || matches!(c, '"' | '\\'))
}

fn first(names: BTreeSet<String>) -> BTreeSet<String> {
    names.into_iter().filter(|name| is_name(name)).take(MOST_NAMES).collect()
}

/// Returns the start of a text, without the controls that JSON writes in six bytes.
fn line(text: &str) -> String {
    let end = text.floor_char_boundary(LONGEST_LINE);
    text[..end].chars().filter(|c| !c.is_control()).collect()
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = serde_json::to_vec(&self.about).map_err(|_| fmt::Error)?;
        let length = u32::try_from(about.len()).map_err(|_| fmt::Error)?;
        let mut bytes = Vec::with_capacity(4 + about.len() + 8 * self.sketch.hashes().len() + CHECKSUM);
        bytes.extend(length.to_be_bytes());
        bytes.extend(about);
        bytes.extend(self.sketch.hashes().iter().flat_map(|hash| hash.to_be_bytes()));
        let checksum = Digest::of(&bytes).0;
        bytes.extend(&checksum[..CHECKSUM]);
        write!(f, "{ROOT_PREFIX}{}", BASE64URL_NOPAD.encode(&bytes))
    }
}

impl FromStr for Root {
    type Err = InvalidRoot;

    fn from_str(given: &str) -> Result<Self, InvalidRoot> {
        let given = given.trim();
        let encoded = given.strip_prefix(ROOT_PREFIX).ok_or(InvalidRoot::Prefix)?;
        if given.len() > LONGEST_ROOT {
            return Err(InvalidRoot::TooLong(given.len()));
        }
        let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| InvalidRoot::Encoding)?;
        let (content, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(InvalidRoot::Checksum)?;
        if !Digest::of(content).0.starts_with(checksum) {
            return Err(InvalidRoot::Checksum);
        }
        let wrong = |text: &str| InvalidRoot::Content(text.to_owned());
        let (length, rest) = content.split_first_chunk::<4>().ok_or_else(|| wrong("its length is missing"))?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (about, hashes) = rest.split_at_checked(length).ok_or_else(|| wrong("its length is wrong"))?;
        let about: About = serde_json::from_slice(about).map_err(|error| InvalidRoot::Content(error.to_string()))?;
        let (hashes, []) = hashes.as_chunks::<8>() else { return Err(wrong("a hash is cut off")) };
        let sketch = Sketch::new(hashes.iter().map(|hash| u64::from_be_bytes(*hash)).collect(), about.pairs);
        let root = Self::new(sketch, about.identity, about.calls, &about.message_id, &about.subject);
        Ok(root.with_entities(about.entities).under(about.key_id))
    }
}

impl TryFrom<String> for Root {
    type Error = InvalidRoot;
    fn try_from(given: String) -> Result<Self, InvalidRoot> {
        given.parse()
    }
}

impl From<Root> for String {
    fn from(root: Root) -> Self {
        root.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::likeness::tests::{names, numbered, root};

    #[test]
    fn a_root_is_one_text() {
        let root = Root::new(
            numbered(0..118),
            Identity { address: "eve@evil.example".into(), domain: "evil.example".into(), ..Identity::default() },
            Calls { web: names(&["evil.example"]), ..Calls::default() },
            "<1@evil.example>",
            "Ihr Konto \u{202e}wurde gesperrt",
        );
        let text = root.to_string();
        assert!(text.starts_with("root1:") && text.len() < 2000, "{} bytes", text.len());
        assert_eq!(text.parse(), Ok(root.clone()));
        assert_eq!(format!("  {text}\n").parse(), Ok(root.clone()), "as it is copied");
        let json = serde_json::to_string(&root).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Root>(&json).unwrap(), root);
        assert_eq!((root.message_id(), root.sketch().pairs()), ("<1@evil.example>", 118));
    }

    #[test]
    fn a_cut_sketch_remains_cut() {
        let long = Root::new(Sketch::new((0..256).collect(), 5000), Identity::default(), Calls::default(), "", "");
        let text = long.to_string();
        assert!(text.len() < 4096, "{} bytes", text.len());
        assert_eq!(text.parse(), Ok(long));
    }

    #[test]
    fn a_text_that_was_changed_is_refused() {
        let text = root(0..30).to_string();
        let middle = text.len() / 2;
        let typed = if text.as_bytes()[middle] == b'A' { "B" } else { "A" };
        for (wrong, expected) in [
            (String::new(), InvalidRoot::Prefix),
            (text.replace("root1:", "root2:"), InvalidRoot::Prefix),
            (format!("{}{typed}{}", &text[..middle], &text[middle + 1..]), InvalidRoot::Checksum),
            ("root1:".to_owned(), InvalidRoot::Checksum),
            ("root1:AAAA".to_owned(), InvalidRoot::Checksum),
            (format!("{text}="), InvalidRoot::Encoding),
            (text.replace("root1:", "root1: "), InvalidRoot::Encoding),
            (format!("root1:{}", "A".repeat(LONGEST_ROOT)), InvalidRoot::TooLong(LONGEST_ROOT + 6)),
        ] {
            assert_eq!(wrong.parse::<Root>(), Err(expected), "{wrong:.40}");
        }
    }

    #[test]
    fn content_of_another_program_is_refused() {
        let about = br#"{"message-id":"","subject":"","identity":{},"calls":{},"pairs":0}"#;
        let length = u32::try_from(about.len()).unwrap().to_be_bytes();
        let is_read = |content: &[&[u8]]| {
            let mut bytes = content.concat();
            let checksum = Digest::of(&bytes).0;
            bytes.extend(&checksum[..CHECKSUM]);
            format!("{ROOT_PREFIX}{}", BASE64URL_NOPAD.encode(&bytes)).parse::<Root>()
        };
        assert_eq!(is_read(&[&length, about]).unwrap().sketch(), &Sketch::default());
        for content in
            [&[&[0, 0][..]][..], &[&[0, 0, 0, 9], b"{}"], &[&[0, 0, 0, 2], b"{}"], &[&length, about, b"1234567"]]
        {
            assert!(matches!(is_read(content), Err(InvalidRoot::Content(_))), "{content:?}");
        }
    }

    #[test]
    fn the_longest_root_is_read_back() {
        let many: BTreeSet<String> = (100..400).map(|n| format!("{n}{}", "a".repeat(LONGEST_NAME - 3))).collect();
        let name = "a".repeat(LONGEST_NAME);
        let identity = Identity {
            address: name.clone(),
            domain: name.clone(),
            envelope: "a".repeat(LONGEST_NAME + 1),
            reply_to: many.clone(),
            dkim: many.clone(),
            is_authenticated: true,
        };
        let calls = Calls { web: many.clone(), mail: many.clone(), phone: many.clone() };
        let line = "\"\\".repeat(5000);
        let entities = Entities {
            sender_ip: Some("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap()),
            links: many.iter().map(|name| (name.clone(), u64::MAX)).collect(),
            files: (100..400).map(|n| format!("{n}{}", "a".repeat(61))).collect(),
            html_hash: u64::MAX,
        };
        let root = Root::new(Sketch::new((0..256).collect(), 9000), identity, calls, &line, &line)
            .with_entities(entities)
            .under(u32::MAX);
        assert!(root.to_string().len() <= LONGEST_ROOT, "{} bytes", root.to_string().len());
        assert_eq!(root.to_string().parse(), Ok(root.clone()));
        assert_eq!((root.calls().web.len(), root.identity().envelope.as_str()), (MOST_NAMES, ""));
    }

    proptest! {
        #[test]
        fn every_root_is_read_back(
            hashes in prop::collection::vec(any::<u64>(), 0..300), pairs in any::<u32>(),
            texts in prop::collection::vec(any::<String>(), 5), all in prop::collection::btree_set(any::<String>(), 0..40),
        ) {
            let identity = Identity {
                address: texts[0].clone(), domain: texts[1].clone(), envelope: texts[2].clone(),
                reply_to: all.clone(), dkim: all.clone(), is_authenticated: pairs % 2 == 0,
            };
            let calls = Calls { web: all.clone(), mail: all.clone(), phone: all };
            let root = Root::new(Sketch::new(hashes, pairs), identity, calls, &texts[3], &texts[4]);
            prop_assert_eq!(root.to_string().parse(), Ok(root));
        }

        #[test]
        fn no_text_stops_the_reading(text in any::<String>(), bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = text.parse::<Root>();
            let encoded = format!("{ROOT_PREFIX}{}", BASE64URL_NOPAD.encode(&bytes));
            prop_assert!(encoded.parse::<Root>().is_err());
        }

        #[test]
        fn each_changed_character_is_found(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
            let text = root(0..30).to_string();
            let at = ROOT_PREFIX.len() + at.index(text.len() - ROOT_PREFIX.len());
            let changed = format!("{}{to}{}", &text[..at], &text[at + 1..]);
            prop_assert!(changed == text || changed.parse::<Root>().is_err());
        }
    }
}
