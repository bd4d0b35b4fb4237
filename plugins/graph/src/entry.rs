//! The entry that an invitation left in a calendar: whether it may be removed, and what is kept of it. No requests.

use clawback_connector_sdk::types::{Action, Location, LocationKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::wire::{Mail, Recipient};

/// The types of a message that have an entry: requests and cancellations, but not the answers of attendees.
const INVITATIONS: [&str; 2] = ["#microsoft.graph.eventMessageRequest", "#microsoft.graph.eventMessage"];
/// The answers of an owner who has not answered.
const UNANSWERED: [&str; 2] = ["none", "notResponded"];
/// The types of an entry that is a meeting as a whole.
const WHOLE: [&str; 2] = ["singleInstance", "seriesMaster"];
/// The longest name of a place that is kept.
const PLACE: usize = 255;

/// An invitation among the messages of a call.
#[derive(Debug, Clone)]
pub(crate) struct Invitation {
    /// The index of its target.
    pub(crate) at: usize,
    pub(crate) id: String,
    /// The addresses of its sender, in lower case.
    pub(crate) senders: Vec<String>,
    /// Where it was before its entry was removed, or is when the entry comes back.
    pub(crate) place: Location,
}

impl Invitation {
    /// Returns a message as an invitation, if it is one.
    pub(crate) fn of(at: usize, mail: &Mail, place: Location) -> Option<Self> {
        let kind = mail.kind.as_deref()?;
        if !INVITATIONS.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
            return None;
        }
        let senders = [&mail.from, &mail.sender].into_iter().flatten().filter_map(address).collect();
        Some(Self { at, id: mail.id.clone(), senders, place })
    }
}

fn address(recipient: &Recipient) -> Option<String> {
    let address = recipient.email_address.as_ref()?.address.as_ref()?;
    (!address.is_empty()).then(|| address.to_lowercase())
}

/// An entry, as far as it decides what is done.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Event {
    pub(crate) id: String,
    organizer: Option<Recipient>,
    is_organizer: Option<bool>,
    #[serde(rename = "type")]
    kind: Option<String>,
    response_status: Option<ResponseStatus>,
    pub(crate) transaction_id: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct ResponseStatus {
    response: Option<String>,
}

/// What is kept of an entry, to create it again: in the spelling of Graph.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Kept {
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_all_day: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recurrence: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    show_as: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_reminder_on: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reminder_minutes_before_start: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct Place {
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
}

impl Kept {
    /// Reads what is kept of an entry. Its subject and text are those of the invitation.
    pub(crate) fn of(event: &Value) -> Self {
        let mut kept: Self = Deserialize::deserialize(event).unwrap_or_default();
        if let Some(name) = kept.location.as_mut().and_then(|place| place.display_name.as_mut())
            && name.chars().count() > PLACE
        {
            *name = name.chars().take(PLACE).collect();
        }
        kept
    }

    /// Whether an entry can be made of it.
    pub(crate) fn is_whole(&self) -> bool {
        self.start.is_some() && self.end.is_some()
    }
}

/// What an act notes on an invitation before it removes the entry. It stays with the message when that moves, so an act
/// that was interrupted, and an undo, find it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Mark {
    /// The id of the entry; of the new one, once it is back.
    pub(crate) entry: String,
    /// What the server tells repeated requests by that create the entry again.
    pub(crate) transaction: String,
    /// Where the invitation was.
    pub(crate) from: (String, String),
    /// The action that removed the entry.
    pub(crate) act: String,
    pub(crate) is_back: bool,
    pub(crate) kept: Kept,
}

impl Mark {
    /// Reads the note; `None` if it is none of ours.
    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Whether the entry comes back when the invitation comes to this place.
    pub(crate) fn is_of(&self, place: &Location) -> bool {
        self.from == spelled(place)
    }
}

/// Returns a place as it is noted. There is one inbox, whatever its name.
pub(crate) fn spelled(place: &Location) -> (String, String) {
    let path = if place.kind == LocationKind::Inbox { String::new() } else { place.path.clone() };
    (format!("{:?}", place.kind), path)
}

/// Whether an action brings a message back, and its entry with it. All others remove the entry.
pub(crate) fn restores(action: Action) -> bool {
    matches!(action, Action::Restore | Action::MoveToInbox)
}

/// Whether the owner of the mailbox sees a message no longer after this action, so that its entry goes the same way.
pub(crate) fn hides(action: Action) -> bool {
    matches!(action, Action::SoftDelete | Action::HardDelete | Action::MoveToQuarantine)
}

