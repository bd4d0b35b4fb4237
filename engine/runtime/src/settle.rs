//! After a crash or a lost connection: finds out what had been done already, before anything is done again.

use clawback_connectors::{Aim, CallError, MailStore};
use clawback_model::{Action, Former, Location, Receipt, Sighting, Target};

/// Receipts of the targets that turn out to be done, by number; their aims are taken out of `aims`. An aim that has been
/// half done (restored, but not its flags) is pointed at where the message is now.
pub(crate) async fn settle(
    store: &dyn MailStore,
    mailbox: &str,
    action: Action,
    targets: &[&Target],
    aims: &mut Vec<Aim>,
) -> Result<Vec<(u32, Receipt)>, CallError> {
    let references: Vec<_> = targets.iter().map(|target| target.reference.clone()).collect();
    let located = store.locate(mailbox, &references).await?;
    let mut done = Vec::new();
    let mut open = Vec::with_capacity(aims.len());
    for ((target, aim), found) in targets.iter().zip(aims.drain(..)).zip(located) {
        match judge(target, action, &found.sightings) {
            Verdict::Done(receipt) => done.push((target.seq, receipt)),
            Verdict::Open => open.push(aim),
        }
    }
    *aims = open;
    Ok(done)
}

enum Verdict {
    Done(Receipt),
    Open,
}

fn judge(target: &Target, action: Action, sightings: &[Sighting]) -> Verdict {
    let at_plan = sightings.iter().any(|seen| same_place(&seen.location, &target.location));
    if at_plan {
        return Verdict::Open;
    }
    let former = |flags: &[String]| Former { location: target.location.clone(), flags: flags.to_vec() };
    if action == Action::HardDelete && sightings.is_empty() {
        return Verdict::Done(Receipt { former: former(&[]), now: None, location: None });
    }
    let arrived = sightings.iter().find(|seen| match (&target.former, action.destination()) {
        (Some(wanted), _) => same_place(&seen.location, &wanted.location) && same_flags(&seen.flags, &wanted.flags),
        (None, Some(kind)) => seen.location.kind == kind,
        (None, None) => false,
    });
    match arrived {
        Some(seen) => Verdict::Done(Receipt {
            former: former(&seen.flags),
            now: Some(seen.reference.clone()),
            location: Some(seen.location.clone()),
        }),
        None => Verdict::Open,
    }
}

fn same_place(one: &Location, other: &Location) -> bool {
    one.kind == other.kind && one.path == other.path
}

fn same_flags(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|flag| other.iter().any(|known| known.eq_ignore_ascii_case(flag)))
}
