//! An action: the labels of all messages, the changes, and the labels again. Few messages are changed one by one, as each
//! answer shows the labels; many by one request, which answers with nothing, so lists confirm it.

use std::collections::{BTreeMap, BTreeSet};

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    place::is_hidden,
    types::{Action, Effect, Error, Former, Location, LocationKind, Outcome, Receipt, Target},
};
use serde_json::json;

use crate::{
    api::Message,
    change::{self, Change},
    client::Client,
    labels::Labels,
    locate, locator, place,
    refusal::Refused,
    states::{self, States, Wanted},
};

/// From how many messages on one request for all costs less than one for each.
const MANY: usize = 10;
/// The most messages of one request.
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
    let wanted: Vec<Wanted<'_>> = targets.iter().filter_map(|target| locate::wanted(&target.ref_)).collect();
    let states = states::all(client, &wanted, &labels.ids)?;
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

    fn change(&mut self, jobs: Vec<Job>) -> Result<(), Error> {
        let mut groups: BTreeMap<Change, Vec<Job>> = BTreeMap::new();
        let (mut few, mut had_success) = (Vec::new(), false);
        for job in jobs {
            if job.change.is_nothing() {
                let before = job.before.clone();
                self.settle(&job, Some(&before));
            } else {
                groups.entry(job.change.clone()).or_default().push(job);
            }
        }
        for (change, jobs) in groups {
            if jobs.len() <= MANY {
                few.extend(jobs);
                continue;
            }
            for jobs in jobs.chunks(BATCH) {
                self.change_many(&change, jobs)?;
                had_success = true;
            }
        }
        self.change_few(&few, had_success)
    }

    /// Changes messages one by one.
    fn change_few(&mut self, jobs: &[Job], mut had_success: bool) -> Result<(), Error> {
        let requests = jobs
            .iter()
            .map(|job| self.client.post(&format!("/messages/{}/modify?fields=id,labelIds", job.id), &job.change));
        let answers = self.client.many(&requests.collect::<Result<Vec<_>, _>>()?).all()?;
        had_success |= answers.iter().any(Result::is_ok);
        let mut doubtful = Vec::new();
        for (job, answer) in jobs.iter().zip(answers) {
            match answer {
                Ok(response) => {
                    let shown = response.json::<Message>().ok().filter(|shown| shown.id == job.id);
                    let after: Option<BTreeSet<String>> = shown.map(|shown| shown.label_ids.into_iter().collect());
                    match after.filter(|after| job.change.is_in(after)) {
                        Some(after) => self.settle(job, Some(&after)),
                        None => doubtful.push(job),
                    }
                }
                Err(Refused::Gone) => self.effects[job.at] = Some(Effect::NotFound),
                Err(Refused::Failed(why)) if !had_success => return Err(Error::Transient(why)),
                Err(Refused::Failed(_)) => doubtful.push(job),
                Err(Refused::Other(Error::Permanent(why))) => self.effects[job.at] = Some(Effect::Failed(why)),
                Err(refused) => return Err(refused.into_error()),
            }
        }
        let now = states::by_message(self.client, doubtful.iter().map(|job| job.id.as_str()))?;
        for job in doubtful {
            self.settle(job, now.get(&job.id));
        }
        Ok(())
    }

    /// Changes messages together.
    fn change_many(&mut self, change: &Change, jobs: &[Job]) -> Result<(), Error> {
        let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
        let body = json!({ "ids": ids, "addLabelIds": change.add, "removeLabelIds": change.remove });
        match self.client.one(self.client.post("/messages/batchModify", &body)?)? {
            Ok(_) => {}
            Err(Refused::Other(Error::Permanent(why))) => {
                for job in jobs {
                    self.effects[job.at] = Some(Effect::Failed(why.clone()));
                }
                return Ok(());
            }
            Err(refused) => return Err(refused.into_error()),
        }
        let changed: Vec<&str> = change.add.iter().chain(&change.remove).map(String::as_str).collect();
        let wanted: Vec<Wanted<'_>> =
            jobs.iter().filter_map(|job| locate::wanted(&self.targets[job.at].ref_)).collect();
        let shown = states::some(self.client, &wanted, &changed)?;
        for job in jobs {
            // The lists are of the changed labels only; the others are as they were.
            let after = shown.get(&job.id).map(|shown| {
                let others = job.before.iter().filter(|label| !changed.contains(&label.as_str()));
                let changed = shown.iter().filter(|label| changed.contains(&label.as_str()));
                others.chain(changed).cloned().collect::<BTreeSet<String>>()
            });
            self.settle(job, after.as_ref());
        }
        Ok(())
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
            let refused = self.client.one(self.client.post("/messages/batchDelete", &json!({ "ids": ids }))?)?.err();
            let why = match refused {
                None => None,
                Some(Refused::Other(Error::Permanent(why))) => Some(why),
                Some(refused) => return Err(refused.into_error()),
            };
            let left = states::by_message(self.client, ids.into_iter())?;
            for job in jobs {
                let said = why.as_deref().unwrap_or("Gmail answered with success, but the message is still there");
                self.effects[job.at] = Some(if left.contains_key(&job.id) {
                    Effect::Failed(said.to_owned())
                } else {
                    Effect::Succeeded(self.receipt(job, None))
                });
            }
        }
        Ok(())
    }
}
