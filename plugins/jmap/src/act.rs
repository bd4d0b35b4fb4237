//! Actions: verify, act, confirm, each with a request of its own, so that the server answers each after the one before.
//!
//! The truth is what the server returns after the act. Its answer to the act only says why something was not done: a
//! move that was made before is `updated`, too.

use std::collections::{BTreeMap, BTreeSet};

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    place,
    types::{Action, Effect, Error, Location, LocationKind, MessageRef, Outcome, Target},
    web::Failure,
};
use serde_json::{Map, Value, json};

use crate::{
    api::Api,
    email::{self, Email, Named, by_id, identified},
    folder::{Folder, Folders, ensure},
    label, locate,
    order::{Order, Wish},
    protocol::{Call, Refusal},
};

/// How often an act is requested for a message that the server could not act on at that time.
const ROUNDS: usize = 4;

/// Returns one outcome per target, in order.
pub(crate) fn apply<H: Host + Http + Memo>(
    api: &Api<'_, H>,
    action: Action,
    targets: &[Target],
) -> Result<Vec<Outcome>, Error> {
    let mut run = Run { api, action, targets, folders: Folders::list(api)?, effects: vec![None; targets.len()] };
    let orders = run.verify()?;
    run.act(orders)?;
    let outcomes = targets.iter().zip(run.effects);
    Ok(outcomes
        .map(|(target, effect)| Outcome {
            locator: target.ref_.locator.clone(),
            effect: effect.unwrap_or_else(|| Effect::Failed("nothing was done".into())),
        })
        .collect())
}

/// What to do with a message, or the effect without an act.
enum Judgement {
    Go(Box<Order>),
    Over(Effect),
}

struct Run<'a, 'h, H> {
    api: &'a Api<'h, H>,
    action: Action,
    targets: &'a [Target],
    folders: Folders,
    effects: Vec<Option<Effect>>,
}

impl<H: Host + Http + Memo> Run<'_, '_, H> {
    /// Checks each target. Returns those to act on.
    fn verify(&mut self) -> Result<Vec<Order>, Error> {
        let targets = self.targets;
        let refs: Vec<&MessageRef> = targets.iter().map(|target| &target.ref_).collect();
        let found: Vec<Option<Email>> = identified(self.api, &refs)?.into_iter().map(Named::message).collect();
        let mut acted: BTreeSet<String> = BTreeSet::new();
        let lost: Vec<usize> = (0..targets.len()).filter(|at| found[*at].is_none()).collect();
        if self.action == Action::HardDelete {
            // An id that is gone is a message that is gone. What is like it is another one.
            for at in lost {
                self.effects[at] = Some(Effect::NotFound);
            }
        } else {
            let refs: Vec<&MessageRef> = lost.iter().map(|at| &targets[*at].ref_).collect();
            for (at, copies) in lost.into_iter().zip(locate::copies(self.api, &refs)?) {
                let is_free = |email: &&Email| targets.iter().all(|target| target.ref_.locator != email.id);
                let copies: Vec<&Email> = copies.iter().filter(is_free).collect();
                self.effects[at] = Some(self.without_act(&targets[at], &copies));
            }
        }
        let mut orders = Vec::new();
        for (at, email) in found.into_iter().enumerate() {
            let Some(email) = email else { continue };
            if !acted.insert(email.id.clone()) {
                self.effects[at] = Some(Effect::Failed("another target is the same message".into()));
                continue;
            }
            match self.judge(at, &email)? {
                Judgement::Go(order) => orders.push(*order),
                Judgement::Over(effect) => self.effects[at] = Some(effect),
            }
        }
        Ok(orders)
    }

    /// Returns the effect for a message whose id is gone, of which there may be copies. Nothing is done with these: they may
    /// be other deliveries of the same message, which nobody named.
    fn without_act(&self, target: &Target, copies: &[&Email]) -> Effect {
        let location = match (place::destination(self.action), &target.former) {
            (Some(kind), _) => Some(Location { kind, path: String::new() }),
            (None, former) => former.as_ref().map(|former| former.location.clone()),
        };
        let to = location.and_then(|location| self.folders.at(&location));
        let is_home = |email: &&&Email| {
            let folders = email.folders();
            let is_there = |to: &Folder| folders.contains(to.id.as_str());
            let is_alone = self.action == Action::Restore || folders.len() == 1;
            to.is_some_and(is_there) && is_alone
        };
        let is_planned = |email: &&&Email| email.place_at(&self.folders, &target.location).is_some();
        if copies.iter().any(|email| is_home(&email)) {
            return Effect::AlreadyInDestination;
        }
        let elsewhere = copies.iter().find(|email| !is_planned(email));
        elsewhere.map_or(Effect::NotFound, |email| Effect::MovedSince(email.shown(&self.folders)))
    }

