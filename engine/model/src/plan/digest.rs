//! The digest of a plan.
//!
//! A plan of version 2 is a text: the line `clawback plan 2`, the header as JSON on one line, and each target as JSON
//! on one line. 64 lines of targets are a part. The digest is the sha256 of the first two lines, the sha256 of each
//! part in hexadecimal digits on a line, and the number of targets in decimal digits on a line. For that text in a file
//! `plan`,
//!
//! ```sh
//! { sed -n 1,2p plan; tail -n +3 plan | split -l 64 --filter='sha256sum | cut -c1-64'; echo $(($(wc -l <plan) - 2)); } | sha256sum
//! ```
//!
//! prints the digest. Once the digests of all parts are verified, each part can be verified alone: acting on a few
//! targets reads no others.
//!
//! Version 1, of plans whose header has no terms, is one sha256 over everything, each text preceded by its length.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::header::PlanHeader;
use super::target::Target;
use crate::clock::Timestamp;
use crate::location::Location;
use crate::outcome::{Reason, RestorePoint};
use crate::sha256::{Digest, PlanDigest};

/// The number of targets in a part.
pub const LINES_OF_A_PART: u32 = 64;

/// The first line of a plan's text.
const VERSION: &str = "clawback plan 2\n";

/// The digests of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashed {
    /// The digest that approvers approve.
    pub digest: PlanDigest,
    /// The digest of each part. `None` for version 1, which has no parts.
    pub parts: Option<PlanParts>,
}

/// The digests of a plan's parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanParts {
    digests: Vec<Digest>,
    targets: u64,
}

/// Computes the digests of parts as targets stream by.
#[derive(Debug, Default)]
pub struct PartHasher {
    hash: Sha256,
    line: Vec<u8>,
    parts: PlanParts,
}

/// Computes a plan's digest as its targets stream by.
#[derive(Debug)]
pub struct PlanHasher(Version);

#[derive(Debug)]
enum Version {
    One(Box<First>),
    Two { header: String, parts: PartHasher },
}

/// Returns the first two lines of a plan's text.
pub fn header_line(header: &PlanHeader) -> String {
    // Field order is the struct's and maps are sorted: the same header always gives the same bytes.
    let json = serde_json::to_string(header).expect("texts, numbers and maps by text serialize");
    format!("{VERSION}{json}\n")
}

/// A target as it is written in a plan's text.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Line<'a> {
    seq: u32,
    store: &'a str,
    mailbox: &'a str,
    locator: &'a str,
    message_id: &'a str,
    fingerprint: &'a str,
    location: &'a Location,
    original_location: Option<&'a Location>,
    subject: &'a str,
    from_address: &'a str,
    /// Microseconds since 1970-01-01 UTC.
    received_at: Timestamp,
    former: Option<&'a RestorePoint>,
    not_remediable: Option<Reason>,
    script_reason: Option<&'a str>,
    script_tag: Option<&'a str>,
}

/// Writes the line of a target in a plan's text: JSON with every character of mail unescaped, and a line break.
pub fn target_line(target: &Target, into: &mut Vec<u8>) {
    let line = Line {
        seq: target.seq,
        store: &target.store,
        mailbox: &target.mailbox,
        locator: &target.reference.locator,
        message_id: &target.reference.message_id,
        fingerprint: &target.reference.fingerprint,
        location: &target.location,
        original_location: target.original_location.as_ref(),
        subject: &target.subject,
        from_address: &target.from_address,
        received_at: target.received_at,
        former: target.former.as_ref(),
        not_remediable: target.not_remediable,
        script_reason: target.script_reason.as_deref(),
        script_tag: target.script_tag.as_deref(),
    };
    serde_json::to_writer(&mut *into, &line).expect("texts and numbers serialize");
    into.push(b'\n');
}

impl PlanParts {
    /// Returns the number of targets.
    pub fn targets(&self) -> u64 {
        self.targets
    }

    /// Returns the digest of the plan with this header and these parts.
    pub fn digest(&self, header: &PlanHeader) -> PlanDigest {
        self.under(&header_line(header))
    }

    fn under(&self, header: &str) -> PlanDigest {
        let mut hash = Sha256::new();
        hash.update(header);
        for part in &self.digests {
            hash.update(format!("{part}\n"));
        }
        hash.update(format!("{}\n", self.targets));
        Digest(hash.finalize().into())
    }

