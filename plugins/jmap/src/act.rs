//! Actions: verify, act, confirm, each with a request of its own, so that the server answers each after the one before.
//!
//! The truth is what the server returns after the act. Its answer to the act only says why something was not done: a
//! move that was made before is `updated`, too.

use std::collections::{BTreeMap, BTreeSet};

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    place,
    types::{Action, Effect, Error, Location, LocationKind, MessageRef, Outcome, Target},
};
use serde_json::{Map, Value, json};

use crate::{
    api::{Api, Failure},
    email::{self, Email, by_id},
    folder::{Folders, ensure},
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
        let locators: Vec<&str> = targets.iter().map(|target| target.ref_.locator.as_str()).collect();
        let known = by_id(self.api, &locators, &email::IDENTITY)?;
        let mut found: Vec<Option<Email>> = Vec::with_capacity(targets.len());
        let mut acted: BTreeSet<String> = BTreeSet::new();
        for target in targets {
            let email = known.get(&target.ref_.locator).filter(|email| email.is(&target.ref_.fingerprint));
            found.push(email.cloned());
        }
        let lost: Vec<usize> = (0..targets.len()).filter(|at| found[*at].is_none()).collect();
        let refs: Vec<&MessageRef> = lost.iter().map(|at| &targets[*at].ref_).collect();
        for (at, copies) in lost.into_iter().zip(locate::copies(self.api, &refs)?) {
            // Of several copies, the one that is where the plan saw it.
            let planned = &targets[at].location;
            let is_there = |email: &&Email| email.place_at(&self.folders, planned).is_some();
            let is_free = |email: &&Email| !locators.contains(&email.id.as_str());
            let free = copies.iter().filter(is_free);
            found[at] = free.clone().find(is_there).or_else(|| free.clone().next()).cloned();
        }
        let mut orders = Vec::new();
        for (at, email) in found.into_iter().enumerate() {
            let Some(email) = email else {
                self.effects[at] = Some(Effect::NotFound);
                continue;
            };
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

    /// Decides what to do with a message, or what the effect is without an act.
    fn judge(&mut self, at: usize, email: &Email) -> Result<Judgement, Error> {
        let target = &self.targets[at];
        let wish = match self.wish(target, email)? {
            Ok(wish) => wish,
            Err(effect) => return Ok(Judgement::Over(effect)),
        };
        let is_home = match &wish {
            Wish::Destroy => false,
            Wish::Move(to) => email.folders().into_iter().eq([to.as_str()]),
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
            Some(from) => Judgement::Go(Box::new(Order { at, email: email.clone(), from, wish })),
            None => Judgement::Over(Effect::MovedSince(shown(email, &self.folders))),
        })
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
                return Ok(Err(Effect::MovedSince(shown(email, &self.folders))));
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
            for order in orders {
                let refusal = refusals.get(&order.email.id);
                let is_untouched = now.get(&order.email.id).is_some_and(|now| order.is_untouched(now));
                if let Some(refusal) = refusal.filter(|refusal| refusal.is_temporary())
                    && is_untouched
                    && !order.is_done(now.get(&order.email.id))
                {
                    last = Some(refusal.error());
                    again.push(order);
                    continue;
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
        if order.is_done(now) {
            return Ok(order.effect(now, &self.folders, wanted));
        }
        let Some(now) = now else {
            // It has another id now, or somebody deleted it.
            let copies = locate::copies(self.api, &[wanted])?.into_iter().flatten();
            let moved = copies.into_iter().find(|copy| order.is_done(Some(copy)));
            return Ok(moved.map_or(Effect::NotFound, |copy| order.effect(Some(&copy), &self.folders, wanted)));
        };
        if !order.is_untouched(now) {
            let place = shown(now, &self.folders).path;
            return Ok(Effect::Failed(format!("after the act it is in folder `{place}`")));
        }
        let why = refusal.map_or_else(|| "the server answers that it was done, and it was not".into(), Refusal::text);
        Ok(Effect::Failed(why))
    }
}

fn unexplained() -> Refusal {
    serde_json::from_value(json!({ "type": "unexplained" })).expect("it has the form of a refusal")
}

/// Returns where a message is shown.
fn shown(email: &Email, folders: &Folders) -> Location {
    let nowhere = || Location { kind: LocationKind::Unknown, path: String::new() };
    email.place(folders).map_or_else(nowhere, |folder| folder.location.clone())
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
