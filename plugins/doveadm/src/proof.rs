//! Acts and their verification.

use std::collections::{BTreeMap, BTreeSet};

use clawback_connector_sdk::{
    host::{Host, Http, Memo},
    types::{Effect, Error, Former, Location, MessageRef, Receipt},
};

use crate::{
    act::{Checked, Run, by_folder, exactly},
    api::{Answer, Refusal},
    command::{Command, in_folder, set},
    find::find,
    folder::{self, Folder, Folders},
    row::{self, PLACE, Row, rows},
};

/// The messages of one folder with the same destination.
struct Order<'c> {
    to: Option<&'c str>,
    folder: &'c str,
    checked: Vec<&'c Checked>,
}

/// What is known after an act.
struct After {
    /// Messages that are still where they were.
    left: BTreeSet<(String, u32)>,
    /// Messages that are new in the destinations.
    arrived: Vec<Row>,
    /// Why an order was refused, by the index of the target.
    refused: BTreeMap<usize, Refusal>,
    folders: Folders,
}

impl<H: Host + Http + Memo> Run<'_, '_, H> {
    /// Acts on the checked messages. Those of a refused order are tried once more, one by one, so that one of them does
    /// not affect others.
    pub(crate) fn act(&mut self, checked: Vec<Checked>) -> Result<(), Error> {
        let again = self.round(checked, false)?;
        let left = self.round(again, true)?;
        self.fail(left.iter(), "the server refused it twice");
        Ok(())
    }

    /// Acts once. Returns the messages of refused orders that are still where they were.
    fn round(&mut self, checked: Vec<Checked>, is_alone: bool) -> Result<Vec<Checked>, Error> {
        let checked = self.ensure(checked)?;
        if checked.is_empty() {
            return Ok(Vec::new());
        }
        let orders = orders(&checked, is_alone);
        let after = self.send(&orders)?;
        let mut again = Vec::new();
        let mut unproven = Vec::new();
        let mut gone = Vec::new();
        for one in &checked {
            let is_left = after.left.contains(&one.row.key());
            let arrived = after.arrived.iter().find(|row| {
                row.guid() == one.row.guid()
                    && one.to.as_deref() == Some(row.mailbox.as_str())
                    && !self.claimed.contains(&row.key())
            });
            match (is_left, arrived) {
                (false, Some(now)) => {
                    self.claimed.insert(now.key());
                    self.effects[one.at] = Some(self.succeeded(one, Some(now))?);
                }
                (false, None) if one.to.is_none() => gone.push(one),
                (false, None) => unproven.push(one),
                (true, Some(copy)) => {
                    let why = after.refused.get(&one.at).map_or_else(|| NOT_MOVED.to_owned(), Refusal::why);
                    let copy = copy.clone();
                    self.take_back(one, &copy, &why)?;
                }
                (true, None) => match after.refused.get(&one.at) {
                    Some(_) if !is_alone => again.push(one.clone()),
                    Some(refusal) => self.effects[one.at] = Some(Effect::Failed(refusal.why())),
                    None => self.effects[one.at] = Some(Effect::Failed(NOT_MOVED.into())),
                },
            }
        }
        self.deleted(&gone, &after.folders)?;
        self.unproven(&unproven, &after.folders)?;
        Ok(again)
    }

