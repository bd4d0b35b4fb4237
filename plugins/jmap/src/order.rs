//! One message to act on: what is sent for it, and when it is done.

use std::collections::{BTreeMap, BTreeSet};

use clawback_connector_sdk::types::{Effect, Former, MessageRef, Receipt};
use serde_json::{Map, Value, json};

use crate::{
    email::Email,
    folder::{Folder, Folders},
    label,
};

/// What is to become of a message.
#[derive(Debug, Clone)]
pub(crate) enum Wish {
    /// It is in this folder alone.
    Move(String),
    /// It is in these folders, with these keywords. It was in the ones that are gone, too.
    Restore { folders: BTreeSet<String>, gone: Vec<String>, keywords: Vec<String> },
    /// It is gone.
    Destroy,
}

/// A message to act on, which was found where the plan says.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// The number of its target.
    pub(crate) at: usize,
    /// The message before the act.
    pub(crate) email: Email,
    /// Where the plan says that it is.
    pub(crate) from: Folder,
    pub(crate) wish: Wish,
    /// Whether a move marks the message with its folders. Not if the server refuses that.
    pub(crate) has_marks: bool,
}

impl Order {
    /// Returns the update of `Email/set`; `None` for a message that is destroyed.
    pub(crate) fn update(&self) -> Option<Value> {
        let in_folders = |ids: &mut dyn Iterator<Item = &str>| {
            Value::Object(ids.map(|id| (id.to_owned(), json!(true))).collect::<Map<_, _>>())
        };
        let mut update = Map::new();
        match &self.wish {
            Wish::Destroy => return None,
            Wish::Move(to) => {
                update.insert("mailboxIds".into(), in_folders(&mut std::iter::once(to.as_str())));
                if !self.has_marks {
                    return Some(Value::Object(update));
                }
                for keyword in self.email.keywords.keys().filter(|keyword| label::is_mark(keyword)) {
                    update.insert(format!("keywords/{keyword}"), Value::Null);
                }
                let others = self.email.folders().into_iter().filter(|id| *id != self.from.id);
                for mark in others.filter_map(label::mark) {
                    update.insert(format!("keywords/{mark}"), json!(true));
                }
            }
            Wish::Restore { folders, keywords, .. } => {
                update.insert("mailboxIds".into(), in_folders(&mut folders.iter().map(String::as_str)));
                if *keywords != label::own(&self.email.keywords)
                    || self.email.keywords.keys().any(|one| label::is_mark(one))
                {
                    let set: BTreeMap<&str, bool> = keywords.iter().map(|keyword| (keyword.as_str(), true)).collect();
                    update.insert("keywords".into(), json!(set));
                }
            }
        }
        Some(Value::Object(update))
    }

    /// Returns whether this is the message as it is wished, after the act.
    pub(crate) fn is_done(&self, now: Option<&Email>) -> bool {
        match (&self.wish, now) {
            (Wish::Destroy, now) => now.is_none(),
            (_, None) => false,
            (Wish::Move(to), Some(now)) => now.folders().into_iter().eq([to.as_str()]),
            (Wish::Restore { folders, .. }, Some(now)) => {
                now.folders().into_iter().eq(folders.iter().map(String::as_str))
            }
        }
    }

    /// Returns whether it is done to the last keyword.
    pub(crate) fn is_as_wished(&self, now: Option<&Email>) -> bool {
        let has_keywords = match (&self.wish, now) {
            (Wish::Restore { keywords, .. }, Some(now)) => *keywords == label::own(&now.keywords),
            _ => true,
        };
        self.is_done(now) && has_keywords
    }

    /// Returns whether the update of a move names keywords.
    pub(crate) fn is_marking(&self) -> bool {
        let update = self.update();
        let mut keys = update.iter().filter_map(Value::as_object).flat_map(Map::keys);
        matches!(self.wish, Wish::Move(_)) && keys.any(|key| key.starts_with("keywords/"))
    }

    /// Returns whether it is as it was before.
    pub(crate) fn is_untouched(&self, now: &Email) -> bool {
        now.folders() == self.email.folders()
    }

    /// Returns the effect of an act that is done. `now` is the message after it.
    pub(crate) fn effect(&self, now: Option<&Email>, folders: &Folders, wanted: &MessageRef) -> Effect {
        let former = Former { location: self.from.location.clone(), flags: self.email.own_flags(&self.from) };
        let Some(now) = now else {
            return Effect::Succeeded(Receipt { former, now: None, location: None });
        };
        if let Wish::Restore { keywords, gone, .. } = &self.wish {
            if !gone.is_empty() {
                let gone = gone.join("`, `");
                let why = format!("it is back, but not in the folder with the id `{gone}`, which no longer exists");
                return Effect::Failed(why);
            }
            let set = label::own(&now.keywords);
            let missing: Vec<&str> =
                keywords.iter().filter(|keyword| !set.contains(keyword)).map(String::as_str).collect();
            if !missing.is_empty() {
                let why = format!("it is back in its folder, but the server did not keep {}", missing.join(" "));
                return Effect::Failed(why);
            }
        }
        let ref_ = MessageRef { locator: now.id.clone(), ..wanted.clone() };
        let location = now.place(folders).map(|folder| folder.location.clone());
        Effect::Succeeded(Receipt { former, now: Some(ref_), location })
    }
}