    /// Decides what to do with a message, or what the effect is without an act.
    fn judge(&mut self, at: usize, email: &Email) -> Result<Judgement, Error> {
        let target = &self.targets[at];
        let wish = match self.wish(target, email)? {
            Ok(wish) => wish,
            Err(effect) => return Ok(Judgement::Over(effect)),
        };
        let is_home = match &wish {
            Wish::Destroy => false,
            Wish::Move(to) => self.is_home(email, to),
            Wish::Restore { folders, .. } => email.folders().into_iter().eq(folders.iter().map(String::as_str)),
        };
        let from = email.place_at(&self.folders, &target.location).cloned();
        let is_like_before = match &wish {
            Wish::Restore { keywords, .. } => *keywords == label::own(&email.keywords),
            _ => true,
        };
        if is_home && is_like_before {
            return Ok(Judgement::Over(Effect::AlreadyInDestination));
        }
        // A message that is home without its keywords gets them.
        let from = from.or_else(|| if is_home { email.place(&self.folders).cloned() } else { None });
        Ok(match from {
            Some(from) => Judgement::Go(Box::new(Order { at, email: email.clone(), from, wish, has_marks: true })),
            None => Judgement::Over(Effect::MovedSince(email.shown(&self.folders))),
        })
    }

    /// Returns whether a message is in the destination. In the inbox it may have other folders of its owner, too.
    fn is_home(&self, email: &Email, to: &str) -> bool {
        let is_shown = |id: &str| {
            let kind = self.folders.get(id).map(|folder| folder.location.kind);
            matches!(
                kind,
                Some(LocationKind::Inbox | LocationKind::Folder | LocationKind::Archive | LocationKind::SentItems)
            )
        };
        let folders = email.folders();
        let is_shown = self.action == Action::MoveToInbox && folders.iter().all(|id| is_shown(id));
        folders.contains(to) && (folders.len() == 1 || is_shown)
    }

    /// Returns what is to become of a message. Creates the folder that it needs.
    fn wish(&mut self, target: &Target, email: &Email) -> Result<Result<Wish, Effect>, Error> {
        if self.action == Action::HardDelete {
            return Ok(Ok(Wish::Destroy));
        }
        let location = match (place::destination(self.action), &target.former) {
            (Some(kind), _) => Location { kind, path: String::new() },
            (None, Some(former)) => former.location.clone(),
            (None, None) => return Ok(Err(Effect::Failed("nothing says where to restore it to".into()))),
        };
        let to = match self.folders.at(&location) {
            Some(folder) => folder.id.clone(),
            None if email.place_at(&self.folders, &target.location).is_none() => {
                return Ok(Err(Effect::MovedSince(email.shown(&self.folders))));
            }
            None => match ensure(self.api, &mut self.folders, &location)? {
                Ok(id) => id,
                Err(why) => return Ok(Err(Effect::Failed(why))),
            },
        };
        let (None, Some(former)) = (place::destination(self.action), &target.former) else {
            return Ok(Ok(Wish::Move(to)));
        };
        // What the owner did meanwhile stays; the place that it is restored from and hidden ones do not.
        let leaves = |id: &str| {
            self.folders.get(id).is_some_and(|folder| {
                place::is_hidden(folder.location.kind) || folder.location.path == target.location.path
            })
        };
        let mut folders: BTreeSet<String> =
            email.folders().into_iter().filter(|id| !leaves(id)).map(str::to_owned).collect();
        folders.insert(to);
        let (there, gone): (Vec<&str>, Vec<&str>) =
            label::folders(&former.flags).partition(|id| self.folders.get(id).is_some());
        folders.extend(there.into_iter().map(str::to_owned));
        let gone = gone.into_iter().map(str::to_owned).collect();
        Ok(Ok(Wish::Restore { folders, gone, keywords: label::keywords(&former.flags) }))
    }