    /// Creates the destinations that are missing. Returns the messages whose destination is there.
    fn ensure(&mut self, checked: Vec<Checked>) -> Result<Vec<Checked>, Error> {
        let paths: BTreeSet<&str> = checked.iter().filter_map(|one| one.to.as_deref()).collect();
        let missing: Vec<&str> = paths.into_iter().filter(|path| self.folders.at(path).is_none()).collect();
        if missing.is_empty() {
            return Ok(checked);
        }
        let mut commands: Vec<Command> = missing.iter().map(|path| Command::create(path)).collect();
        commands.push(folder::listing());
        let mut answers = self.api.run(&commands)?;
        let listed = answers.pop().ok_or_else(|| Error::Transient("the server did not answer".into()))?;
        self.folders = Folders::read(self.api, listed)?;
        let mut absent: BTreeMap<String, String> = BTreeMap::new();
        for (path, answer) in missing.into_iter().zip(answers) {
            if self.folders.at(path).is_none() {
                let why = answer
                    .err()
                    .map_or_else(|| "it is not one of the owner's folders".to_owned(), |refusal| refusal.why());
                absent.insert(path.to_owned(), format!("folder `{path}` cannot be made: {why}"));
            }
        }
        let (able, unable): (Vec<Checked>, Vec<Checked>) =
            checked.into_iter().partition(|one| one.to.as_ref().is_none_or(|to| !absent.contains_key(to)));
        for one in unable {
            let why = one.to.as_ref().and_then(|to| absent.get(to)).cloned().unwrap_or_default();
            self.effects[one.at] = Some(Effect::Failed(why));
        }
        Ok(able)
    }