    /// Compares parts, counted from `first`, with those of the plan. Returns the number of the first target of the
    /// first part that differs.
    pub fn first_other(&self, first: u32, found: &Self) -> Option<u32> {
        let at = |place: usize| u32::try_from(place).unwrap_or(u32::MAX).saturating_mul(LINES_OF_A_PART);
        let number = (first / LINES_OF_A_PART) as usize;
        let other = (number..).zip(&found.digests).find(|(number, part)| self.digests.get(*number) != Some(part))?;
        Some(at(other.0))
    }

    /// Returns the stored form: the digests concatenated.
    pub fn to_hex(&self) -> String {
        self.digests.iter().map(ToString::to_string).collect()
    }

    /// Parses the stored form; `None` if it is invalid.
    pub fn from_hex(text: &str, targets: u64) -> Option<Self> {
        let digests: Option<Vec<Digest>> = text
            .as_bytes()
            .chunks(64)
            .map(|digits| std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()))
            .collect();
        let digests = digests?;
        (digests.len() as u64 == targets.div_ceil(LINES_OF_A_PART.into())).then_some(Self { digests, targets })
    }
}

impl PartHasher {
    /// Adds the next target. The first one begins a part.
    pub fn add(&mut self, target: &Target) {
        self.line.clear();
        target_line(target, &mut self.line);
        self.hash.update(&self.line);
        self.parts.targets += 1;
        if self.parts.targets.is_multiple_of(LINES_OF_A_PART.into()) {
            self.parts.digests.push(Digest(self.hash.finalize_reset().into()));
        }
    }

    /// Returns the parts, of which the last may be short.
    pub fn finish(mut self) -> PlanParts {
        if !self.parts.targets.is_multiple_of(LINES_OF_A_PART.into()) {
            self.parts.digests.push(Digest(self.hash.finalize().into()));
        }
        self.parts
    }
}

impl PlanHasher {
    /// Starts with the header, which determines the version.
    pub fn new(header: &PlanHeader) -> Self {
        Self(match header.terms {
            None => Version::One(Box::new(First::new(header))),
            Some(_) => Version::Two { header: header_line(header), parts: PartHasher::default() },
        })
    }

    /// Adds the next target.
    pub fn add(&mut self, target: &Target) {
        match &mut self.0 {
            Version::One(first) => first.add(target),
            Version::Two { parts, .. } => parts.add(target),
        }
    }

    /// Returns the digests; the number of targets is included, so that a plan cannot be truncated.
    pub fn finish(self) -> Hashed {
        match self.0 {
            Version::One(first) => Hashed { digest: first.finish(), parts: None },
            Version::Two { header, parts } => {
                let parts = parts.finish();
                Hashed { digest: parts.under(&header), parts: Some(parts) }
            }
        }
    }
}

/// The hasher of version 1.
#[derive(Debug)]
struct First {
    hash: Sha256,
    line: Vec<u8>,
    targets: u64,
}

impl First {
    fn new(header: &PlanHeader) -> Self {
        let mut hasher = Self { hash: Sha256::new(), line: Vec::with_capacity(512), targets: 0 };
        hasher.put(b"clawback plan 1");
        // Field order is the struct's and maps are sorted: the same header always gives the same bytes.
        hasher.put(&serde_json::to_vec(header).expect("a header of texts and maps serializes"));
        hasher.flush();
        hasher
    }

    fn add(&mut self, target: &Target) {
        self.targets += 1;
        self.line.extend_from_slice(&target.seq.to_be_bytes());
        self.put(target.store.as_bytes());
        self.put(target.mailbox.as_bytes());
        self.put(target.reference.locator.as_bytes());
        self.put(target.reference.message_id.as_bytes());
        self.put(target.reference.fingerprint.as_bytes());
        self.put_location(Some(&target.location));
        self.put_location(target.original_location.as_ref());
        self.put(target.subject.as_bytes());
        self.put(target.from_address.as_bytes());
        self.line.extend_from_slice(&target.received_at.0.to_be_bytes());
        self.put_location(target.former.as_ref().map(|former| &former.location));
        if let Some(former) = &target.former {
            self.put(former.flags.join(" ").as_bytes());
        }
        self.put(target.not_remediable.map_or("", Reason::as_str).as_bytes());
        // Plans that were made before scripts' reasons and tags were kept keep their digest.
        if target.script_reason.is_some() || target.script_tag.is_some() {
            for text in [&target.script_reason, &target.script_tag] {
                self.line.push(u8::from(text.is_some()));
                self.put(text.as_deref().unwrap_or_default().as_bytes());
            }
        }
        self.flush();
    }

    fn finish(mut self) -> PlanDigest {
        self.line.extend_from_slice(&self.targets.to_be_bytes());
        self.flush();
        Digest(self.hash.finalize().into())
    }

