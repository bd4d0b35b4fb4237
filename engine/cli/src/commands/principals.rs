//! `clawback principals`: who may act.

use clawback_model::{Permission, Principal, PrincipalKind, Role};
use clawback_runtime::{Error, NewToken};
use clawback_store::{Token, TokenTerms};

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
        PrincipalsCommand::Roles { name, roles } => {
            administers(&session)?;
            history.change_roles(&name, &unique(roles), who, now).await?;
            output::line(&format!("changed the roles of {name}"))?;
        }
        PrincipalsCommand::Tokens => tokens(global, history.tokens().await?)?,
        PrincipalsCommand::Revoke { name, label } => {
            // Anybody may give up their own.
            if *who != name {
                administers(&session)?;
            }
            history.revoke_token(&name, &label, who, now).await?;
            output::line(&format!("token `{label}` of {name} is void"))?;
        }
        PrincipalsCommand::Password { name, from } => {
            // Anybody may change their own.
            if *who != name {
                administers(&session)?;
            }
            let hash =
                clawback_action_center::hash_password(&read_password(from.as_deref())?).map_err(Failure::misuse)?;
            history.set_password(&name, &hash, who, now).await?;
            output::line(&format!("set the password of {name}"))?;
            output::note("next: clawback serve");
        }
        PrincipalsCommand::Token { name, label, days, roles, output: file } => {
            administers(&session)?;
            let token = NewToken::generate(random);
            let expires = days.map(|days| now.plus(std::time::Duration::from_hours(u64::from(days) * 24)));
            let label = if label.is_empty() { format!("made {now}") } else { label };
            let scope = unique(roles);
            let terms =
                TokenTerms { label: &label, expires, scope: Some(scope.as_slice()).filter(|it| !it.is_empty()) };
            history.add_token(&name, &token.digest(), terms, who, now).await?;
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

fn tokens(global: &Global, tokens: Vec<Token>) -> Result<(), Failure> {
    let items: Vec<_> = tokens
        .into_iter()
        .map(|token| {
            serde_json::json!({
                "principal": token.principal, "label": token.label, "created_at": token.created_at.to_string(),
                "expires_at": token.expires_at.map(|at| at.to_string()),
                "revoked_at": token.revoked_at.map(|at| at.to_string()), "roles": token.scope,
            })
        })
        .collect();
    output::rows(
        global.format,
        &["principal", "label", "created", "expires", "revoked", "only"],
        &items,
        None,
        |item| {
            let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
            let roles = item["roles"].as_array().into_iter().flatten().filter_map(|role| role.as_str());
            let only = roles.collect::<Vec<_>>().join(", ");
            vec![text("principal"), text("label"), text("created_at"), text("expires_at"), text("revoked_at"), only]
        },
    )
}

/// The first line of a file, or of standard input. Never an argument: others could read that in the list of processes.
fn read_password(from: Option<&std::path::Path>) -> Result<String, Failure> {
    let text = if let Some(path) = from {
        std::fs::read_to_string(path)
            .map_err(|error| Failure::misuse(format!("{} cannot be read: {error}", path.display())))?
    } else {
        output::note("type the password, then enter:");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        line
    };
    Ok(text.lines().next().unwrap_or_default().to_owned())
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
