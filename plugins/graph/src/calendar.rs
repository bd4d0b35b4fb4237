//! The entries that invitations left in the calendar: looked for before an act, noted on the message, and removed.
//!
//! The order holds over a crash: the note is written while the message is in its place, the entry of a message that moves
//! goes after it, and that of a message that is deleted goes before it. What fails here ends no call.

use clawback_connector_sdk::{
    connector,
    host::{Host, Http, Memo},
    types::{Action, Error, Location, LocationKind, Target},
    web,
};
use serde_json::json;

use crate::{
    address,
    bindings::exports::clawback::mail_store::calendar::{Entry, Fate},
    client::{Client, Part},
    entry::{self, Event, Invitation, Kept, Mark, spelled},
    locate,
    places::{Places, Spot},
    readiness::{self, NOTHING},
    refusal::Reply,
    wire::Mail,
};

/// The property of a message that has the note.
pub(crate) const MARK: &str = "String {5e0d7f46-9c1b-4f0c-9d3a-6b1f2c8a7e15} Name ClawbackCalendarEntry";
/// What is missing if the calendar is refused.
pub(crate) const NO_RIGHT: &str =
    "the application may not change the calendar of this mailbox: it needs the permission Calendars.ReadWrite";

/// The entries of one call.
pub(crate) struct Calendar<'c, 'a, H> {
    pub(crate) client: &'c Client<'a, H>,
    pub(crate) action: Action,
    /// What became of the entry of each target.
    pub(crate) entries: Vec<Option<Entry>>,
    /// Entries to remove: the index of the target, and the id.
    open: Vec<(usize, String)>,
}

/// What is known of an invitation.
pub(crate) struct Found {
    pub(crate) invitation: Invitation,
    pub(crate) mark: Option<Mark>,
    pub(crate) event: Option<(Event, Kept)>,
}

impl<'c, 'a, H: Host + Http + Memo> Calendar<'c, 'a, H> {
    pub(crate) fn new(client: &'c Client<'a, H>, action: Action, targets: usize) -> Self {
        Self { client, action, entries: vec![None; targets], open: Vec::new() }
    }

    /// Looks for the entries of invitations that are to be acted on, and notes those that are to be removed.
    pub(crate) fn prepare(&mut self, invitations: Vec<Invitation>) {
        let all: Vec<usize> = invitations.iter().map(|one| one.at).collect();
        match self.look(invitations) {
            Ok(found) => self.mark(found),
            Err(error) => self.fill(all, Fate::NotLookedFor, connector::why(&error)),
        }
    }

    /// Sets what became of those entries of which nothing is known yet.
    pub(crate) fn fill(&mut self, all: impl IntoIterator<Item = usize>, fate: Fate, why: &str) {
        for at in all {
            self.entries[at].get_or_insert_with(|| Entry { fate, why: why.to_owned() });
        }
    }

    pub(crate) fn set(&mut self, at: usize, fate: Fate, why: &str) {
        self.entries[at] = Some(Entry { fate, why: why.to_owned() });
    }

    /// Returns what is known of each invitation whose calendar can be read.
    pub(crate) fn look(&mut self, invitations: Vec<Invitation>) -> Result<Vec<Found>, Error> {
        let ask = |one: &Invitation| {
            let path = address::message(&one.id);
            let mark = format!("singleValueExtendedProperties($filter=id eq '{MARK}')");
            let event = "microsoft.graph.eventMessage/event";
            [mark.as_str(), event]
                .map(|expand| Part::get(web::with_query(&path, [("$select", "id"), ("$expand", expand)])))
        };
        let replies = self.client.batch(&invitations.iter().flat_map(ask).collect::<Vec<_>>())?;
        let mut found = Vec::new();
        for (invitation, replies) in invitations.into_iter().zip(replies.chunks(2)) {
            let [noted, associated] = replies else { continue };
            if noted.is_missing() {
                continue;
            }
            if let Some(refused) = [noted, associated].into_iter().find(|reply| is_refused(reply)) {
                self.set(invitation.at, Fate::NotLookedFor, &why(refused, "the calendar cannot be read"));
                continue;
            }
            let mark = noted.read::<Mail>().ok().and_then(|mail| mark_of(&mail));
            let event = associated.body.get("event").filter(|event| event.is_object()).and_then(event_of);
            found.push(Found { invitation, mark, event });
        }
        self.look_by_id(&mut found)?;
        Ok(found)
    }