    /// Sends the orders, and after them the questions where the messages are.
    fn send(&mut self, orders: &[Order<'_>]) -> Result<After, Error> {
        let mut commands = Vec::new();
        let paths: BTreeSet<&str> = orders.iter().filter_map(|order| order.to).collect();
        let destinations: Vec<&Folder> = paths.into_iter().filter_map(|path| self.folders.at(path)).collect();
        for order in orders {
            let rows: Vec<&Row> = order.checked.iter().map(|one| &one.row).collect();
            let query = exactly(&rows);
            commands.push(match order.to {
                Some(to) => Command::move_to(to, query),
                None => Command::expunge(query),
            });
        }
        let asks = commands.len();
        let origins = by_folder(orders.iter().flat_map(|order| &order.checked).map(|one| &one.row));
        for ((path, folder), rows) in &origins {
            commands.push(Command::fetch(&PLACE, in_folder(path, folder, &set(rows.iter().map(|row| row.uid)))));
        }
        let arrivals = commands.len();
        for folder in &destinations {
            commands.push(Command::fetch(&PLACE, folder.query(&format!("{}:*", folder.next))));
        }
        commands.push(folder::listing());
        let mut answers = self.api.run(&commands)?;
        let listed = answers.pop().ok_or_else(|| Error::Transient("the server did not answer".into()))?;
        let folders = Folders::read(self.api, listed)?;
        let mut refused = BTreeMap::new();
        for (order, answer) in orders.iter().zip(&answers[..asks]) {
            if let Err(refusal) = answer {
                refused.extend(order.checked.iter().map(|one| (one.at, refusal.clone())));
            }
        }
        // Without these answers nothing is known: the host locates the messages.
        let read = |answer: &Answer| rows(answer.as_ref().map_err(Refusal::error)?);
        let mut left = BTreeSet::new();
        for answer in &answers[asks..arrivals] {
            left.extend(read(answer)?.iter().map(Row::key));
        }
        let mut arrived = Vec::new();
        for (folder, answer) in destinations.iter().zip(&answers[arrivals..]) {
            // `N:*` also finds the last message if its UID is smaller.
            arrived.extend(read(answer)?.into_iter().filter(|row| row.uid >= folder.next));
        }
        let arrived = row::of_owner(arrived, &folders);
        Ok(After { left, arrived, refused, folders })
    }

    pub(crate) fn succeeded(&self, one: &Checked, now: Option<&Row>) -> Result<Effect, Error> {
        let wanted = &self.targets[one.at].ref_;
        let former = Former { location: one.from.clone(), flags: one.row.flags() };
        let ref_ = now.map(|now| MessageRef { locator: now.locator().to_string(), ..wanted.clone() });
        let location: Option<Location> = match now {
            Some(now) => Some(self.folders.location(self.api, &now.mailbox)?),
            None => None,
        };
        Ok(Effect::Succeeded(Receipt { former, now: ref_, location }))
    }

    /// Removes the copy of a message whose original could not be removed.
    fn take_back(&mut self, one: &Checked, copy: &Row, why: &str) -> Result<(), Error> {
        let commands = [Command::expunge(exactly(&[copy])), Command::fetch(&PLACE, copy.query())];
        let answers = self.api.run(&commands)?;
        let is_gone = match answers.get(1) {
            Some(Ok(answer)) => rows(answer)?.is_empty(),
            _ => false,
        };
        self.effects[one.at] = Some(Effect::Failed(if is_gone {
            why.to_owned()
        } else {
            format!("{why}; a copy of it is in folder `{}`", copy.mailbox)
        }));
        Ok(())
    }

    /// Notes deleted messages, unless the server put copies of them into folders that grew or are new.
    fn deleted(&mut self, gone: &[&Checked], now: &Folders) -> Result<(), Error> {
        if gone.is_empty() {
            return Ok(());
        }
        let before = |guid: &str| self.folders.all.get(guid).map_or(1, |folder| folder.next);
        let grown: Vec<(&Folder, u32)> = now
            .all
            .values()
            .map(|folder| (folder, before(&folder.guid)))
            .filter(|(folder, before)| folder.next > *before)
            .collect();
        let ask = |(folder, before): &(&Folder, u32)| Command::fetch(&PLACE, folder.query(&format!("{before}:*")));
        let mut copies = Vec::new();
        for ((_, before), answer) in grown.iter().zip(self.api.run(&grown.iter().map(ask).collect::<Vec<_>>())?) {
            let answer = answer.map_err(|refusal| refusal.error())?;
            copies.extend(rows(&answer)?.into_iter().filter(|row| row.uid >= *before));
        }
        for one in gone {
            let copy = copies.iter().find(|row| row.guid() == one.row.guid());
            self.effects[one.at] = Some(match copy {
                Some(copy) => {
                    let path = &copy.mailbox;
                    Effect::Failed(format!("it was deleted, but the server put a copy of it into folder `{path}`"))
                }
                None => self.succeeded(one, None)?,
            });
        }
        Ok(())
    }

    /// Searches every folder for messages that are gone and not in their destination.
    fn unproven(&mut self, unproven: &[&Checked], now: &Folders) -> Result<(), Error> {
        if unproven.is_empty() {
            return Ok(());
        }
        let refs: Vec<&MessageRef> = unproven.iter().map(|one| &self.targets[one.at].ref_).collect();
        let found = find(self.api, now, &refs)?;
        for (one, rows) in unproven.iter().zip(found.rows) {
            let mut free = rows.iter().filter(|row| !self.claimed.contains(&row.key()));
            let arrived = free.clone().find(|row| one.to.as_deref() == Some(row.mailbox.as_str())).cloned();
            self.effects[one.at] = Some(match (arrived, free.next(), &found.closed) {
                (Some(row), ..) => {
                    self.claimed.insert(row.key());
                    self.succeeded(one, Some(&row))?
                }
                (None, Some(row), _) => Effect::MovedSince(now.location(self.api, &row.mailbox)?),
                (None, None, Some(error)) => return Err(error.clone()),
                (None, None, None) => Effect::NotFound,
            });
        }
        Ok(())
    }
}

const NOT_MOVED: &str = "the server answered without an error but did not do it";

/// Groups messages by destination and folder, or each of its own.
fn orders(checked: &[Checked], is_alone: bool) -> Vec<Order<'_>> {
    let mut orders: Vec<Order<'_>> = Vec::new();
    for one in checked {
        let (to, folder) = (one.to.as_deref(), one.row.folder.as_str());
        match orders.iter_mut().find(|order| !is_alone && order.to == to && order.folder == folder) {
            Some(order) => order.checked.push(one),
            None => orders.push(Order { to, folder, checked: vec![one] }),
        }
    }
    orders
}
