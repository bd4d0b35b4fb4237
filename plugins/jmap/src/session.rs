//! The session (RFC 8620 2): the server's addresses and limits, and which account a mailbox is.
//!
//! It can have hundreds of kilobytes for a login that reaches many accounts, so what a call needs of it is kept between
//! calls.

use std::collections::BTreeMap;
use std::time::Duration;

use clawback_connector_sdk::{
    host::{Host, Http, Memo, Request, Scope},
    memo,
    types::{Error, Gap},
    web,
};
use serde::{Deserialize, Serialize};

use crate::protocol::{MAIL, plain};

/// The endpoint of the session and of the API.
pub(crate) const API: &str = "api";
/// The endpoint of downloads, if they have an origin of their own.
pub(crate) const DOWNLOAD: &str = "download";
/// Where a session is (RFC 8620 2.2), unless the setting `session-path` names another path.
const WELL_KNOWN: &str = "/.well-known/jmap";
/// How often a redirect to the session is followed.
const REDIRECTS: usize = 3;
/// How long a call waits in all for a server that throttles, in milliseconds. A longer wait is the host's.
pub(crate) const PATIENCE: u64 = 6_000;
/// The shortest wait, and the one where the server names none: a server that names 0 is not asked without end.
pub(crate) const PAUSE: u64 = 500;
/// How long a session is kept.
const KEPT: Duration = Duration::from_mins(15);
/// The most records of one method call and the most calls of a request, whatever the server allows.
const MOST: usize = 500;
const MOST_CALLS: usize = 16;
/// The longest id of an account or a record (RFC 8620 1.2).
const LONGEST_ID: usize = 255;

/// What calls on one mailbox need of the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: String,
    /// The path of the API.
    pub(crate) api: String,
    /// The endpoint of downloads and their template (RFC 6570), from the path on.
    pub(crate) download: Option<(String, String)>,
    /// `maxCallsInRequest`, `maxObjectsInGet`, `maxObjectsInSet`.
    pub(crate) calls: usize,
    pub(crate) get: usize,
    pub(crate) set: usize,
    pub(crate) is_read_only: bool,
    pub(crate) may_create_folders: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    #[serde(default)]
    username: String,
    #[serde(default)]
    accounts: BTreeMap<String, Listed>,
    #[serde(default)]
    primary_accounts: BTreeMap<String, Option<String>>,
    api_url: String,
    #[serde(default)]
    download_url: String,
    #[serde(default)]
    capabilities: Capabilities,
}

/// An account of a session.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(default)]
    name: String,
    #[serde(default)]
    is_personal: bool,
    #[serde(default)]
    is_read_only: bool,
    /// Null for an account that does not exist.
    #[serde(default)]
    account_capabilities: Option<AccountCapabilities>,
}

impl Listed {
    fn mail(&self) -> Option<&MailCapability> {
        self.account_capabilities.as_ref()?.mail.as_ref()
    }
}

#[derive(Debug, Deserialize)]
struct AccountCapabilities {
    #[serde(rename = "urn:ietf:params:jmap:mail")]
    mail: Option<MailCapability>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MailCapability {
    #[serde(default = "yes")]
    may_create_top_level_mailbox: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Default, Deserialize)]
struct Capabilities {
    #[serde(rename = "urn:ietf:params:jmap:core", default)]
    core: Limits,
}

#[derive(Debug, Default, Deserialize)]
struct Limits {
    #[serde(rename = "maxCallsInRequest")]
    calls: Option<usize>,
    #[serde(rename = "maxObjectsInGet")]
    get: Option<usize>,
    #[serde(rename = "maxObjectsInSet")]
    set: Option<usize>,
}

/// A mailbox as `mailboxes` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) name: String,
    pub(crate) account: Account,
    /// Whether it is the login's own.
    pub(crate) is_own: bool,
}

/// The account of a name.
enum Named<'s> {
    One(&'s str),
    Several,
}

