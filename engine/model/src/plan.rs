//! Plans: the frozen, ordered list of targets, and the digest that approvers approve.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::action::Action;
use crate::chain::Digest;
use crate::clock::Timestamp;
use crate::counts::Counts;
use crate::guard::PlanFacts;
use crate::location::Location;
use crate::message::MessageRef;
use crate::outcome::{Former, Reason};

/// The digest of a plan: sha256 over its header and every target in order.
pub type PlanDigest = Digest;

/// Everything beside the targets that decides what will happen. A change in any of it is another plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PlanHeader {
    /// What is done to each target.
    pub action: Action,
    /// Name of the playbook.
    pub playbook: String,
    /// sha256 of the playbook's source text.
    pub playbook_digest: Digest,
    /// The inputs it was given.
    pub inputs: BTreeMap<String, String>,
    /// sha256 of each script's source text, by name.
    pub scripts: BTreeMap<String, Digest>,
    /// `connector version sha256` of each store, by store name.
    pub connectors: BTreeMap<String, String>,
}

/// One message of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its number, from 0, without gaps.
    pub seq: u32,
    /// Name of its store.
    pub store: Arc<str>,
    /// Its mailbox.
    pub mailbox: Arc<str>,
    /// How to find it.
    pub reference: MessageRef,
    /// Where it was at plan time.
    pub location: Location,
    /// Where it was first delivered, if known.
    pub original_location: Option<Location>,
    /// Decoded subject; hostile.
    pub subject: String,
    /// From address; hostile.
    pub from_address: String,
    /// When the store received it.
    pub received_at: Timestamp,
    /// What a restore goes back to.
    pub former: Option<Former>,
    /// Why nothing can be done to it; none if something can.
    pub not_remediable: Option<Reason>,
    /// Why the scripts kept it, in their words.
    pub script_reason: Option<String>,
    /// The word that a script groups it by.
    pub script_tag: Option<String>,
}

/// What approvers see of a frozen plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PlanSummary {
    /// What they approve.
    pub digest: PlanDigest,
    /// Submitted, remediable and not.
    pub counts: Counts,
    /// Mailboxes, VIPs.
    pub facts: PlanFacts,
}

/// Computes a plan's digest while its targets stream by.
#[derive(Debug)]
pub struct PlanHasher {
    hash: Sha256,
    line: Vec<u8>,
    targets: u64,
}

impl PlanHasher {
    /// Starts with the header.
    pub fn new(header: &PlanHeader) -> Self {
        let mut hasher = Self { hash: Sha256::new(), line: Vec::with_capacity(512), targets: 0 };
        hasher.put(b"clawback plan 1");
        // Field order is the struct's, maps are sorted: the same header always gives the same bytes.
        hasher.put(&serde_json::to_vec(header).expect("a header of texts and maps serializes"));
        hasher.flush();
        hasher
    }

    /// Adds the next target.
    pub fn add(&mut self, target: &Target) {
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
        // Plans from before scripts' words were kept have the digest that they had.
        if target.script_reason.is_some() || target.script_tag.is_some() {
            for text in [&target.script_reason, &target.script_tag] {
                self.line.push(u8::from(text.is_some()));
                self.put(text.as_deref().unwrap_or_default().as_bytes());
            }
        }
        self.flush();
    }

    /// The digest; ends with the number of targets, so that a plan cannot be cut.
    pub fn finish(mut self) -> PlanDigest {
        self.line.extend_from_slice(&self.targets.to_be_bytes());
        self.flush();
        Digest(self.hash.finalize().into())
    }

    /// Length first, so that no two lists of texts give the same bytes.
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
pub(crate) mod tests {
    use super::*;
    use crate::location::LocationKind;
    use crate::message::Message;

    pub(crate) fn message(number: u32) -> Message {
        Message {
            store: "corp".into(),
            mailbox: "ann@corp.example".into(),
            reference: reference(number),
            location: Location::new(LocationKind::Inbox, "INBOX"),
            original_location: None,
            subject: "Hello".into(),
            from_address: "eve@evil.example".into(),
            from_name: String::new(),
            also_from: Vec::new(),
            cut: Vec::new(),
            to: vec![],
            received_at: Timestamp(0),
            size: 1_000,
            flags: vec![],
            attachments: vec![],
            headers: vec![],
        }
    }

    fn reference(number: u32) -> MessageRef {
        MessageRef {
            locator: format!("1:{number}:INBOX"),
            message_id: format!("<{number}@evil.example>"),
            fingerprint: format!("{number:032x}"),
        }
    }

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

    fn header() -> PlanHeader {
        PlanHeader {
            action: Action::SoftDelete,
            playbook: "purge".into(),
            playbook_digest: Digest([0; 32]),
            inputs: BTreeMap::new(),
            scripts: BTreeMap::new(),
            connectors: BTreeMap::new(),
        }
    }

    fn digest(header: &PlanHeader, targets: &[Target]) -> PlanDigest {
        let mut hasher = PlanHasher::new(header);
        for target in targets {
            hasher.add(target);
        }
        hasher.finish()
    }

    fn former(folder: &str, flags: &[&str]) -> Former {
        let flags = flags.iter().map(ToString::to_string).collect();
        Former { location: Location::new(LocationKind::Inbox, folder), flags }
    }

    #[test]
    fn anything_that_differs_gives_another_digest() {
        let plan = [target(0), target(1)];
        let base = digest(&header(), &plan);
        assert_eq!(base, digest(&header(), &plan));
        let changes: [fn(&mut PlanHeader, &mut Vec<Target>); 27] = [
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
        ];
        let mut digests = std::collections::BTreeSet::from([base]);
        for (number, change) in changes.into_iter().enumerate() {
            let (mut header, mut targets) = (header(), plan.to_vec());
            change(&mut header, &mut targets);
            assert!(digests.insert(digest(&header, &targets)), "change {number}");
        }
    }

    #[test]
    fn digests_of_plans_stay_what_they_were() {
        let mut plan = [target(0), target(1)];
        assert_eq!(digest(&header(), &plan).short(), "70392c7fd405");
        // Without words of scripts nothing is added, so plans of before they were kept have the digest that they had.
        plan[1].script_reason = Some(String::new());
        assert_ne!(digest(&header(), &plan), digest(&header(), &[target(0), target(1)]));
    }
}
