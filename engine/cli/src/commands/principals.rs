//! `clawback principals`: who may act.

use clawback_model::{Permission, Principal, PrincipalKind, Role};
use clawback_runtime::{Error, NewToken};

use crate::args::{Global, PrincipalsCommand};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores, random, write_secret};
use crate::output;

pub(crate) async fn run(global: &Global, command: PrincipalsCommand) -> Result<Exit, Failure> {
    let session = Session::open(global, Stores::None).await?;
    let history = &session.site().history;
    let now = session.site().now();
    let who = &session.who.name;
    match command {
        PrincipalsCommand::List => {
            let items: Vec<_> = history
                .principals()
                .await?
                .into_iter()
                .map(|principal| serde_json::json!({ "name": principal.name, "kind": principal.kind, "roles": principal.roles }))
                .collect();
            output::rows(global.format, &["name", "kind", "roles"], &items, None, |item| {
                let roles = item["roles"].as_array().into_iter().flatten().filter_map(|role| role.as_str());
                let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
                vec![text("name"), text("kind"), roles.collect::<Vec<_>>().join(", ")]
            })?;
        }
        PrincipalsCommand::Add { name, roles, service } => {
            administers(&session)?;
            let kind = if service { PrincipalKind::Service } else { PrincipalKind::Person };
            history.add_principal(&Principal { name: name.clone(), kind, roles: unique(roles) }, who, now).await?;
            output::line(&format!("added {name}"))?;
            output::note(&format!("next: clawback principals token {name}"));
        }
        PrincipalsCommand::Token { name, label, days, output: file } => {
            administers(&session)?;
            let token = NewToken::generate(random);
            let expires = days.map(|days| now.plus(std::time::Duration::from_hours(u64::from(days) * 24)));
            let label = if label.is_empty() { format!("made {now}") } else { label };
            history.add_token(&name, &token.digest(), &label, expires, who, now).await?;
            if let Some(path) = file {
                write_secret(&path, token.reveal())?;
                output::line(&format!("wrote {}", path.display()))?;
            } else {
                output::line(token.reveal())?;
                output::note("keep it now: it is shown only this once, and the database keeps only its digest");
            }
        }
    }
    Ok(Exit::Done)
}

fn administers(session: &Session) -> Result<(), Failure> {
    let permission = Permission::Administer;
    if session.who.may(permission) {
        return Ok(());
    }
    Err(Error::Forbidden { name: session.who.name.clone(), permission }.into())
}

fn unique(mut roles: Vec<Role>) -> Vec<Role> {
    roles.sort_unstable();
    roles.dedup();
    roles
}