impl Session {
    /// Requests the session.
    pub(crate) fn fetch<H: Host + Http>(host: &H) -> Result<Self, Error> {
        let mut path = host.setting("session-path").filter(|path| !path.is_empty()).unwrap_or(WELL_KNOWN.into());
        let mut redirects = 0;
        let mut patience = PATIENCE;
        loop {
            let response = host.send(&Request::get(API, path.as_str())).map_err(web::unanswered)?;
            if response.is_success() {
                return response.json();
            }
            if matches!(response.status, 301 | 302 | 303 | 307 | 308) {
                redirects += 1;
                let to = response.header("location").and_then(web::path_of).filter(|_| redirects <= REDIRECTS);
                path = to.ok_or_else(|| Error::Permanent("the server redirects the session to nowhere".into()))?;
                continue;
            }
            if response.status == 404 {
                let path = plain(&path);
                let why =
                    format!("the server has no session at `{path}`; set `session-path` to the path of its session");
                return Err(Error::Permanent(why));
            }
            match response.refused("the server refuses the session", host.now()) {
                Error::Throttled(pause) if pause.unwrap_or(PAUSE).max(PAUSE) <= patience => {
                    let pause = pause.unwrap_or(PAUSE).max(PAUSE);
                    patience -= pause;
                    host.sleep(Duration::from_millis(pause));
                }
                error => return Err(error),
            }
        }
    }

    /// Returns the account of a mailbox: by its name, by its id, or because it is that of the login.
    pub(crate) fn account(&self, mailbox: &str) -> Result<Account, Error> {
        let id = match self.names().get(&mailbox.to_lowercase()) {
            Some(Named::One(id)) => id,
            Some(Named::Several) => {
                let why =
                    format!("several accounts have the name `{}`; name the mailbox by its account id", plain(mailbox));
                return Err(Error::Permanent(why));
            }
            None => mailbox,
        };
        let Some(listed) = self.accounts.get(id).filter(|listed| listed.mail().is_some()) else {
            let why = "the login reaches no account of this name; the name of an account, its id, or the login's name is needed";
            return Err(Error::NotFound(why.into()));
        };
        self.describe(id, listed)
    }

    /// Returns all mailboxes, sorted, and those that cannot be named. One whose name another account has, too, is named
    /// by its id.
    pub(crate) fn mailboxes(&self) -> Result<(Vec<Listing>, Vec<Gap>), Error> {
        let names = self.names();
        let (mut all, mut gaps) = (Vec::new(), Vec::new());
        for (id, listed) in self.with_mail() {
            let is_own_name = matches!(names.get(&listed.name.to_lowercase()), Some(Named::One(known)) if known == id);
            let name = if is_own_name { &listed.name } else { id };
            let reason = if !is_id(id) {
                "the account has an invalid id"
            } else if !is_own_name && names.contains_key(&id.to_lowercase()) {
                "another account has the id of this one as its name"
            } else {
                let is_own = self.primary(MAIL) == Some(id.as_str()) && listed.is_personal;
                all.push(Listing { name: name.clone(), account: self.describe(id, listed)?, is_own });
                continue;
            };
            gaps.push(Gap { folder: String::new(), item: plain(id), reason: reason.into() });
        }
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok((all, gaps))
    }