/// Returns why an entry stays; `None` if it may be removed.
pub(crate) fn refusal(
    event: &Event,
    invitation: &Invitation,
    own_domains: &[String],
    mark: Option<&Mark>,
) -> Option<&'static str> {
    // Made by an undo, of which the owner is the organizer. Nobody else knows the transaction.
    if mark.is_some_and(|mark| mark.is_back && event.transaction_id.as_deref() == Some(&mark.transaction)) {
        return None;
    }
    if event.is_organizer != Some(false) {
        return Some("the owner of the calendar made it");
    }
    let Some(organizer) = event.organizer.as_ref().and_then(address) else { return Some("it names no organizer") };
    if !invitation.senders.contains(&organizer) {
        return Some("its organizer is not the sender of the message");
    }
    let domain = organizer.rsplit_once('@').map_or("", |(_, domain)| domain);
    let is_own =
        |own: &String| domain == own || domain.strip_suffix(own.as_str()).is_some_and(|rest| rest.ends_with('.'));
    if own_domains.iter().any(is_own) {
        return Some("it is a meeting of the organisation itself");
    }
    if !event.kind.as_deref().is_some_and(|kind| WHOLE.contains(&kind)) {
        return Some("it is a single date of a series");
    }
    let response = event.response_status.as_ref().and_then(|status| status.response.as_deref()).unwrap_or("none");
    (!UNANSWERED.contains(&response)).then_some("the owner of the calendar has answered it")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place() -> Location {
        Location { kind: LocationKind::Inbox, path: "Inbox".into() }
    }

    fn invitation() -> Invitation {
        let mail: Mail = serde_json::from_value(json!({
            "@odata.type": "#microsoft.graph.eventMessageRequest", "id": "A",
            "from": { "emailAddress": { "address": "Boss@Bulk.example" } },
            "sender": { "emailAddress": { "address": "assistant@bulk.example" } },
        }))
        .unwrap();
        Invitation::of(0, &mail, place()).unwrap()
    }

    fn event(change: &Value) -> Event {
        let mut event = json!({
            "id": "E", "isOrganizer": false, "type": "singleInstance", "transactionId": null,
            "organizer": { "emailAddress": { "address": "boss@bulk.example" } },
            "responseStatus": { "response": "notResponded" },
        });
        event.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn only_the_untouched_entry_of_a_stranger_is_removed() {
        let own = ["acme.test".to_owned()];
        let why = |change: Value| refusal(&event(&change), &invitation(), &own, None);
        assert_eq!(why(json!({})), None);
        assert_eq!(why(json!({ "type": "seriesMaster", "responseStatus": { "response": "none" } })), None);
        for (change, reason) in [
            (json!({ "isOrganizer": true }), "made it"),
            (json!({ "isOrganizer": null }), "made it"),
            (json!({ "organizer": null }), "no organizer"),
            (json!({ "organizer": { "emailAddress": { "address": "other@bulk.example" } } }), "not the sender"),
            (json!({ "type": "occurrence" }), "series"),
            (json!({ "type": null }), "series"),
            (json!({ "responseStatus": { "response": "accepted" } }), "answered"),
            (json!({ "responseStatus": { "response": "tentativelyAccepted" } }), "answered"),
            (json!({ "responseStatus": { "response": "declined" } }), "answered"),
        ] {
            assert!(why(change.clone()).is_some_and(|why| why.contains(reason)), "{change}");
        }
        for (domain, is_own) in
            [("bulk.example", true), ("example", true), ("k.example", false), ("a.bulk.example", false)]
        {
            let why = refusal(&event(&json!({})), &invitation(), &[domain.to_owned()], None);
            assert_eq!(why.is_some(), is_own, "{domain}");
        }
    }

    #[test]
    fn an_entry_that_an_undo_made_is_told_by_its_transaction() {
        let mark = Mark {
            entry: "E".into(),
            transaction: "t1".into(),
            from: spelled(&place()),
            act: "SoftDelete".into(),
            is_back: true,
            kept: Kept::default(),
        };
        let mine = json!({ "isOrganizer": true, "transactionId": "t1" });
        assert_eq!(refusal(&event(&mine), &invitation(), &[], Some(&mark)), None);
        for (change, mark) in [
            (json!({ "isOrganizer": true, "transactionId": "t2" }), mark.clone()),
            (json!({ "isOrganizer": true }), mark.clone()),
            (mine, Mark { is_back: false, ..mark.clone() }),
        ] {
            assert!(refusal(&event(&change), &invitation(), &[], Some(&mark)).is_some(), "{change}");
        }
        let text = serde_json::to_string(&mark).unwrap();
        assert_eq!(Mark::read(&text), Some(mark.clone()));
        assert!(mark.is_of(&Location { kind: LocationKind::Inbox, path: "Posteingang".into() }));
        assert!(!mark.is_of(&Location { kind: LocationKind::Junk, path: "Inbox".into() }));
        assert_eq!(Mark::read("Food"), None);
    }

    #[test]
    fn other_messages_are_no_invitations() {
        for kind in [None, Some("#microsoft.graph.message"), Some("#microsoft.graph.eventMessageResponse")] {
            let mail = Mail { kind: kind.map(str::to_owned), ..Mail::default() };
            assert!(Invitation::of(0, &mail, place()).is_none(), "{kind:?}");
        }
    }

    #[test]
    fn a_place_is_bounded_and_the_rest_is_kept() {
        let event = json!({
            "id": "E", "start": { "dateTime": "2026-12-01T10:00:00.0000000", "timeZone": "UTC" },
            "end": { "dateTime": "2026-12-01T11:00:00.0000000", "timeZone": "UTC" },
            "location": { "displayName": "é".repeat(300), "locationType": "default" }, "recurrence": null,
            "attendees": [{ "emailAddress": { "address": "x@y" } }], "showAs": "tentative",
        });
        let kept = Kept::of(&event);
        assert!(kept.is_whole());
        let kept = serde_json::to_value(&kept).unwrap();
        assert_eq!(kept["location"], json!({ "displayName": "é".repeat(PLACE) }));
        assert!(kept.get("attendees").is_none() && kept.get("recurrence").is_none(), "nobody else is invited: {kept}");
        assert!(!Kept::of(&json!([])).is_whole());
    }
}