    /// Acts until each message is done or refused. An error says nothing of the messages.
    fn act(&mut self, mut orders: Vec<Order>) -> Result<(), Error> {
        for _ in 0..ROUNDS {
            if orders.is_empty() {
                return Ok(());
            }
            let refusals = self.request(&orders)?;
            let ids: Vec<&str> = orders.iter().map(|order| order.email.id.as_str()).collect();
            let now = by_id(self.api, &ids, &email::PLACE)?;
            let mut again = Vec::new();
            let mut last = None;
            for mut order in orders {
                let refusal = refusals.get(&order.email.id);
                let after = now.get(&order.email.id);
                let is_ours = after.is_some_and(|after| order.is_untouched(after) || order.is_done(Some(after)));
                if let Some(refusal) = refusal.filter(|_| is_ours && !order.is_as_wished(after)) {
                    if refusal.is_temporary() {
                        last = Some(refusal.error());
                        again.push(order);
                        continue;
                    }
                    // The message is more than the memory of its folders, which the receipt has as well.
                    if order.has_marks && order.is_marking() && refusal.is_about_keywords() {
                        order.has_marks = false;
                        again.push(order);
                        continue;
                    }
                }
                let effect = self.effect(&order, now.get(&order.email.id), refusal)?;
                self.effects[order.at] = Some(effect);
            }
            if let Some(error) = last.filter(|_| !self.api.wait(None)) {
                return Err(error);
            }
            orders = again;
        }
        if orders.is_empty() {
            Ok(())
        } else {
            Err(Error::Transient("the server does not act on some messages".into()))
        }
    }

    /// Requests the act. Returns why the server refused it, by message.
    fn request(&self, orders: &[Order]) -> Result<BTreeMap<String, Refusal>, Error> {
        let mut refusals = BTreeMap::new();
        let mut most = self.api.account.set;
        let mut rest = orders;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(most));
            self.api.note_act();
            match self.api.one(set(now)) {
                Ok(Ok(answer)) => {
                    for key in ["notUpdated", "notDestroyed"] {
                        for (id, refusal) in answer[key].as_object().into_iter().flatten() {
                            let refusal = serde_json::from_value(refusal.clone()).unwrap_or_else(|_| unexplained());
                            refusals.insert(id.clone(), refusal);
                        }
                    }
                }
                Ok(Err(refusal)) if refusal.is("requestTooLarge") && now.len() > 1 => {
                    most = now.len() / 2;
                    continue;
                }
                Ok(Err(refusal)) if matches!(refusal.error(), Error::NotFound(_) | Error::Denied(_)) => {
                    return Err(refusal.error());
                }
                Ok(Err(refusal)) => {
                    refusals.extend(now.iter().map(|order| (order.email.id.clone(), refusal.clone())));
                }
                // The server may have acted nevertheless, which the next request shows.
                Err(Failure::TooLarge) => {}
                Err(failure) => return Err(failure.into()),
            }
            rest = later;
        }
        Ok(refusals)
    }

    fn effect(&self, order: &Order, now: Option<&Email>, refusal: Option<&Refusal>) -> Result<Effect, Error> {
        let wanted = &self.targets[order.at].ref_;
        if let Some(refusal) = refusal.filter(|_| order.is_done(now) && !order.is_as_wished(now)) {
            return Ok(Effect::Failed(format!(
                "it is in its folder, and its flags are not as before: {}",
                refusal.text()
            )));
        }
        if order.is_done(now) {
            return Ok(order.effect(now, &self.folders, wanted));
        }
        let Some(now) = now else {
            // Somebody deleted it. Or it has another id now, which no server should do: then it is not known which.
            let mut copies = locate::copies(self.api, &[wanted])?.into_iter().flatten();
            return Ok(copies.find(|copy| order.is_done(Some(copy))).map_or(Effect::NotFound, |copy| {
                let place = copy.shown(&self.folders).path;
                let why = "after the act the server does not know its id; a message with the same content is in folder";
                Effect::Failed(format!("{why} `{place}`"))
            }));
        };
        if !order.is_untouched(now) {
            let place = now.shown(&self.folders).path;
            return Ok(Effect::Failed(format!("after the act it is in folder `{place}`")));
        }
        let why = refusal.map_or_else(|| "the server answers that it was done, and it was not".into(), Refusal::text);
        Ok(Effect::Failed(why))
    }
}

fn unexplained() -> Refusal {
    serde_json::from_value(json!({ "type": "unexplained" })).expect("it has the form of a refusal")
}

/// Returns the call that acts.
fn set(orders: &[Order]) -> Call {
    let update: Map<String, Value> =
        orders.iter().filter_map(|order| Some((order.email.id.clone(), order.update()?))).collect();
    let arguments = if update.is_empty() {
        json!({ "destroy": orders.iter().map(|order| order.email.id.as_str()).collect::<Vec<_>>() })
    } else {
        json!({ "update": update })
    };
    Call::new("Email/set", arguments)
}