    /// Returns which account has a name, by the name in lower case. That of the login keeps its own, whatever name others
    /// give to accounts that they share.
    fn names(&self) -> BTreeMap<String, Named<'_>> {
        let mut names = BTreeMap::new();
        for (id, listed) in self.with_mail() {
            let entry = names.entry(listed.name.to_lowercase());
            entry.and_modify(|named| *named = Named::Several).or_insert(Named::One(id.as_str()));
        }
        let own = self.primary(MAIL).and_then(|id| self.accounts.get_key_value(id));
        if let Some((id, own)) = own.filter(|(_, own)| own.mail().is_some()) {
            names.insert(self.username.to_lowercase(), Named::One(id));
            if own.is_personal {
                names.insert(own.name.to_lowercase(), Named::One(id));
            }
        }
        names.remove("");
        names
    }

    fn primary(&self, capability: &str) -> Option<&str> {
        self.primary_accounts.get(capability)?.as_deref()
    }

    fn with_mail(&self) -> impl Iterator<Item = (&String, &Listed)> {
        self.accounts.iter().filter(|(_, listed)| listed.mail().is_some())
    }

    fn describe(&self, id: &str, listed: &Listed) -> Result<Account, Error> {
        if !is_id(id) {
            return Err(Error::Permanent("the session names an account by an invalid id".into()));
        }
        let wrong = || Error::Permanent("the session names an address of the API that is none".into());
        let api = web::path_of(&self.api_url).ok_or_else(wrong)?;
        let limits = &self.capabilities.core;
        let most = |limit: Option<usize>, own: usize| limit.unwrap_or(own).clamp(1, own);
        Ok(Account {
            id: id.to_owned(),
            api,
            download: self.download(),
            calls: most(limits.calls, MOST_CALLS),
            get: most(limits.get, MOST),
            set: most(limits.set, MOST),
            is_read_only: listed.is_read_only,
            may_create_folders: listed.mail().is_none_or(|capability| capability.may_create_top_level_mailbox),
        })
    }

    /// Returns the endpoint of downloads: the API's, unless the session names another origin for them.
    fn download(&self) -> Option<(String, String)> {
        let (origin, template) = split(&self.download_url)?;
        let is_api = origin.is_none() || origin == split(&self.api_url).and_then(|(origin, _)| origin);
        Some((if is_api { API } else { DOWNLOAD }.to_owned(), template.to_owned()))
    }
}

/// Returns the origin of an address, if it has one, and the rest. The rest may be a template.
fn split(address: &str) -> Option<(Option<&str>, &str)> {
    if address.starts_with('/') && !address.starts_with("//") {
        return Some((None, address));
    }
    let (scheme, rest) = address.split_once("://")?;
    let at = scheme.len() + 3 + rest.find('/')?;
    Some((Some(&address[..at]), &address[at..]))
}

/// Returns whether a text is an id (RFC 8620 1.2).
pub(crate) fn is_id(text: &str) -> bool {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(is_safe)
}

/// Returns the account of a mailbox as it was kept, if it was.
pub(crate) fn recall<H: Memo>(host: &H, mailbox: &str) -> Option<Account> {
    memo::recall(host, Scope::Mailbox, "account")
        .or_else(|| memo::recall(host, Scope::Store, &key(mailbox)))
        .filter(|account: &Account| is_id(&account.id))
}

/// Requests the session for a call on a mailbox, and keeps what the next one needs.
pub(crate) fn renew<H: Host + Http + Memo>(host: &H, mailbox: &str) -> Result<Account, Error> {
    let account = Session::fetch(host)?.account(mailbox)?;
    memo::keep(host, Scope::Mailbox, "account", &account, KEPT);
    Ok(account)
}

/// Keeps the accounts of a list of mailboxes, each for calls on that mailbox.
pub(crate) fn keep<H: Memo>(host: &H, listings: &[Listing]) {
    let mut keys: BTreeMap<String, usize> = BTreeMap::new();
    for listing in listings {
        *keys.entry(key(&listing.name)).or_default() += 1;
    }
    // Ids that differ in case alone have one key.
    for Listing { name, account, .. } in listings.iter().filter(|listing| keys[&key(&listing.name)] == 1) {
        memo::keep(host, Scope::Store, &key(name), account, KEPT);
    }
}

