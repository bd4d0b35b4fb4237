//! After a crash or a lost connection: determines what was done already, before anything is done again.

use std::collections::HashSet;

use clawback_connectors::{ActionTarget, CallError, MailStore};
use clawback_model::{Action, Located, Location, LocationKind, Receipt, RestorePoint, Sighting, Target};

/// Returns the receipts of the targets that were acted on already, by number, and removes them from `aims`.
pub(crate) async fn reconcile(
    store: &dyn MailStore,
    mailbox: &str,
    action: Action,
    targets: &[&Target],
    aims: &mut Vec<ActionTarget>,
) -> Result<Vec<(u32, Receipt)>, CallError> {
    let references: Vec<_> = targets.iter().map(|target| target.reference.clone()).collect();
    Ok(judged(store.locate(mailbox, &references).await?, action, targets, aims))
}

/// The same for targets that have been located.
pub(crate) fn judged(
    located: Vec<Located>,
    action: Action,
    targets: &[&Target],
    aims: &mut Vec<ActionTarget>,
) -> Vec<(u32, Receipt)> {
    let mut done = Vec::new();
    let mut open = Vec::with_capacity(aims.len());
    // Identical copies appear in each other's answers; a copy that was found confirms one target only.
    let mut claimed = HashSet::new();
    for ((target, aim), found) in targets.iter().zip(aims.drain(..)).zip(located) {
        match judge(target, action, &found.sightings, &mut claimed) {
            Some(receipt) => done.push((target.seq, receipt)),
            None => open.push(aim),
        }
    }
    *aims = open;
    done
}

/// The receipt of a target that was acted on. Returns `None` if it was not, or if that cannot be determined.
fn judge(target: &Target, action: Action, sightings: &[Sighting], claimed: &mut HashSet<String>) -> Option<Receipt> {
    // Compares places: a store's handles may stay the same when a message moves, and then prove nothing.
    let untouched = |seen: &Sighting| {
        seen.reference.locator == target.reference.locator && same_place(&seen.location, &target.location)
    };
    if sightings.iter().any(untouched) {
        return None;
    }
    let former = |flags: &[String]| RestorePoint { location: target.location.clone(), flags: flags.to_vec() };
    if action == Action::HardDelete {
        return sightings.is_empty().then(|| Receipt {
            former: former(&[]),
            now: None,
            location: None,
            evidence: None,
            calendar_entry: None,
        });
    }
    let arrived = |seen: &&Sighting| match (&target.former, action.destination()) {
        (Some(wanted), _) => same_place(&seen.location, &wanted.location) && same_flags(&seen.flags, &wanted.flags),
        (None, Some(kind)) => seen.location.kind == kind,
        (None, None) => false,
    };
    // The mailbox's owner may have moved it while an older copy is in the destination: then nothing is confirmed.
    let elsewhere = |seen: &Sighting| !arrived(&seen) && !same_place(&seen.location, &target.location);
    if sightings.iter().any(elsewhere) {
        return None;
    }
    let seen = sightings.iter().filter(arrived).find(|seen| !claimed.contains(&seen.reference.locator))?;
    claimed.insert(seen.reference.locator.clone());
    Some(Receipt {
        former: former(&seen.flags),
        now: Some(seen.reference.clone()),
        location: Some(seen.location.clone()),
        evidence: None,
        calendar_entry: None,
    })
}

fn same_place(one: &Location, other: &Location) -> bool {
    one.kind == other.kind && (one.path == other.path || one.kind == LocationKind::Inbox)
}

fn same_flags(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|flag| other.iter().any(|known| known.eq_ignore_ascii_case(flag)))
}

#[cfg(test)]
mod tests {
    use clawback_model::{MessageRef, Timestamp};

    use super::*;

    fn reference(locator: &str) -> MessageRef {
        MessageRef { locator: locator.into(), message_id: "<1@x>".into(), fingerprint: "f".into() }
    }

    fn target(locator: &str) -> Target {
        Target {
            seq: 0,
            store: "corp".into(),
            mailbox: "ann@x".into(),
            reference: reference(locator),
            location: Location::new(LocationKind::Inbox, "INBOX"),
            original_location: None,
            subject: String::new(),
            from_address: String::new(),
            received_at: Timestamp(0),
            former: None,
            not_remediable: None,
            script_reason: None,
            script_tag: None,
        }
    }

    fn seen(locator: &str, kind: LocationKind, path: &str) -> Sighting {
        Sighting { reference: reference(locator), location: Location::new(kind, path), flags: vec![] }
    }

    fn verdict(action: Action, sightings: &[Sighting]) -> Option<Receipt> {
        judge(&target("in1"), action, sightings, &mut HashSet::new())
    }

    #[test]
    fn a_message_in_the_destination_is_done_and_one_still_in_place_is_not() {
        let there = seen("in1", LocationKind::Inbox, "INBOX");
        let arrived = seen("r1", LocationKind::RecoverableItems, "R");
        assert!(verdict(Action::SoftDelete, std::slice::from_ref(&there)).is_none());
        assert!(verdict(Action::SoftDelete, &[there, arrived.clone()]).is_none(), "an older copy proves nothing");
        assert_eq!(verdict(Action::SoftDelete, &[arrived]).unwrap().now, Some(reference("r1")));
        assert!(verdict(Action::SoftDelete, &[]).is_none());
        assert!(verdict(Action::HardDelete, &[]).is_some());
    }

    #[test]
    fn a_handle_that_stays_the_same_proves_nothing() {
        let arrived = seen("in1", LocationKind::RecoverableItems, "R");
        assert_eq!(verdict(Action::SoftDelete, std::slice::from_ref(&arrived)).unwrap().now, Some(reference("in1")));
        let restore = Target {
            former: Some(RestorePoint { location: arrived.location.clone(), flags: vec![] }),
            ..target("in1")
        };
        assert!(judge(&restore, Action::Restore, &[arrived], &mut HashSet::new()).is_some());
    }

    #[test]
    fn a_message_that_its_owner_moved_is_not_confirmed_by_an_older_copy() {
        let old = seen("r1", LocationKind::RecoverableItems, "R");
        let moved = seen("k1", LocationKind::Folder, "Keep");
        assert!(verdict(Action::SoftDelete, &[old, moved]).is_none());
    }

    #[test]
    fn one_copy_confirms_one_target() {
        let mut claimed = HashSet::new();
        let both = [seen("r1", LocationKind::RecoverableItems, "R"), seen("r2", LocationKind::RecoverableItems, "R")];
        let first = judge(&target("in1"), Action::SoftDelete, &both, &mut claimed).unwrap();
        let second = judge(&target("in2"), Action::SoftDelete, &both, &mut claimed).unwrap();
        assert_ne!(first.now, second.now);
        assert!(judge(&target("in3"), Action::SoftDelete, &both, &mut claimed).is_none());
        let other = seen("in2", LocationKind::Inbox, "INBOX");
        let arrived = seen("r1", LocationKind::RecoverableItems, "R");
        assert!(
            verdict(Action::SoftDelete, &[other, arrived]).is_some(),
            "the twin that is still there is another message"
        );
    }
}
