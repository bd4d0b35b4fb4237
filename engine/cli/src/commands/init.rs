//! `clawback init`: sets up the folder of a site.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use clawback_model::{Principal, PrincipalKind, Role};
use clawback_runtime::NewToken;

use crate::args::{Global, InitArgs};
use crate::config::Config;
use crate::failure::{Exit, Failure};
use crate::open::{Stores, random, site, write_secret};
use crate::{output, shipped};

/// The configuration that a new folder gets.
const TEMPLATE: &str = r#"# Clawback's configuration. Every key and its default: engine/cli/docs/configuration.md. Check it with `clawback doctor`.

# Where the action history is kept: a SQLite file, or postgres://user@host/database for several nodes.
database = @DATABASE@
@STATE@
# Lists that scripts and guards read.
[lists]
vips = []                        # mailboxes; a playbook may ask for more approvals, or stop
secops_mailboxes = []            # mailboxes of the security team, which must keep their samples
simulation_senders = []          # senders of phishing simulations

# Mail stores. Take the one that is yours, then: clawback connectors check
#
# [stores.imap-example]
# connector = "imap"
# server = { host = "imap.corp.example", port = 993, tls = "implicit" }
# auth = { kind = "plain", user = "clawback-admin", password-file = "imap.password" }   # SASL PLAIN, authzid = mailbox
# mailboxes-file = "mailboxes.txt"                                                       # one address a line
#
# [stores.maildir-example]
# connector = "maildir"
# directory = "/var/mail/vhosts/corp.example"

# Whom to tell. Playbooks name them in their `notify` steps.
[notifiers.soc]
kind = "log"
#
# [notifiers.approvers]
# kind = "email"
# server = "smtp.corp.example"
# user = "clawback"
# password-file = "smtp.password"
# from = "Clawback <clawback@corp.example>"
# to = ["soc@corp.example"]

# Who is told of every plan that waits for votes, and who else if nobody decides.
# [approvals]
# notify = ["approvers"]
# escalate-to = ["soc"]

# How much one person may have without a vote; more of it asks for one (engine/cli/docs/guards.md).
# [without-a-vote.requester]
# hour = { messages = 100, mailboxes = 100, remediations = 30 }
# day = { messages = 300, mailboxes = 300, remediations = 100 }

# Approvals that must be signed by the approver's own key, and whose keys count (engine/cli/docs/signed-votes.md).
# [signed-votes]
# required = "hard-deletes"
# keys = "approvers"

# Who keeps signed checkpoints of the history: sent each hour while anything happens, and before every hard delete.
# [checkpoints]
# notify = ["approvers"]
# witnesses = [{ url = "https://witness.example/log", key = "NAME+HASH+KEY" }]   # who cosigns them
"#;

/// The roles of the first administrator: all except the one that reads messages.
const ROLES: [Role; 4] = [Role::Analyst, Role::Approver, Role::Admin, Role::Purger];

pub(crate) async fn run(_global: &Global, args: InitArgs) -> Result<Exit, Failure> {
    let folder = &args.folder;
    clawback_files::create_folder(folder)?;
    let config_path = folder.join("clawback.toml");
    if config_path.exists() {
        return Err(Failure::misuse(format!("{} is there already", config_path.display()))
            .hint("choose another folder, or go on with `clawback doctor`"));
    }
    let state = args.state.map(std::path::absolute).transpose()?;
    if let Some(state) = &state {
        clawback_files::create_folder(state)?;
    }
    write_new(&config_path, &configuration(args.database, state.as_deref())?)?;
    write_shipped(folder)?;
    let config = Config::find(Some(&config_path))?;
    let token = first_administrator(&config, &args.admin).await?;
    let key = super::key::make(&config, args.log_name)?;
    let token_path = config.resolve(&config.token_file);
    write_secret(&token_path, token.reveal())?;
    output::line(&format!("made {}", folder.display()))?;
    output::fields(&[
        ("configuration", config_path.display().to_string()),
        ("history", config.database_shown()),
        ("administrator", format!("{} (roles {})", args.admin, ROLES.map(Role::as_str).join(", "))),
        ("token", format!("{} (only you can read it)", token_path.display())),
        ("key", format!("{} (only you can read it)", config.resolve(&config.key_file).display())),
        ("checkpoints", format!("are signed by {}", key.public())),
        ("playbooks", folder.join("workflows").display().to_string()),
        ("scripts", folder.join("scripts").display().to_string()),
    ])?;
    output::note("next: describe a mail store in the configuration, then `clawback connectors check`");
    output::note("      two-step approval needs a second person: clawback principals add NAME --role approver");
    Ok(Exit::Done)
}

/// The text of the configuration. `state` is the folder of what changes, if that is another one.
fn configuration(database: Option<String>, state: Option<&Path>) -> Result<String, Failure> {
    let inside = |name: &str| match state.map(|folder| folder.join(name)) {
        None => Ok(name.to_owned()),
        Some(path) => path.into_os_string().into_string().map_err(|path| {
            Failure::misuse(format!("--state {} is not UTF-8, as the configuration must be", path.display()))
        }),
    };
    let quoted = |text: String| toml::Value::String(text).to_string();
    let database = database.map_or_else(|| Ok(format!("sqlite:{}", inside("clawback.db")?)), Ok::<_, Failure>)?;
    let mut paths = String::new();
    if state.is_some() {
        paths.push_str(
            "# The other files that change: the administrator's token, the key of checkpoints, compiled connectors.\n",
        );
        for (key, name) in [("token-file", "admin.token"), ("key-file", "site.key"), ("cache", "cache")] {
            let _ = writeln!(paths, "{key} = {}", quoted(inside(name)?));
        }
    }
    Ok(TEMPLATE.replace("@DATABASE@", &quoted(database)).replace("@STATE@", &paths))
}

/// Writes copies of the shipped playbooks and scripts, to read and to change.
fn write_shipped(folder: &Path) -> Result<(), Failure> {
    let workflows = folder.join("workflows");
    let scripts = folder.join("scripts");
    clawback_files::create_folder(&workflows)?;
    clawback_files::create_folder(&scripts)?;
    for (name, text) in shipped::WORKFLOWS {
        write_new(&workflows.join(format!("{name}.yaml")), text)?;
    }
    write_new(&workflows.join("playbook.schema.json"), shipped::SCHEMA)?;
    for (name, text) in shipped::SCRIPTS {
        write_new(&scripts.join(name), text)?;
    }
    Ok(())
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    Ok(clawback_files::create(path)?.write_all(text.as_bytes())?)
}

/// Adds the first principal. Needs no token: a caller who can write the database file is an administrator already.
pub(crate) async fn first_administrator(config: &Config, name: &str) -> Result<NewToken, Failure> {
    let site = site(config, Stores::None).await?;
    if !site.history.principals().await?.is_empty() {
        return Err(Failure::failed(format!("the database {} has principals already", config.database_shown()))
            .hint("an administrator of it can make a token for you: clawback principals token NAME"));
    }
    let admin = Principal::new(name, PrincipalKind::Person, ROLES.to_vec());
    site.history.add_principal(&admin, name, site.now()).await?;
    let token = NewToken::generate(random);
    site.history
        .add_token(name, &token.digest(), clawback_store::TokenTerms::labelled("first administrator"), name, site.now())
        .await?;
    Ok(token)
}