fn key(mailbox: &str) -> String {
    format!("account:{}", mailbox.to_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn session(api: &str, download: &str) -> Session {
        let mail = json!({ "urn:ietf:params:jmap:mail": {} });
        serde_json::from_value(json!({
            "username": "admin@x", "apiUrl": api, "downloadUrl": download,
            "capabilities": { "urn:ietf:params:jmap:core": { "maxObjectsInGet": 7, "maxObjectsInSet": 9_999 } },
            "primaryAccounts": { "urn:ietf:params:jmap:mail": "u0" },
            "accounts": {
                "u0": { "name": "Administrator", "isPersonal": true, "accountCapabilities": mail },
                "u1": { "name": "Ann@x", "accountCapabilities": mail, "isReadOnly": true },
                "u2": { "name": "twin", "accountCapabilities": mail },
                "u3": { "name": "Twin", "accountCapabilities": mail },
                "u4": { "name": "contacts", "accountCapabilities": {} },
                "u5": { "name": "nobody", "accountCapabilities": null },
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_mailbox_is_one_account_or_none() {
        let session = session("/jmap/", "/jmap/download/{accountId}/{blobId}/{name}?accept={type}");
        let id = |mailbox: &str| session.account(mailbox).map(|account| account.id);
        assert_eq!((id("ann@X"), id("u3"), id("admin@x")), (Ok("u1".into()), Ok("u3".into()), Ok("u0".into())));
        assert!(matches!(id("twin"), Err(Error::Permanent(_))), "two accounts have this name");
        assert!(matches!(id("contacts"), Err(Error::NotFound(_))), "it has no mail");
        assert!(matches!(id("nobody"), Err(Error::NotFound(_))), "as Cyrus shows a user who does not exist");
        assert!(matches!(id("ben@x"), Err(Error::NotFound(_))));
        let listed: Vec<_> = session.mailboxes().unwrap().0.into_iter().map(|one| (one.name, one.is_own)).collect();
        let expected = [("Administrator", true), ("Ann@x", false), ("u2", false), ("u3", false)];
        assert_eq!(listed, expected.map(|(name, is_own)| (name.to_owned(), is_own)));
    }

    #[test]
    fn a_shared_account_takes_no_other_name() {
        let mail = json!({ "urn:ietf:params:jmap:mail": {} });
        let session: Session = serde_json::from_value(json!({
            "username": "ann@x", "apiUrl": "/jmap/", "primaryAccounts": { "urn:ietf:params:jmap:mail": "u1" },
            "accounts": {
                "u1": { "name": "Ann", "isPersonal": true, "accountCapabilities": mail },
                "u2": { "name": "ANN@x", "accountCapabilities": mail },
                "u3": { "name": "ann", "accountCapabilities": mail },
                "u4": { "name": "", "accountCapabilities": mail },
                "u5": { "name": "U4", "accountCapabilities": mail },
                "../u6": { "name": "x", "accountCapabilities": mail },
            },
        }))
        .unwrap();
        let id = |mailbox: &str| session.account(mailbox).unwrap().id;
        assert_eq!([id("ann@x"), id("ann"), id("u2"), id("u3")], ["u1", "u1", "u2", "u3"]);
        let (listed, gaps) = session.mailboxes().unwrap();
        let listed: Vec<_> = listed.iter().map(|one| (one.name.as_str(), one.account.id.as_str())).collect();
        assert_eq!(listed, [("Ann", "u1"), ("U4", "u5"), ("u2", "u2"), ("u3", "u3")]);
        let gaps: Vec<_> = gaps.iter().map(|gap| gap.item.as_str()).collect();
        assert_eq!(gaps, ["../u6", "u4"]);
        for (name, account) in listed {
            assert_eq!(id(name), account, "each name is that of its account");
        }
    }

    #[test]
    fn limits_are_the_smaller_ones() {
        let account = session("/jmap/", "").account("ann@x").unwrap();
        assert_eq!((account.get, account.set, account.calls), (7, MOST, MOST_CALLS));
        assert!(account.is_read_only && account.may_create_folders && account.download.is_none());
    }

    #[test]
    fn downloads_may_have_an_origin_of_their_own() {
        for (api, download, endpoint) in [
            ("/jmap/", "/d/{blobId}", "api"),
            ("https://a.example/jmap/", "/d/{blobId}", "api"),
            ("https://a.example/jmap/", "https://a.example/d/{blobId}", "api"),
            ("https://a.example/jmap/", "https://b.example/d/{blobId}", "download"),
            ("/jmap/", "https://b.example/d/{blobId}", "download"),
        ] {
            let account = session(api, download).account("u1").unwrap();
            assert_eq!(account.download, Some((endpoint.into(), "/d/{blobId}".into())), "{api} {download}");
            assert_eq!(account.api, "/jmap/");
        }
        assert!(session("jmap", "").account("u1").is_err());
    }

    #[test]
    fn ids() {
        assert!(is_id("M617bb3b1-_") && !is_id("") && !is_id("a/b") && !is_id("a b") && !is_id(&"x".repeat(256)));
    }
}
