//! The contract of a connector, checked on every answer: the right number of outcomes, in order, for the requested
//! messages; pages no larger than requested; cursors that advance. A violation is a [`Breach`] and ends the call,
//! because nothing in such an answer can be trusted.
//!
//! What the sender of a message chooses (its Message-ID, subject, addresses) is not a violation.

use clawback_model::{FeatureRequest, LONGEST_SKETCH, visible_line};

use crate::imports::bindings::clawback::mail_store::types as wit;
use crate::imports::bindings::examining::exports::clawback::mail_store::examiner;
use crate::limits::SandboxLimits;

/// A violation of the contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Breach {
    #[error("answered {given} messages on a page of at most {most}")]
    PageTooLarge { given: usize, most: u32 },
    #[error("answered {given} {what} to {asked} questions")]
    Count { what: &'static str, given: usize, asked: usize },
    #[error(
        "answered about `{given}` where `{asked}` was asked (number {number}): answers keep the order of the questions"
    )]
    OtherLocator { number: usize, given: String, asked: String },
    #[error("gave back the cursor that it was called with, so the search would never end")]
    CursorRepeats,
    #[error("gave a cursor of {given} bytes; at most {most} are allowed")]
    CursorTooLong { given: usize, most: usize },
    #[error("gave a locator of {given} bytes; 1 to {most} are allowed")]
    Locator { given: usize, most: usize },
    #[error("gave a fingerprint of {given} bytes; 1 to 256 are allowed")]
    Fingerprint { given: usize },
    #[error("gave a location with an invalid path: {why}")]
    Location { why: &'static str },
    #[error("answered {given} bytes where at most {most} were asked for")]
    RawTooLarge { given: usize, most: u64 },
    #[error("describes itself wrongly: {what}")]
    Capabilities { what: &'static str },
    #[error("gave a sketch that is not at most {most} ascending hashes")]
    Sketch { most: usize },
    #[error("claims a success without saying where the message is now")]
    ReceiptWithoutPlace,
}

const MOST_FINGERPRINT_BYTES: usize = 256;

pub(crate) fn check_capabilities(capabilities: &wit::Capabilities) -> Result<(), Breach> {
    let named = |text: &str| !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !named(&capabilities.name) {
        return Err(Breach::Capabilities { what: "its name is not 1 to 64 visible ASCII characters" });
    }
    if !named(&capabilities.version) || !capabilities.version.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Breach::Capabilities { what: "its version is not a semantic version" });
    }
    if capabilities.largest_batch == 0 || capabilities.calls_per_mailbox == 0 {
        return Err(Breach::Capabilities { what: "it takes no target or no call at all" });
    }
    if capabilities.search_fields.len() > 64 || capabilities.actions.len() > 64 {
        return Err(Breach::Capabilities { what: "it has more than 64 actions or search fields" });
    }
    Ok(())
}

pub(crate) fn check_cursor(asked: Option<&str>, next: Option<&str>, limits: &SandboxLimits) -> Result<(), Breach> {
    match next {
        Some(next) if asked == Some(next) => Err(Breach::CursorRepeats),
        Some(next) if next.len() > limits.cursor_bytes => {
            Err(Breach::CursorTooLong { given: next.len(), most: limits.cursor_bytes })
        }
        _ => Ok(()),
    }
}

pub(crate) fn check_page(
    page: &wit::MessagePage,
    asked: Option<&str>,
    most: u32,
    limits: &SandboxLimits,
) -> Result<(), Breach> {
    check_size(page.messages.len(), most)?;
    check_cursor(asked, page.next.as_deref(), limits)?;
    for message in &page.messages {
        check_reference(&message.ref_, limits)?;
        check_location(&message.location, limits)?;
        message.original_location.iter().try_for_each(|location| check_location(location, limits))?;
    }
    Ok(())
}

pub(crate) fn check_size(given: usize, most: u32) -> Result<(), Breach> {
    if given > most as usize { Err(Breach::PageTooLarge { given, most }) } else { Ok(()) }
}