    /// Hashes the length first, so that no two lists of texts give the same bytes.
    fn put(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).expect("texts of a target are far below 4 GiB");
        self.line.extend_from_slice(&length.to_be_bytes());
        self.line.extend_from_slice(bytes);
    }

    fn put_location(&mut self, location: Option<&Location>) {
        self.put(location.map_or("", |place| place.kind.as_str()).as_bytes());
        self.put(location.map_or("", |place| &place.path).as_bytes());
    }

    fn flush(&mut self) {
        self.hash.update(&self.line);
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Action;
    use crate::location::LocationKind;
    use crate::plan::header::Terms;
    use crate::plan::tests::reference;

    fn target(seq: u32) -> Target {
        Target {
            seq,
            store: "corp".into(),
            mailbox: "ann@corp.example".into(),
            reference: reference(seq),
            location: Location::new(LocationKind::Inbox, "INBOX"),
            original_location: None,
            subject: "Hello".into(),
            from_address: "eve@evil.example".into(),
            received_at: Timestamp(0),
            former: None,
            not_remediable: None,
            script_reason: None,
            script_tag: None,
        }
    }

    /// A header of version 2.
    fn header() -> PlanHeader {
        PlanHeader { playbook: "purge".into(), terms: Some(Terms::default()), ..PlanHeader::default() }
    }

    fn of_version_1() -> PlanHeader {
        PlanHeader { terms: None, ..header() }
    }

    fn hashed(header: &PlanHeader, targets: &[Target]) -> Hashed {
        let mut hasher = PlanHasher::new(header);
        for target in targets {
            hasher.add(target);
        }
        hasher.finish()
    }

    fn digest(header: &PlanHeader, targets: &[Target]) -> PlanDigest {
        hashed(header, targets).digest
    }

    fn former(folder: &str, flags: &[&str]) -> RestorePoint {
        let flags = flags.iter().map(ToString::to_string).collect();
        RestorePoint { location: Location::new(LocationKind::Inbox, folder), flags }
    }

    /// Changes, each of which makes another plan of the header and targets 0 and 1.
    fn changes() -> [fn(&mut PlanHeader, &mut Vec<Target>); 27] {
        [
            |header, _| header.action = Action::HardDelete,
            |header, _| header.playbook.push('x'),
            |header, _| header.playbook_digest.0[0] ^= 1,
            |header, _| _ = header.inputs.insert("sender".into(), "eve@evil.example".into()),
            |header, _| _ = header.scripts.insert("keep.rhai".into(), Digest([1; 32])),
            |header, _| _ = header.connectors.insert("corp".into(), "imap 1 00".into()),
            |_, targets| _ = targets.pop(),
            |_, targets| targets.swap(0, 1),
            |_, targets| targets[1].seq += 1,
            |_, targets| targets[1].store = "other".into(),
            |_, targets| targets[1].mailbox = "ben@corp.example".into(),
            |_, targets| targets[1].reference.locator.push('x'),
            |_, targets| targets[1].reference.message_id.push('x'),
            |_, targets| targets[1].reference.fingerprint.push('x'),
            |_, targets| targets[1].location.kind = LocationKind::Junk,
            |_, targets| targets[1].location.path.push('x'),
            |_, targets| targets[1].original_location = Some(Location::new(LocationKind::Junk, "")),
            |_, targets| targets[1].subject.push('x'),
            |_, targets| targets[1].from_address.push('x'),
            |_, targets| targets[1].received_at.0 += 1,
            |_, targets| targets[1].former = Some(former("INBOX", &[])),
            |_, targets| targets[1].former = Some(former("Junk", &[])),
            |_, targets| targets[1].former = Some(former("INBOX", &["x"])),
            |_, targets| targets[0].not_remediable = Some(Reason::ScriptError),
            |_, targets| targets[0].script_reason = Some("newsletter".into()),
            |_, targets| targets[0].script_tag = Some("newsletter".into()),
            |_, targets| {
                // The same bytes in other fields.
                targets[0].subject = "Helloe".into();
                targets[0].from_address = "ve@evil.example".into();
            },
        ]
    }

    #[test]
    fn anything_that_differs_gives_another_digest() {
        let plan = [target(0), target(1)];
        let mut digests = std::collections::BTreeSet::new();
        for version in [header(), of_version_1()] {
            assert!(digests.insert(digest(&version, &plan)));
            for (number, change) in changes().into_iter().enumerate() {
                let (mut header, mut targets) = (version.clone(), plan.to_vec());
                change(&mut header, &mut targets);
                assert!(digests.insert(digest(&header, &targets)), "change {number}");
            }
        }
    }

    #[test]
    fn every_term_is_covered() {
        let changes: [fn(&mut Terms); 9] = [
            |terms| _ = terms.grants.insert("corp".into(), crate::plan::header::Grant::new()),
            |terms| {
                let grant = [("directory".to_owned(), "/mail".to_owned())];
                _ = terms.grants.insert("corp".into(), grant.into());
            },
            |terms| _ = terms.lists.insert("vips".into(), Digest([1; 32])),
            |terms| terms.guards.batch += 1,
            |terms| terms.guards.stop_when.vips = Some(1),
            |terms| terms.throttles.messages_to_one += 1,
            |terms| terms.approval = Some(crate::approval::ApprovalRule::default()),
            |terms| {
                let hour = std::time::Duration::from_hours(1);
                let approval = crate::sweep::SweepApproval::Same;
                terms.sweep = Some(crate::sweep::Sweep { every: hour, lasts: hour, approval, at_most: 1 });
            },
            |terms| terms.delete_senders_copy = true,
        ];
        let mut digests = std::collections::BTreeSet::from([digest(&header(), &[target(0)])]);
        for (number, change) in changes.into_iter().enumerate() {
            let mut terms = Terms::default();
            change(&mut terms);
            let header = PlanHeader { terms: Some(terms), ..header() };
            assert!(digests.insert(digest(&header, &[target(0)])), "change {number}");
        }
    }

    #[test]
    fn a_part_is_checked_without_the_others() {
        let plan: Vec<Target> = (0..150).map(target).collect();
        let parts = hashed(&header(), &plan).parts.unwrap();
        assert_eq!((parts.digests.len(), parts.targets()), (3, 150));
        assert_eq!(parts.digest(&header()), digest(&header(), &plan));
        let of = |targets: &[Target]| {
            let mut hasher = PartHasher::default();
            for target in targets {
                hasher.add(target);
            }
            hasher.finish()
        };
        assert_eq!(parts.first_other(0, &of(&plan)), None);
        assert_eq!(parts.first_other(64, &of(&plan[64..128])), None);
        assert_eq!(parts.first_other(128, &of(&plan[128..])), None, "the last part is short");
        assert_eq!(parts.first_other(128, &of(&plan[128..149])), Some(128));
        assert_eq!(parts.first_other(0, &of(&plan[64..128])), Some(0), "right, and in another place");
        let mut other = plan[64..].to_vec();
        other[70].mailbox = "ben@corp.example".into();
        assert_eq!(parts.first_other(64, &of(&other)), Some(128));
        let beyond = of(&[target(192)]);
        assert_eq!(parts.first_other(192, &beyond), Some(192), "the plan has no such part");
    }

    #[test]
    fn parts_are_stored_as_digits() {
        let plan: Vec<Target> = (0..65).map(target).collect();
        let parts = hashed(&header(), &plan).parts.unwrap();
        let text = parts.to_hex();
        assert_eq!(text.len(), 128);
        assert_eq!(PlanParts::from_hex(&text, 65), Some(parts));
        for (text, targets) in [(&text[..64], 65), (&text[..127], 65), (&*text, 64), (&*text, 129), ("", 1)] {
            assert_eq!(PlanParts::from_hex(text, targets), None);
        }
        assert_eq!(PlanParts::from_hex("", 0), Some(PlanParts::default()));
    }

    #[test]
    fn the_text_of_a_plan_is_what_is_hashed() {
        let plan: Vec<Target> = (0..65).map(target).collect();
        let part = |targets: &[Target]| {
            let mut lines = Vec::new();
            for target in targets {
                target_line(target, &mut lines);
            }
            Digest::of(&lines)
        };
        let text = format!("{}{}\n{}\n65\n", header_line(&header()), part(&plan[..64]), part(&plan[64..]));
        assert_eq!(digest(&header(), &plan), Digest::of(text.as_bytes()));
    }

    #[test]
    fn digests_of_plans_stay_what_they_were() {
        let mut plan = [target(0), target(1)];
        assert_eq!(digest(&of_version_1(), &plan).short(), "70392c7fd405");
        // Without reasons and tags of scripts nothing is added, so plans made before they were kept keep their digest.
        plan[1].script_reason = Some(String::new());
        assert_ne!(digest(&of_version_1(), &plan), digest(&of_version_1(), &[target(0), target(1)]));
        let of_version_2 = digest(&header(), &[target(0), target(1)]);
        assert_eq!(of_version_2.short(), "8ab64162eea9");
    }
}