    /// Asks for entries by the id that was noted: an invitation that has moved may not lead to its entry, and never leads
    /// to one that was created again. Not for one that is to come back: what was deleted may still have its id.
    fn look_by_id(&self, found: &mut [Found]) -> Result<(), Error> {
        let restores = entry::restores(self.action);
        let is_asked = |mark: &Mark| address::is_id(&mark.entry) && (mark.is_back || !restores);
        let is_noted = |one: &&mut Found| one.event.is_none() && one.mark.as_ref().is_some_and(is_asked);
        let mut noted: Vec<&mut Found> = found.iter_mut().filter(is_noted).collect();
        let id = |one: &&mut Found| one.mark.as_ref().map(|mark| mark.entry.clone()).unwrap_or_default();
        let parts: Vec<Part> = noted.iter().map(|one| Part::get(address::event(&id(one)))).collect();
        for (one, reply) in noted.iter_mut().zip(self.client.batch(&parts)?) {
            one.event = if reply.is_success() { event_of(&reply.body) } else { None };
        }
        Ok(())
    }

    /// Decides on each entry, and notes what is needed to bring it back on the message.
    fn mark(&mut self, found: Vec<Found>) {
        let act = format!("{:?}", self.action);
        let own_domains = self.own_domains();
        let mut wanted: Vec<(Invitation, Mark)> = Vec::new();
        for Found { invitation, mark, event } in found {
            let at = invitation.at;
            let done = mark.as_ref().filter(|mark| !mark.is_back && mark.act == act);
            let Some((event, kept)) = event else {
                // Removed by this act, which was interrupted.
                if done.is_some() {
                    self.set(at, Fate::Removed, "");
                }
                continue;
            };
            if let Some(why) = entry::refusal(&event, &invitation, &own_domains, mark.as_ref()) {
                self.set(at, Fate::Left, why);
            } else if done.is_some_and(|mark| mark.entry == event.id)
                || wanted.iter().any(|(_, mark)| mark.entry == event.id)
            {
                // Noted before, or on another message of the same meeting: it comes back once.
                self.open.push((at, event.id));
            } else if address::is_id(&event.id) {
                let transaction = format!("clawback-{}-{at}-{}", self.client.host.now(), tail(&event.id));
                let from = spelled(&invitation.place);
                let mark = Mark { entry: event.id, transaction, from, act: act.clone(), is_back: false, kept };
                wanted.push((invitation, mark));
            }
        }
        let parts: Vec<Part> = wanted.iter().map(|(invitation, mark)| note(&invitation.id, mark)).collect();
        let replies = self.client.batch(&parts).unwrap_or_default();
        for (number, (invitation, mark)) in wanted.into_iter().enumerate() {
            if replies.get(number).is_some_and(Reply::is_success) {
                self.open.push((invitation.at, mark.entry));
            } else {
                self.set(invitation.at, Fate::Failed, "nothing could be noted on the message, so its entry stays");
            }
        }
    }

    /// The domains whose meetings are the organisation's own.
    fn own_domains(&self) -> Vec<String> {
        let named = self.client.host.setting("own-domains").unwrap_or_default();
        let of_mailbox = self.client.mailbox.rsplit_once('@').map(|(_, domain)| domain);
        let all = named.split([',', ' ']).chain(of_mailbox).map(|domain| domain.trim().to_lowercase());
        all.filter(|domain| !domain.is_empty()).collect()
    }

    /// Removes the entries whose messages were acted on.
    pub(crate) fn remove(&mut self, is_done: impl Fn(usize) -> bool) {
        let open: Vec<_> = std::mem::take(&mut self.open).into_iter().filter(|(at, _)| is_done(*at)).collect();
        if let Err(error) = self.remove_all(&open) {
            self.fill(open.into_iter().map(|(at, _)| at), Fate::Failed, connector::why(&error));
        }
    }

