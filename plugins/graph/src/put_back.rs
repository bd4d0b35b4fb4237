//! Entries that come back with their messages. Graph moves no entry out of where it is deleted, so each is created again: an
//! appointment of the owner, without the other attendees, because Graph would invite them.

use clawback_connector_sdk::{
    connector,
    host::{Host, Http, Memo},
    types::{Action, Error},
    web,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    address,
    bindings::exports::clawback::mail_store::calendar::Fate,
    calendar::{Calendar, Found, note, why},
    client::Part,
    entry::{Event, Invitation, Mark},
    refusal::Reply,
};

/// The refusal of an entry that was made before.
const MADE_BEFORE: &str = "ErrorDuplicateTransactionId";
/// How often an entry is asked for whose making is not answered. The server makes one only.
const TRIES: usize = 2;

/// What an entry has of its invitation.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Text {
    subject: Option<String>,
    body: Option<Value>,
}

impl<H: Host + Http + Memo> Calendar<'_, '_, H> {
    /// Creates the entries again that an act removed when it took these messages from the places where they are again. One
    /// that was made before is only reported by a call that completes another (`is_settling`).
    pub(crate) fn put_back(&mut self, invitations: Vec<Invitation>, is_settling: bool) {
        let all: Vec<usize> = invitations.iter().map(|one| one.at).collect();
        if let Err(error) = self.put_all_back(invitations, is_settling) {
            self.fill(all, Fate::Failed, connector::why(&error));
        }
    }

    fn put_all_back(&mut self, invitations: Vec<Invitation>, is_settling: bool) -> Result<(), Error> {
        for Found { invitation, mark, event } in self.look(invitations)? {
            let Some(mark) = mark else { continue };
            let is_home = self.action == Action::MoveToInbox || mark.is_of(&invitation.place);
            let is_there = event.is_some();
            if mark.is_back {
                if is_settling && (is_there || mark.entry.is_empty()) {
                    self.set(invitation.at, Fate::Restored, "");
                }
            } else if is_home && !is_there && mark.kept.is_whole() {
                self.make(&invitation, mark)?;
            }
        }
        Ok(())
    }

    fn make(&mut self, invitation: &Invitation, mark: Mark) -> Result<(), Error> {
        let path = web::with_query(&address::message(&invitation.id), [("$select", "subject,body")]);
        let reply = self.client.get(&format!("{}{path}", self.client.base()))?;
        let text: Text = if reply.is_success() { reply.read()? } else { Text::default() };
        let mut event = serde_json::to_value(&mark.kept).unwrap_or_default();
        event["subject"] = json!(text.subject.unwrap_or_default());
        event["transactionId"] = json!(mark.transaction);
        if let Some(body) = text.body.filter(Value::is_object) {
            event["body"] = json!({ "contentType": body["contentType"], "content": body["content"] });
        }
        let mut last = None;
        for _ in 0..TRIES {
            let reply = self.client.batch(&[Part::post("/events", Some(event.clone()))])?.pop();
            let is_made = |reply: &Reply| reply.is_success() || reply.code == MADE_BEFORE;
            let is_unclear = reply.as_ref().is_none_or(Reply::is_unclear);
            if let Some(reply) = reply.as_ref().filter(|reply| is_made(reply)) {
                let made = reply.read::<Event>().unwrap_or_default().id;
                self.set(invitation.at, Fate::Restored, "");
                // If this note is lost, the next request is answered by the same refusal.
                let mark = Mark { entry: made, is_back: true, ..mark };
                drop(self.client.batch(&[note(&invitation.id, &mark)]));
                return Ok(());
            }
            last = reply;
            if !is_unclear {
                break;
            }
        }
        let what = "the entry could not be created again";
        let why = last.map_or_else(|| what.to_owned(), |reply| why(&reply, what));
        self.set(invitation.at, Fate::Failed, &why);
        Ok(())
    }
}
