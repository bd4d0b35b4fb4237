//! Entries of a calendar: what the Calendar Attendant makes of an invitation, and what programs do with them.

use serde_json::{Map, Value, json};

use super::mailbox::Mailbox;
use super::message::Mail;
use super::request::{Answer, Request};

/// The `$expand` of an invitation that shows its entry.
const ENTRY: &str = "microsoft.graph.eventMessage/event";
/// What a program may set of a new entry, as far as the fake keeps it.
const SETTABLE: [&str; 13] = [
    "subject",
    "body",
    "start",
    "end",
    "isAllDay",
    "location",
    "recurrence",
    "showAs",
    "isReminderOn",
    "reminderMinutesBeforeStart",
    "attendees",
    "transactionId",
    "categories",
];

/// An entry.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) number: usize,
    /// The UID of its calendar object; empty for one that a program made.
    pub(super) uid: String,
    pub(super) shown: Map<String, Value>,
    /// Whether it is in the deleted items.
    pub(super) is_deleted: bool,
}

impl Event {
    pub(super) fn id(&self) -> String {
        format!("AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A{:08X}_eVENT=", self.number)
    }

    fn json(&self) -> Value {
        let mut shown = self.shown.clone();
        shown.insert("id".into(), json!(self.id()));
        Value::Object(shown)
    }
}

/// Returns the calendar object of a message if it is a request for a meeting.
pub(super) fn invitation(raw: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(raw).into_owned();
    let object = &text[text.find("BEGIN:VCALENDAR")?..];
    object.contains("METHOD:REQUEST").then(|| object.to_owned())
}

fn field<'a>(object: &'a str, name: &str) -> &'a str {
    let mut lines = object.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.split(';').next() == Some(name)).map_or("", |(_, value)| value.trim())
}

/// Makes the entry of an invitation, as the Calendar Attendant does when it is delivered: tentative, not answered.
pub(super) fn attend(mailbox: &mut Mailbox, number: usize, object: &str) {
    let uid = field(object, "UID").to_owned();
    if mailbox.events.iter().any(|event| event.uid == uid && !event.is_deleted) {
        return;
    }
    let person = |address: &str| json!({ "emailAddress": { "name": address, "address": address } });
    let organizer = field(object, "ORGANIZER").trim_start_matches("mailto:");
    let mut attendee = person(&mailbox.user);
    attendee["type"] = json!("required");
    attendee["status"] = json!({ "response": "none", "time": "0001-01-01T00:00:00Z" });
    let time = |name: &str| json!({ "dateTime": field(object, name), "timeZone": "UTC" });
    let mut shown = json!({
        "subject": field(object, "SUMMARY"), "iCalUId": uid, "organizer": person(organizer), "isOrganizer": false,
        "type": "singleInstance", "responseStatus": { "response": "notResponded", "time": "0001-01-01T00:00:00Z" },
        "showAs": "tentative", "start": time("DTSTART"), "end": time("DTEND"), "isAllDay": false, "isCancelled": false,
        "location": { "displayName": field(object, "LOCATION"), "locationType": "default" }, "attendees": [attendee],
        "isReminderOn": true, "reminderMinutesBeforeStart": 15, "recurrence": null, "transactionId": null,
        "body": { "contentType": "html", "content": "<p>text</p>" },
    });
    if object.contains("RRULE:") {
        shown["type"] = json!("seriesMaster");
        shown["recurrence"] = json!({
            "pattern": { "type": "daily", "interval": 1 },
            "range": { "type": "numbered", "startDate": "2026-12-01", "numberOfOccurrences": 3 },
        });
    }
    let shown = shown.as_object().cloned().unwrap_or_default();
    mailbox.events.push(Event { number, uid, shown, is_deleted: false });
}

/// Adds what `$expand` asks for of one message: its entry, or properties of programs. `None` if it is something else.
pub(super) fn expand(mailbox: &Mailbox, mail: &Mail, expand: &str, shown: &mut Value) -> Option<()> {
    if expand == ENTRY {
        let uid = mail.shown.invitation.as_deref().map(|object| field(object, "UID"))?;
        let event = mailbox.events.iter().find(|event| event.uid == uid && !event.is_deleted);
        shown["event"] = event.map(Event::json).unwrap_or_default();
        return Some(());
    }
    let id = expand.strip_prefix("singleValueExtendedProperties($filter=id eq '")?.strip_suffix("')")?;
    id.starts_with("String {").then_some(())?;
    let found = mail.properties.iter().filter(|(name, _)| name == id);
    let found: Vec<Value> = found.map(|(id, value)| json!({ "id": id, "value": value })).collect();
    if !found.is_empty() {
        shown["singleValueExtendedProperties"] = json!(found);
    }
    Some(())
}

/// Answers a request below `events`.
pub(super) fn answer(
    mailbox: &mut Mailbox,
    request: &Request,
    rest: &[&str],
    number: usize,
    has_permanent_delete: bool,
) -> Result<Answer, Answer> {
    let missing = || Answer::error(404, "ErrorItemNotFound", "The specified object was not found in the store.");
    let find = |mailbox: &Mailbox, id: &str| {
        mailbox.events.iter().position(|event| event.id() == id && !event.is_deleted).ok_or_else(missing)
    };
    match (request.method.as_str(), rest) {
        ("GET", [id]) => Ok(Answer::json(200, mailbox.events[find(mailbox, id)?].json())),
        ("DELETE", [id]) => {
            let at = find(mailbox, id)?;
            mailbox.events[at].is_deleted = true;
            Ok(Answer::nothing(204))
        }
        ("POST", [id, "permanentDelete"]) if has_permanent_delete => {
            let at = find(mailbox, id)?;
            mailbox.events.remove(at);
            Ok(Answer::nothing(204))
        }
        ("POST", []) => create(mailbox, request, number),
        _ => Err(Answer::error(400, "BadRequest", "Resource not found for the segment.")),
    }
}

/// Makes an entry of which the owner of the calendar is the organizer: Graph has no other way.
fn create(mailbox: &mut Mailbox, request: &Request, number: usize) -> Result<Answer, Answer> {
    let body = request.body.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(name) = body.keys().find(|name| !SETTABLE.contains(&name.as_str())) {
        return Err(Answer::error(400, "ErrorInvalidPropertySet", name));
    }
    if !["start", "end"].iter().all(|name| body.get(*name).is_some_and(|time| time["dateTime"].is_string())) {
        return Err(Answer::error(400, "ErrorPropertyValidationFailure", "Required properties are missing."));
    }
    let transaction = body.get("transactionId").filter(|id| id.is_string());
    if mailbox.events.iter().any(|event| transaction.is_some() && event.shown.get("transactionId") == transaction) {
        let why = "The TransactionId specified in the request has already been used to create a different event.";
        return Err(Answer::error(409, "ErrorDuplicateTransactionId", why));
    }
    let mut shown = body;
    let owner = json!({ "emailAddress": { "name": mailbox.user, "address": mailbox.user } });
    shown.insert("organizer".into(), owner);
    shown.insert("isOrganizer".into(), json!(true));
    shown.insert("responseStatus".into(), json!({ "response": "organizer", "time": "0001-01-01T00:00:00Z" }));
    shown
        .insert("type".into(), json!(if shown.contains_key("recurrence") { "seriesMaster" } else { "singleInstance" }));
    shown.insert("iCalUId".into(), json!(format!("made-{number}")));
    let event = Event { number, uid: String::new(), shown, is_deleted: false };
    let answer = Answer::json(201, event.json());
    mailbox.events.push(event);
    Ok(answer)
}
