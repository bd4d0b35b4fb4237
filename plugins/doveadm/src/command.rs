//! Commands and their search queries. A query is a list of words, each a text of its own: nothing in a word can become
//! another word.

use serde_json::{Map, Value, json};

/// The words of a search query.
pub(crate) type Query = Vec<String>;

/// Masks of all folders of the owner's namespaces: a `*` ends where a namespace with a prefix begins. Shared and public
/// namespaces are never among them.
pub(crate) const EVERY_FOLDER: [&str; 3] = ["*", "*/*", "*.*"];

/// One command, without its user.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Command {
    pub(crate) name: &'static str,
    parameters: Map<String, Value>,
}

impl Command {
    fn new(name: &'static str, parameters: Value) -> Self {
        Self { name, parameters: if let Value::Object(parameters) = parameters { parameters } else { Map::new() } }
    }

    /// Adds the query of the messages that it is for.
    fn of(mut self, query: Query) -> Self {
        self.parameters.insert("query".into(), query.into());
        self
    }

    /// Returns fields of messages.
    pub(crate) fn fetch(fields: &[impl AsRef<str>], query: Query) -> Self {
        let fields: Vec<&str> = fields.iter().map(AsRef::as_ref).collect();
        Self::new("fetch", json!({ "field": fields })).of(query)
    }

    /// Moves messages. The query names the folder that they are in.
    pub(crate) fn move_to(folder: &str, query: Query) -> Self {
        Self::new("move", json!({ "destinationMailbox": folder })).of(query)
    }

    /// Removes messages permanently.
    pub(crate) fn expunge(query: Query) -> Self {
        Self::new("expunge", json!({})).of(query)
    }

    /// Sets exactly these flags.
    pub(crate) fn set_flags(flags: &[String], query: Query) -> Self {
        Self::new("flagsReplace", json!({ "flag": flags })).of(query)
    }

    /// Creates a folder, without subscribing to it.
    pub(crate) fn create(folder: &str) -> Self {
        Self::new("mailboxCreate", json!({ "mailbox": [folder] }))
    }

    /// Returns GUID and next UID of the folders with these names, which exist and can be opened.
    pub(crate) fn status(masks: &[&str]) -> Self {
        Self::new("mailboxStatus", json!({ "field": ["guid", "uidnext"], "mailboxMask": masks }))
    }

    /// Returns the names of folders, among them those that cannot be opened and those that are created on first use.
    pub(crate) fn list() -> Self {
        Self::new("mailboxList", json!({ "mailboxMask": EVERY_FOLDER }))
    }

    /// Returns the use of a folder (RFC 6154).
    pub(crate) fn special_use(folder: &str) -> Self {
        Self::new("mailboxMetadataGet", json!({ "mailbox": folder, "key": "/private/specialuse" }))
    }

    /// Returns the names of all users.
    pub(crate) fn users() -> Self {
        Self::new("user", json!({ "userMask": ["*"] }))
    }

    /// Returns the command as the API has it, for this user; a command of the whole server has none.
    pub(crate) fn json(&self, user: Option<&str>, tag: usize) -> Value {
        let mut parameters = self.parameters.clone();
        if let Some(user) = user {
            parameters.insert("user".into(), user.into());
        }
        json!([self.name, parameters, tag.to_string()])
    }
}

/// Returns the words of a query.
pub(crate) fn words<const COUNT: usize>(words: [&str; COUNT]) -> Query {
    words.map(str::to_owned).to_vec()
}

/// Returns a query for messages of one folder, of which only the GUID is known. The server opens every folder for it.
pub(crate) fn in_some_folder(guid: &str, uids: &str) -> Query {
    words(["mailbox-guid", guid, "uid", uids])
}

/// Returns a query for messages of one folder. A name with a wildcard matches others, too, so the GUID decides.
pub(crate) fn in_folder(path: &str, guid: &str, uids: &str) -> Query {
    words(["mailbox", path, "mailbox-guid", guid, "uid", uids])
}

/// Returns a query for what one of these finds.
pub(crate) fn any(queries: Vec<Query>) -> Query {
    let mut any = words(["("]);
    for (at, query) in queries.into_iter().enumerate() {
        if at > 0 {
            any.push("OR".into());
        }
        any.push("(".into());
        any.extend(query);
        any.push(")".into());
    }
    any.push(")".into());
    any
}

/// Returns a set of UIDs, such as `1:4,9`.
pub(crate) fn set(uids: impl IntoIterator<Item = u32>) -> String {
    let mut uids: Vec<u32> = uids.into_iter().collect();
    uids.sort_unstable();
    uids.dedup();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for uid in uids {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(uid) => *last = uid,
            _ => ranges.push((uid, uid)),
        }
    }
    let range = |(first, last): (u32, u32)| if first == last { first.to_string() } else { format!("{first}:{last}") };
    ranges.into_iter().map(range).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one() {
        let command = Command::move_to("a\" ] [ \"b", in_folder("f", "g", "1 OR ALL"));
        let sent = command.json(Some("u\",\"x\":\"y"), 0);
        let read: Value = serde_json::from_str(&sent.to_string()).unwrap();
        assert_eq!(read[1]["query"], json!(["mailbox", "f", "mailbox-guid", "g", "uid", "1 OR ALL"]));
        assert_eq!(read[1]["destinationMailbox"], "a\" ] [ \"b");
        assert_eq!(read[1]["user"], "u\",\"x\":\"y");
        assert_eq!(read[1].as_object().unwrap().len(), 3);
        assert_eq!(Command::users().json(None, 3)[1].get("user"), None);
    }

    #[test]
    fn sets_of_uids() {
        assert_eq!(set([3, 1, 2, 2, 9, u32::MAX]), "1:3,9,4294967295");
        assert_eq!(set([]), "");
    }

    #[test]
    fn alternatives() {
        assert_eq!(any(vec![words(["all"]), words(["uid", "1"])]).join(" "), "( ( all ) OR ( uid 1 ) )");
    }
}