    fn remove_all(&mut self, open: &[(usize, String)]) -> Result<(), Error> {
        let for_good = entry::hides(self.action) && !readiness::is_hard_delete_off(self.client.host);
        let part = |(_, id): &(usize, String)| {
            let path = address::event(id);
            if for_good { Part::post(format!("{path}/permanentDelete"), None) } else { Part::delete(path) }
        };
        let mut unclear = Vec::new();
        for (one, reply) in open.iter().zip(self.client.batch(&open.iter().map(part).collect::<Vec<_>>())?) {
            if reply.is_success() || reply.is_missing() {
                self.set(one.0, Fate::Removed, "");
            } else {
                self.set(one.0, Fate::Failed, &why(&reply, "the entry was not removed"));
                unclear.extend(reply.is_unclear().then_some(one));
            }
        }
        let asks: Vec<Part> = unclear.iter().map(|(_, id)| Part::get(address::event(id))).collect();
        for (one, reply) in unclear.into_iter().zip(self.client.batch(&asks)?) {
            if reply.is_missing() {
                self.set(one.0, Fate::Removed, "");
            }
        }
        Ok(())
    }
}

/// Completes what an interrupted call left undone in the calendar. One answer per target, in order.
pub(crate) fn settle<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    action: Action,
    targets: &[Target],
) -> Result<Vec<Option<Entry>>, Error> {
    let mut calendar = Calendar::new(client, action, targets.len());
    let asked: Vec<usize> = (0..targets.len()).filter(|at| address::is_id(&targets[*at].ref_.locator)).collect();
    let parts: Vec<Part> = asked.iter().map(|at| locate::ask(&targets[*at].ref_.locator)).collect();
    let mut places = Places::new(client);
    let mut invitations = Vec::new();
    for (at, reply) in asked.into_iter().zip(client.batch(&parts)?) {
        let Some(mail) = locate::read(&reply)? else { continue };
        let former = targets[at].former.as_ref().map(|former| former.location.clone());
        let unknown = || Location { kind: LocationKind::Unknown, path: String::new() };
        let Some(mut invitation) = Invitation::of(at, &mail, former.unwrap_or_else(unknown)) else { continue };
        if entry::restores(action) {
            invitation.place = places.spot(mail.parent_folder_id.as_deref()).map(Spot::location)?;
        }
        invitations.push(invitation);
    }
    if entry::restores(action) {
        calendar.put_back(invitations, true);
    } else {
        calendar.prepare(invitations);
        calendar.remove(|_| true);
    }
    Ok(calendar.entries)
}

/// Returns why entries cannot be removed.
pub(crate) fn obstacle<H: Host + Http + Memo>(client: &Client<'_, H>) -> Result<Option<String>, Error> {
    match client.batch(&[Part::delete(address::event(NOTHING))])?.first() {
        Some(reply) if matches!(reply.status, 401 | 403) => Ok(Some(NO_RIGHT.to_owned())),
        Some(reply) if reply.is_missing() => Ok(None),
        Some(reply) => Err(reply.error("the permission to change the calendar cannot be checked")),
        None => Err(Error::Transient("a batch has no answer".into())),
    }
}

/// Returns the part that writes a note on a message.
pub(crate) fn note(id: &str, mark: &Mark) -> Part {
    let value = serde_json::to_string(mark).unwrap_or_default();
    let body = json!({ "singleValueExtendedProperties": [{ "id": MARK, "value": value }] });
    Part::patch(address::message(id), body)
}

fn mark_of(mail: &Mail) -> Option<Mark> {
    let is_ours = |id: &str| id.eq_ignore_ascii_case(MARK);
    let property = mail.single_value_extended_properties.iter().find(|property| is_ours(&property.id))?;
    Mark::read(property.value.as_deref()?)
}

fn event_of(value: &serde_json::Value) -> Option<(Event, Kept)> {
    let event: Event = serde::Deserialize::deserialize(value).ok()?;
    Some((event, Kept::of(value)))
}

/// Whether nothing is known after this answer. An entry that is missing is an answer.
fn is_refused(reply: &Reply) -> bool {
    !reply.is_success() && !reply.is_missing()
}

/// Returns why the calendar was refused, as a sentence.
pub(crate) fn why(reply: &Reply, what: &str) -> String {
    if matches!(reply.status, 401 | 403) { NO_RIGHT.to_owned() } else { reply.why(what) }
}

/// Returns the end of an id, which differs between entries.
fn tail(id: &str) -> &str {
    &id[id.len().saturating_sub(24)..]
}
