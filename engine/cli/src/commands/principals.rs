//! `clawback principals`: people and services, their roles, passwords and tokens.

use std::io::Write as _;
use std::path::Path;

use clawback_action_center::json::{
    MadeTokenJson, PasswordJson, PrincipalJson, RevocationJson, RolesJson, TokenJson, TokenOrderJson,
};
use clawback_model::{PrincipalKind, visible};

use crate::args::{Global, PrincipalsCommand};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::Stores;
use crate::output;
use crate::table::{Column, Shape, Table, if_room, text, word};
use crate::tables::role_words;

pub(crate) async fn run(global: &Global, command: PrincipalsCommand) -> Result<Exit, Failure> {
    let client = Client::open(global, Stores::None).await?;
    match command {
        PrincipalsCommand::List => list(global, &everybody(&client).await?)?,
        PrincipalsCommand::Add { name, roles, service, owner } => {
            let kind = if service { PrincipalKind::Service } else { PrincipalKind::Person };
            let new = PrincipalJson { name, kind, roles, owner, pending: None };
            let PrincipalJson { name: added, .. } = client.post(&["principals"], &[], &new).await?;
            output::line(&format!("added {added}"))?;
            output::note(&format!("next: clawback principals token {added}"));
        }
        PrincipalsCommand::Roles { name, roles } => {
            client.put::<()>(&["principals", &name, "roles"], &RolesJson { roles }).await?;
            match everybody(&client).await?.into_iter().find(|one| one.name == name).and_then(|one| one.pending) {
                None => output::line(&format!("changed the roles of {name}"))?,
                Some(pending) => {
                    output::line(&format!("asked for the roles of {name}: {}", role_words(&pending.roles)))?;
                    output::note(&format!("next: another administrator confirms: clawback principals confirm {name}"));
                }
            }
        }
        PrincipalsCommand::Confirm { name } => {
            client.act::<()>(&["principals", &name, "roles", "confirm"]).await?;
            output::line(&format!("confirmed the roles of {name}"))?;
        }
        PrincipalsCommand::Tokens(shape) => {
            let tokens: Vec<TokenJson> = client.get(&["tokens"], &[]).await?;
            shape.print(global.format, &tokens, None)?;
        }
        PrincipalsCommand::Revoke { name, label } => {
            let body = RevocationJson { label: label.clone() };
            client.post::<()>(&["principals", &name, "revoke"], &[], &body).await?;
            output::line(&format!("revoked the token `{label}` of {name}"))?;
        }
        PrincipalsCommand::Password { name, from } => {
            let body = PasswordJson { password: read_password(from.as_deref())? };
            client.put::<()>(&["principals", &name, "password"], &body).await?;
            output::line(&format!("set the password of {name}"))?;
            output::note(
                "next: clawback serve; they vote once they have changed it (page People, or `clawback take-over`)",
            );
        }
        PrincipalsCommand::Token { name, label, days, roles, output: file } => {
            let order = TokenOrderJson { label, days, roles };
            let path = ["principals", &name, "tokens"];
            hand_over(file.as_deref(), client.post(&path, &[], &order)).await?;
        }
    }
    Ok(Exit::Done)
}

async fn everybody(client: &Client) -> Result<Vec<PrincipalJson>, Failure> {
    client.get(&["principals"], &[]).await
}

fn list(global: &Global, items: &[PrincipalJson]) -> Result<(), Failure> {
    Shape::<Principals>::default().print(global.format, items, None)
}

pub(crate) struct Principals;

impl Table for Principals {
    type Row = PrincipalJson;
    const COLUMNS: &'static [Column<PrincipalJson>] = &[
        text("name", |item| item.name.clone()),
        word("kind", |item| item.kind.as_str().to_owned()),
        text("roles", |item| role_words(&item.roles)),
        text("owner", |item| item.owner.clone().unwrap_or_default()),
        if_room(text("pending", |item| {
            item.pending.as_ref().map_or(String::new(), |pending| role_words(&pending.roles))
        })),
    ];
}

/// Makes a token, and writes it to a file or prints it.
pub(crate) async fn hand_over(
    file: Option<&Path>,
    making: impl Future<Output = Result<MadeTokenJson, Failure>>,
) -> Result<(), Failure> {
    let Some(path) = file else {
        let made = making.await?;
        output::line(&made.token)?;
        output::note("keep it now: it is shown only this once, and the database keeps only its digest");
        note_pending(&made);
        return Ok(());
    };
    // The file is created first: a token that cannot be written is lost.
    let mut file = clawback_files::create(path)?;
    match making.await {
        Ok(made) => {
            writeln!(file, "{}", made.token)?;
            note_pending(&made);
        }
        Err(failure) => {
            std::fs::remove_file(path)?;
            return Err(failure);
        }
    }
    output::line(&format!("wrote {}", path.display()))
}

fn note_pending(made: &MadeTokenJson) {
    if let Some(pending) = &made.pending {
        output::note(&format!(
            "pending: {}; an administrator other than {} confirms that this is you: clawback principals confirm NAME",
            role_words(&pending.roles),
            visible(&pending.asked_by)
        ));
    }
}

/// Reads the first line of a file, or of standard input. A password is no argument: other users can read the list of processes.
fn read_password(from: Option<&Path>) -> Result<String, Failure> {
    let text = if let Some(path) = from {
        clawback_files::read_secret(path).map_err(|error| Failure::misuse(error.to_string()))?
    } else {
        output::note("type the password, then enter:");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        line
    };
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