pub(crate) fn check_located<'a>(
    answers: &[wit::Located],
    asked: impl ExactSizeIterator<Item = &'a str>,
    limits: &SandboxLimits,
) -> Result<(), Breach> {
    check_order("locations", answers.iter().map(|answer| answer.locator.as_str()), asked)?;
    for sighting in answers.iter().flat_map(|answer| &answer.sightings) {
        check_reference(&sighting.ref_, limits)?;
        check_location(&sighting.location, limits)?;
    }
    Ok(())
}

pub(crate) fn check_outcomes<'a>(
    outcomes: &[wit::Outcome],
    action: wit::Action,
    asked: impl ExactSizeIterator<Item = &'a str>,
    limits: &SandboxLimits,
) -> Result<(), Breach> {
    check_order("outcomes", outcomes.iter().map(|outcome| outcome.locator.as_str()), asked)?;
    for outcome in outcomes {
        match &outcome.effect {
            wit::Effect::Succeeded(receipt) => {
                check_location(&receipt.former.location, limits)?;
                receipt.now.iter().try_for_each(|reference| check_reference(reference, limits))?;
                receipt.location.iter().try_for_each(|location| check_location(location, limits))?;
                if receipt.location.is_none() && action != wit::Action::HardDelete {
                    return Err(Breach::ReceiptWithoutPlace);
                }
            }
            wit::Effect::MovedSince(location) => check_location(location, limits)?,
            wit::Effect::AlreadyInDestination | wit::Effect::NotFound | wit::Effect::Failed(_) => {}
        }
    }
    Ok(())
}

/// Checks the number of answers about calendar entries.
pub(crate) fn check_entries(given: usize, asked: usize) -> Result<(), Breach> {
    if given == asked { Ok(()) } else { Err(Breach::Count { what: "calendar entries", given, asked }) }
}

/// Checks the answers about some messages.
pub(crate) fn check_examined(
    answers: &[examiner::Examined],
    asked: usize,
    request: &FeatureRequest,
) -> Result<(), Breach> {
    if answers.len() != asked {
        return Err(Breach::Count { what: "examinations", given: answers.len(), asked });
    }
    answers.iter().try_for_each(|answer| match answer {
        examiner::Examined::Features(features) => check_features(features, request),
        examiner::Examined::NotFound | examiner::Examined::Failed(_) => Ok(()),
    })
}

/// Checks that every text that was asked for has an answer, and that a sketch is one.
pub(crate) fn check_features(features: &examiner::Features, request: &FeatureRequest) -> Result<(), Breach> {
    for (what, given, asked) in [
        ("texts", features.body_contains.len(), request.asked.body_contains.len()),
        ("addresses", features.urls.len(), request.asked.urls.len()),
    ] {
        if given != asked {
            return Err(Breach::Count { what, given, asked });
        }
    }
    let hashes = &features.sketch.hashes;
    if hashes.len() > LONGEST_SKETCH || !hashes.is_sorted_by(|one, next| one < next) {
        return Err(Breach::Sketch { most: LONGEST_SKETCH });
    }
    Ok(())
}

pub(crate) fn check_raw(given: usize, most: u64) -> Result<(), Breach> {
    if given as u64 > most { Err(Breach::RawTooLarge { given, most }) } else { Ok(()) }
}

fn check_order<'a, 'b>(
    what: &'static str,
    given: impl ExactSizeIterator<Item = &'a str>,
    asked: impl ExactSizeIterator<Item = &'b str>,
) -> Result<(), Breach> {
    if given.len() != asked.len() {
        return Err(Breach::Count { what, given: given.len(), asked: asked.len() });
    }
    match given.zip(asked).enumerate().find(|(_, (given, asked))| given != asked) {
        None => Ok(()),
        Some((number, (given, asked))) => {
            Err(Breach::OtherLocator { number, given: visible_line(given, 80), asked: visible_line(asked, 80) })
        }
    }
}

fn check_reference(reference: &wit::MessageRef, limits: &SandboxLimits) -> Result<(), Breach> {
    let given = reference.locator.len();
    if given == 0 || given > limits.locator_bytes {
        return Err(Breach::Locator { given, most: limits.locator_bytes });
    }
    let given = reference.fingerprint.len();
    if given == 0 || given > MOST_FINGERPRINT_BYTES {
        return Err(Breach::Fingerprint { given });
    }
    Ok(())
}

