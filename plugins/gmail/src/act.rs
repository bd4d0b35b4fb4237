//! An action: each message as it is now, the changes, and the proof of each. The answer to a change shows the labels of
//! the message after it; where it does not, and after a delete, the message itself is asked for.

use std::collections::BTreeSet;

use clawback_connector_sdk::{
    host::{Host, Http, Memo, Request},
    place::is_hidden,
    types::{Action, Effect, Error, Former, Location, LocationKind, Outcome, Receipt, Target},
};
use serde_json::json;

use crate::{
    api::Message,
    change::{self, Change},
    client::{Answer, Client},
    labels::Labels,
    locator, place,
    refusal::Refused,
    states::{self, States},
};

/// The most messages of one delete.
const BATCH: usize = 1_000;

/// What is to be done with a target.
enum Judgement {
    Change {
        change: Change,
        /// Labels that do not exist any more.
        lost: Vec<String>,
        /// It is in its place, and lacks labels only.
        is_home: bool,
    },
    Over(Effect),
}

/// A message to change.
#[derive(Clone)]
struct Job {
    at: usize,
    id: String,
    before: BTreeSet<String>,
    change: Change,
    /// Labels that do not exist any more.
    lost: Vec<String>,
    /// It is in its place, and lacks labels only.
    is_home: bool,
}

/// Acts on the targets. One outcome per target, in order.
pub(crate) fn apply<H: Host + Http + Memo>(
    client: &Client<'_, H>,
    action: Action,
    targets: &[Target],
) -> Result<Vec<Outcome>, Error> {
    // Not those that an earlier call knew: a change with a label that was deleted since is refused as a whole.
    let mut labels = Labels::ask(client)?;
    let states = states::of(client, targets.iter().map(|target| &target.ref_))?;
    let goals = targets.iter().filter_map(|target| change::goal(action, target.former.as_ref()));
    let hidden: Vec<LocationKind> = goals.filter(|kind| is_hidden(*kind)).collect();
    if !states.is_empty() {
        for kind in hidden {
            labels.ensure(client, kind)?;
        }
    }
    let mut run = Run { client, labels, action, targets, effects: vec![None; targets.len()] };
    let jobs = run.judge(&states);
    if action == Action::HardDelete {
        run.delete(&jobs)?;
    } else {
        run.change(jobs)?;
    }
    let outcomes = targets.iter().zip(run.effects).map(|(target, effect)| Outcome {
        locator: target.ref_.locator.clone(),
        effect: effect.unwrap_or_else(|| Effect::Failed("nothing is known of the outcome".into())),
    });
    Ok(outcomes.collect())
}

/// Why the answer to a change does not show whether it was made.
enum Doubt {
    /// It shows other labels, or none.
    Shown,
    /// It says that there is no such message, or no such label.
    Gone,
    /// There is none, or the server failed.
    Lost(String),
}

struct Run<'r, H> {
    client: &'r Client<'r, H>,
    labels: Labels,
    action: Action,
    targets: &'r [Target],
    effects: Vec<Option<Effect>>,
}

