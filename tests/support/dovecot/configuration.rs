//! `dovecot.conf` of an instance: the common part, and the parts in which installations differ.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::path::Path;
use std::{fs, iter};

use super::{API_PASSWORD, Folders, Format, Logins, Options, Owner, Plugin};

/// The capabilities of the server after login, without COMPRESS, which would hide the bytes from a proxy.
const CAPABILITIES: &str = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES \
    THREAD=REFS THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED \
    I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY \
    PREVIEW=FUZZY PREVIEW STATUS=SIZE SAVEDATE LITERAL+ NOTIFY SPECIAL-USE";
/// Services of a tuned instance: limits for more than a thousand sessions, and no penalty that delays the next test.
const TUNED: &str = "mail_max_userip_connections = 5000
auth_failure_delay = 0
service anvil {
  client_limit = 8000
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  client_limit = 8000
}
service imap {
  process_limit = 1200
}
service auth {
  client_limit = 8000
}
service imap-login {
  service_count = 0
  client_limit = 4000
  process_limit = 1
}
";

/// The text of `dovecot.conf`.
pub(super) fn text(
    folder: &Path,
    mail: &Path,
    options: &Options,
    owner: &Owner,
    [plain, imaps, api]: [SocketAddr; 3],
    greeting: &str,
) -> String {
    let (folder, mail) = (folder.display(), mail.display());
    let (user, group) = (&owner.user, &owner.group);
    let location = match options.format {
        Format::Maildir => "maildir:~/Maildir",
        Format::Sdbox => "sdbox:~/sdbox",
        Format::Mdbox => "mdbox:~/mdbox",
    };
    let capabilities = capabilities(options);
    let rawlog = if options.record_commands {
        format!("protocol imap {{\n  rawlog_dir = {folder}/raw\n}}\n")
    } else {
        String::new()
    };
    let namespace = match options.prefix {
        None => "separator = /".to_owned(),
        Some(prefix) => format!("separator = .\n  prefix = {prefix}"),
    };
    let services = match options.logins {
        Logins::Tuned => TUNED,
        Logins::Stock => "",
    };
    format!(
        "base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
login_greeting = {greeting}
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
mail_location = {location}
mail_fsync = never
mail_always_cache_fields = flags hdr.from hdr.to hdr.subject hdr.message-id hdr.date date.received size.virtual imap.envelope
imap_capability = {capabilities}
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.key
ssl_dh =
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
auth_master_user_separator = *
passdb {{
  driver = passwd-file
  args = {folder}/masters
  master = yes
  result_success = continue
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = username_format=%u {folder}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
  override_fields = home={mail}/%d/%n master_user=%u
}}
namespace inbox {{
  inbox = yes
  {namespace}
{mailboxes}}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {plain}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
}}
service auth {{
  unix_listener auth-userdb {{
    mode = 0600
    user = {user}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
{services}{rawlog}{plugins}{api}{extra}
",
        mailboxes = folders(options),
        plain = plain.port(),
        imaps = imaps.port(),
        plugins = plugins(&folder.to_string(), &options.plugins),
        api = if options.has_api { http(api) } else { String::new() },
        extra = options.extra,
    )
}

/// The service of `doveadm` over HTTP.
fn http(address: SocketAddr) -> String {
    let port = address.port();
    format!(
        "service doveadm {{\n  inet_listener http {{\n    port = {port}\n  }}\n}}\ndoveadm_password = {API_PASSWORD}\n"
    )
}

/// The capabilities that the server announces.
fn capabilities(options: &Options) -> String {
    let has_acl = options.plugins.iter().any(|plugin| matches!(plugin, Plugin::Rights(_)));
    let offered = CAPABILITIES.split(' ').chain(has_acl.then_some("ACL"));
    offered.filter(|name| !options.without.contains(name)).collect::<Vec<_>>().join(" ")
}

fn folders(options: &Options) -> String {
    let auto = match options.folders {
        Folders::Installed => "subscribe",
        Folders::Existing => "no",
    };
    let mut mailboxes = String::new();
    for (name, role) in
        [("Drafts", "\\Drafts"), ("Sent", "\\Sent"), ("Trash", "\\Trash"), ("Junk", "\\Junk"), ("Archive", "\\Archive")]
    {
        let role =
            if options.without.contains(&"SPECIAL-USE") { String::new() } else { format!("special_use = {role}") };
        let _ = write!(mailboxes, "  mailbox {name} {{\n    auto = {auto}\n    {role}\n  }}\n");
    }
    mailboxes
}

fn plugins(folder: &str, plugins: &[Plugin]) -> String {
    let mut names = String::new();
    let mut settings = String::new();
    let mut namespaces = String::new();
    for plugin in plugins {
        match plugin {
            Plugin::Rights(_) => {
                names.push_str(" acl imap_acl");
                let _ = writeln!(settings, "  acl = vfile:{folder}/rights");
            }
            Plugin::Virtual => {
                names.push_str(" virtual");
                namespaces = format!(
                    "namespace virtual {{\n  prefix = Virtual/\n  separator = /\n  \
                     location = virtual:{folder}/virtual:INDEX=~/virtual\n  list = yes\n  subscriptions = no\n}}\n"
                );
            }
            Plugin::LazyExpunge(into) => {
                names.push_str(" lazy_expunge");
                let _ = writeln!(settings, "  lazy_expunge = {into}");
            }
        }
    }
    if names.is_empty() {
        return String::new();
    }
    let everywhere = names.replace(" imap_acl", "");
    format!(
        "mail_plugins ={everywhere}\nprotocol imap {{\n  mail_plugins ={names}\n}}\nplugin {{\n{settings}}}\n{namespaces}"
    )
}

/// Writes the files that the plugins read.
pub(super) fn write_plugins(folder: &Path, options: &Options, owner: &Owner) -> io::Result<()> {
    for plugin in &options.plugins {
        match plugin {
            Plugin::Rights(rights) => {
                let lines: String = rights.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
                fs::write(folder.join("rights"), lines)?;
                chown(folder.join("rights"), Some(owner.uid), Some(owner.gid))?;
            }
            Plugin::Virtual => {
                let folders = folder.join("virtual");
                for (name, text) in [("All", "*\n-Virtual/*\n  all\n"), ("Unread", "INBOX\n  unseen\n")] {
                    fs::create_dir_all(folders.join(name))?;
                    fs::write(folders.join(name).join("dovecot-virtual"), text)?;
                }
                for path in iter::once(folders.clone()).chain(
                    ["All", "Unread"]
                        .into_iter()
                        .flat_map(|name| [folders.join(name), folders.join(name).join("dovecot-virtual")]),
                ) {
                    chown(path, Some(owner.uid), Some(owner.gid))?;
                }
            }
            Plugin::LazyExpunge(_) => {}
        }
    }
    Ok(())
}