fn check_location(location: &wit::Location, limits: &SandboxLimits) -> Result<(), Breach> {
    let path = &location.path;
    if path.len() > limits.path_bytes {
        return Err(Breach::Location { why: "too long" });
    }
    if path.contains(['\0', '\r', '\n']) {
        return Err(Breach::Location { why: "it holds a NUL or a line break" });
    }
    if path.is_empty() && location.kind == wit::LocationKind::Folder {
        return Err(Breach::Location { why: "a folder of the owner's own needs its path" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(locator: &str) -> wit::MessageRef {
        wit::MessageRef { locator: locator.into(), message_id: String::new(), fingerprint: "ab".into() }
    }

    fn outcome(locator: &str) -> wit::Outcome {
        wit::Outcome { locator: locator.into(), effect: wit::Effect::NotFound }
    }

    #[test]
    fn outcomes_answer_what_was_asked_in_order() {
        let check = |given: &[&str], asked: &[&'static str]| {
            let outcomes: Vec<_> = given.iter().map(|locator| outcome(locator)).collect();
            let limits = SandboxLimits::default();
            check_outcomes(&outcomes, wit::Action::SoftDelete, asked.iter().copied(), &limits)
        };
        assert_eq!(check(&["a", "b"], &["a", "b"]), Ok(()));
        assert_eq!(check(&["a"], &["a", "b"]), Err(Breach::Count { what: "outcomes", given: 1, asked: 2 }));
        assert_eq!(check(&["a", "b", "b"], &["a", "b"]), Err(Breach::Count { what: "outcomes", given: 3, asked: 2 }));
        assert!(matches!(check(&["b", "a"], &["a", "b"]), Err(Breach::OtherLocator { number: 0, .. })));
    }

    #[test]
    fn cursors_move_and_stay_short() {
        let limits = SandboxLimits::default();
        assert_eq!(check_cursor(None, Some("1"), &limits), Ok(()));
        assert_eq!(check_cursor(Some("1"), None, &limits), Ok(()));
        assert_eq!(check_cursor(Some("1"), Some("1"), &limits), Err(Breach::CursorRepeats));
        let long = "x".repeat(limits.cursor_bytes + 1);
        assert!(matches!(check_cursor(None, Some(&long), &limits), Err(Breach::CursorTooLong { .. })));
        assert_eq!(check_cursor(None, Some(&long[1..]), &limits), Ok(()));
    }

    #[test]
    fn locators_and_locations_have_bounds() {
        let limits = SandboxLimits::default();
        assert_eq!(check_reference(&reference(&"x".repeat(1_024)), &limits), Ok(()));
        assert!(check_reference(&reference(&"x".repeat(1_025)), &limits).is_err());
        assert!(check_reference(&reference(""), &limits).is_err());
        let place = |path: &str| wit::Location { kind: wit::LocationKind::Folder, path: path.into() };
        assert_eq!(check_location(&place("Work/2026"), &limits), Ok(()));
        for wrong in ["", "a\0b", "a\nb", &"x".repeat(5_000)] {
            assert!(check_location(&place(wrong), &limits).is_err());
        }
    }

    #[test]
    fn a_success_says_where_the_message_is() {
        let former = wit::Former {
            location: wit::Location { kind: wit::LocationKind::Inbox, path: "INBOX".into() },
            flags: Vec::new(),
        };
        let outcome = wit::Outcome {
            locator: "a".into(),
            effect: wit::Effect::Succeeded(wit::Receipt { former, now: None, location: None }),
        };
        let check = |action| {
            check_outcomes(std::slice::from_ref(&outcome), action, ["a"].into_iter(), &SandboxLimits::default())
        };
        assert_eq!(check(wit::Action::HardDelete), Ok(()));
        assert_eq!(check(wit::Action::SoftDelete), Err(Breach::ReceiptWithoutPlace));
    }
}