impl<H: Host + Http + Memo> Run<'_, H> {
    /// Decides what to do with each target. Sets the effect of those with which nothing is to be done.
    fn judge(&mut self, states: &States) -> Vec<Job> {
        let (mut jobs, mut named) = (Vec::new(), BTreeSet::new());
        for (at, target) in self.targets.iter().enumerate() {
            let Some((id, before)) = locator::id(&target.ref_.locator).and_then(|id| states.get_key_value(id)) else {
                self.effects[at] = Some(Effect::NotFound);
                continue;
            };
            if !named.insert(id) {
                self.effects[at] = Some(Effect::Failed("the same message is named twice".into()));
                continue;
            }
            match self.judge_one(target, before) {
                Judgement::Change { change, lost, is_home } => {
                    jobs.push(Job { at, id: id.clone(), before: before.clone(), change, lost, is_home });
                }
                Judgement::Over(effect) => self.effects[at] = Some(effect),
            }
        }
        jobs
    }

    fn judge_one(&self, target: &Target, before: &BTreeSet<String>) -> Judgement {
        let now = place::of(before, &self.labels);
        let is_there = place::is_same(&now, &target.location);
        if self.action == Action::HardDelete {
            let change = Judgement::Change { change: Change::default(), lost: Vec::new(), is_home: false };
            return if is_there { change } else { Judgement::Over(Effect::MovedSince(now)) };
        }
        let former = target.former.as_ref().filter(|_| self.action == Action::Restore);
        let Some(kind) = change::goal(self.action, former) else {
            return Judgement::Over(Effect::Failed("nothing says where to restore it to".into()));
        };
        let is_home = match former {
            Some(former) => place::is_same(&now, &former.location),
            None => now.kind == kind,
        };
        let (change, lost) = change::to(kind, former.map(|former| former.flags.as_slice()), before, &self.labels);
        if is_home && (former.is_none() || change.is_nothing() && lost.is_empty()) {
            return Judgement::Over(Effect::AlreadyInDestination);
        }
        if !is_home && !is_there {
            return Judgement::Over(Effect::MovedSince(now));
        }
        Judgement::Change { change, lost, is_home }
    }

    /// Changes messages one by one: only so does an answer show what became of a message.
    fn change(&mut self, jobs: Vec<Job>) -> Result<(), Error> {
        let (mut open, mut doubtful, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for job in jobs {
            if job.change.is_nothing() {
                let before = job.before.clone();
                self.settle(&job, Some(&before));
            } else {
                open.push(job);
            }
        }
        self.send(&open, &mut doubtful, &mut refused)?;
        let mut again = Vec::new();
        for (mut job, why) in refused {
            match job.change.settable(&self.labels).filter(|_| self.action == Action::Restore) {
                Some((change, others)) => {
                    job.change = change;
                    job.lost.extend(others);
                    again.push(job);
                }
                None => self.effects[job.at] = Some(Effect::Failed(why)),
            }
        }
        let mut refused = Vec::new();
        self.send(&again, &mut doubtful, &mut refused)?;
        for (job, why) in refused {
            self.effects[job.at] = Some(Effect::Failed(why));
        }
        self.resolve(&doubtful)
    }

    fn send(
        &mut self,
        jobs: &[Job],
        doubtful: &mut Vec<(Job, Doubt)>,
        refused: &mut Vec<(Job, String)>,
    ) -> Result<(), Error> {
        let requests: Result<Vec<Request>, Error> = jobs
            .iter()
            .map(|job| self.client.post(&format!("/messages/{}/modify?fields=id,labelIds", job.id), &job.change))
            .collect();
        let client = self.client;
        client.each(&requests?, |at, answer: Answer| {
            let job = &jobs[at];
            match answer {
                Ok(response) => {
                    let shown = response.json::<Message>().ok().filter(|shown| shown.id == job.id);
                    let after: Option<BTreeSet<String>> = shown.map(|shown| shown.label_ids.into_iter().collect());
                    match after.filter(|after| job.change.is_in(after)) {
                        Some(after) => self.settle(job, Some(&after)),
                        None => doubtful.push((job.clone(), Doubt::Shown)),
                    }
                }
                Err(Refused::Gone) => doubtful.push((job.clone(), Doubt::Gone)),
                Err(Refused::Failed(why)) => doubtful.push((job.clone(), Doubt::Lost(why))),
                Err(Refused::Other(Error::Permanent(why))) => refused.push((job.clone(), why)),
                Err(refused) => return Err(refused.into_error()),
            }
            Ok(())
        })
    }

    /// Asks for the messages of which no answer shows what became of them.
    fn resolve(&mut self, doubtful: &[(Job, Doubt)]) -> Result<(), Error> {
        let now = states::by_id(self.client, doubtful.iter().map(|(job, _)| job.id.as_str()))?;
        let mut lost = None;
        for (job, doubt) in doubtful {
            match (now.get(&job.id), doubt) {
                // It may have been changed, or not yet: the host looks, and tries again.
                (Some(after), Doubt::Lost(why)) if !job.change.is_in(after) => lost = Some(why.clone()),
                (Some(after), Doubt::Gone) if !job.change.is_in(after) => {
                    let why = "Gmail answered that the message or a label does not exist, but the message does";
                    self.effects[job.at] = Some(Effect::Failed(why.into()));
                }
                (after, _) => self.settle(job, after),
            }
        }
        lost.map_or(Ok(()), |why| Err(Error::Transient(why)))
    }

    /// Sets the effect of a message whose labels are known after the act; `None` if it is gone.
    fn settle(&mut self, job: &Job, after: Option<&BTreeSet<String>>) {
        let target = &self.targets[job.at];
        let Some(after) = after else {
            self.effects[job.at] = Some(Effect::NotFound);
            return;
        };
        let now = place::of(after, &self.labels);
        let goal = change::goal(self.action, target.former.as_ref());
        let effect = if !job.change.is_in(after) {
            Effect::Failed("Gmail answered with success, but the message does not have the labels".into())
        } else if goal.is_some_and(|kind| kind != now.kind) {
            Effect::Failed(format!("Gmail moved the message to `{}`", now.path))
        } else if !job.lost.is_empty() {
            let count = job.lost.len();
            Effect::Failed(format!("it is back in `{}`, but {count} of its labels do not exist any more", now.path))
        } else if job.is_home {
            Effect::AlreadyInDestination
        } else {
            Effect::Succeeded(self.receipt(job, Some(now)))
        };
        self.effects[job.at] = Some(effect);
    }

    fn receipt(&self, job: &Job, now: Option<Location>) -> Receipt {
        let before = place::of(&job.before, &self.labels);
        let flags = place::flags(&job.before, before.kind, &self.labels);
        Receipt {
            former: Former { location: before, flags },
            now: now.as_ref().map(|_| self.targets[job.at].ref_.clone()),
            location: now,
        }
    }

    /// Removes messages for good. That they are gone only each of them can say.
    fn delete(&mut self, jobs: &[Job]) -> Result<(), Error> {
        for jobs in jobs.chunks(BATCH) {
            let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
            let mut refused = self.delete_all(&ids)?;
            let mut left = states::by_id(self.client, ids.iter().copied())?;
            let mut others: BTreeSet<String> = BTreeSet::new();
            // One that is gone already can be why the others were refused.
            if refused.is_some() && !left.is_empty() && left.len() < ids.len() {
                others = ids.iter().filter(|id| !left.contains_key(**id)).map(|id| (*id).to_owned()).collect();
                let again: Vec<&str> = left.keys().map(String::as_str).collect();
                refused = self.delete_all(&again)?;
                left = states::by_id(self.client, again.into_iter())?;
            }
            for job in jobs {
                self.effects[job.at] = Some(match (left.contains_key(&job.id), &refused) {
                    (true, Some(why)) => Effect::Failed(why.clone()),
                    (true, None) => {
                        let why = "Gmail answered with success, but the message is still there";
                        Effect::Failed(why.into())
                    }
                    (false, None) if !others.contains(&job.id) => Effect::Succeeded(self.receipt(job, None)),
                    // Another removed it.
                    (false, _) => Effect::NotFound,
                });
            }
        }
        Ok(())
    }

    /// Returns why the delete was refused.
    fn delete_all(&self, ids: &[&str]) -> Result<Option<String>, Error> {
        match self.client.one(self.client.post("/messages/batchDelete", &json!({ "ids": ids }))?)? {
            Ok(_) => Ok(None),
            Err(Refused::Other(Error::Permanent(why))) => Ok(Some(why)),
            Err(Refused::Gone) => Ok(Some("Gmail answered that one of the messages does not exist".into())),
            Err(refused) => Err(refused.into_error()),
        }
    }
}
