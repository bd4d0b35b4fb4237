//! `clawback principals`: who may act, and their tokens.

use std::io::Write as _;
use std::path::Path;

use clawback_action_center::json::{
    MadeTokenJson, PasswordJson, PrincipalJson, RevocationJson, RolesJson, TokenJson, TokenOrderJson,
};
use clawback_app::TokenOrder;
use clawback_model::{PrincipalKind, Role, visible};

use crate::args::{Global, PrincipalsCommand};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;
use crate::remote::Remote;
use crate::table::{Column, Shape, Table, if_room, text, word};
use crate::tables::role_words;

pub(crate) async fn run(global: &Global, command: PrincipalsCommand) -> Result<Exit, Failure> {
    let desk = Desk::open(global).await?;
    match command {
        PrincipalsCommand::List => list(global, &desk.principals().await?)?,
        PrincipalsCommand::Add { name, roles, service, owner } => {
            let kind = if service { PrincipalKind::Service } else { PrincipalKind::Person };
            let added = desk.add(PrincipalJson { name, kind, roles, owner, pending: None }).await?.name;
            output::line(&format!("added {added}"))?;
            output::note(&format!("next: clawback principals token {added}"));
        }
        PrincipalsCommand::Roles { name, roles } => {
            desk.roles(&name, roles).await?;
            match desk.principals().await?.into_iter().find(|one| one.name == name).and_then(|one| one.pending) {
                None => output::line(&format!("changed the roles of {name}"))?,
                Some(pending) => {
                    output::line(&format!("asked for the roles of {name}: {}", role_words(&pending.roles)))?;
                    output::note(&format!("next: another administrator confirms: clawback principals confirm {name}"));
                }
            }
        }
        PrincipalsCommand::Confirm { name } => {
            desk.confirm(&name).await?;
            output::line(&format!("confirmed the roles of {name}"))?;
        }
        PrincipalsCommand::Tokens(shape) => shape.print(global.format, &desk.tokens().await?, None)?,
        PrincipalsCommand::Revoke { name, label } => {
            desk.revoke(&name, &label).await?;
            output::line(&format!("token `{label}` of {name} is void"))?;
        }
        PrincipalsCommand::Password { name, from } => {
            desk.password(&name, read_password(from.as_deref())?).await?;
            output::line(&format!("set the password of {name}"))?;
            output::note(
                "next: clawback serve; they vote once they have changed it (page People, or `clawback take-over`)",
            );
        }
        PrincipalsCommand::Token { name, label, days, roles, output: file } => {
            let order = TokenOrder { label, days, roles };
            hand_over(file.as_deref(), desk.token(&name, order)).await?;
        }
    }
    Ok(Exit::Done)
}

/// Where principals are managed: on the machine of the site, or over a server.
enum Desk {
    Here(Session),
    There(Remote),
}

impl Desk {
    async fn open(global: &Global) -> Result<Self, Failure> {
        match Remote::of(global)? {
            Some(remote) => Ok(Self::There(remote)),
            None => Ok(Self::Here(Session::open(global, Stores::None).await?)),
        }
    }

    async fn principals(&self) -> Result<Vec<PrincipalJson>, Failure> {
        match self {
            Self::There(remote) => remote.get(&["principals"], &[]).await,
            Self::Here(Session { api, who }) => Ok(api.principals(who).await?.into_iter().map(Into::into).collect()),
        }
    }

    async fn add(&self, new: PrincipalJson) -> Result<PrincipalJson, Failure> {
        match self {
            Self::There(remote) => remote.post(&["principals"], &[], &new, None).await,
            Self::Here(Session { api, who }) => Ok(api.add_principal(who, new.into()).await?.into()),
        }
    }

    async fn roles(&self, name: &str, roles: Vec<Role>) -> Result<(), Failure> {
        match self {
            Self::There(remote) => remote.put(&["principals", name, "roles"], &RolesJson { roles }).await,
            Self::Here(Session { api, who }) => Ok(api.change_roles(who, name, roles).await.map(drop)?),
        }
    }

    async fn confirm(&self, name: &str) -> Result<(), Failure> {
        match self {
            Self::There(remote) => {
                remote.post(&["principals", name, "roles", "confirm"], &[], &serde_json::Value::Null, None).await
            }
            Self::Here(Session { api, who }) => Ok(api.confirm_roles(who, name).await?),
        }
    }

    async fn password(&self, name: &str, password: String) -> Result<(), Failure> {
        match self {
            Self::There(remote) => remote.put(&["principals", name, "password"], &PasswordJson { password }).await,
            Self::Here(Session { api, who }) => {
                let hash = clawback_action_center::hash_password(&password).map_err(Failure::misuse)?;
                Ok(api.set_password(who, name, &hash).await?)
            }
        }
    }

    async fn tokens(&self) -> Result<Vec<TokenJson>, Failure> {
        match self {
            Self::There(remote) => remote.get(&["tokens"], &[]).await,
            Self::Here(Session { api, who }) => Ok(api.tokens(who).await?.into_iter().map(Into::into).collect()),
        }
    }

    async fn token(&self, name: &str, order: TokenOrder) -> Result<MadeTokenJson, Failure> {
        match self {
            Self::There(remote) => {
                remote.post(&["principals", name, "tokens"], &[], &TokenOrderJson::from(order), None).await
            }
            Self::Here(Session { api, who }) => Ok((&api.make_token(who, name, order).await?).into()),
        }
    }

    async fn revoke(&self, name: &str, label: &str) -> Result<(), Failure> {
        match self {
            Self::There(remote) => {
                let body = RevocationJson { label: label.to_owned() };
                remote.post(&["principals", name, "revoke"], &[], &body, None).await
            }
            Self::Here(Session { api, who }) => Ok(api.revoke_token(who, name, label).await?),
        }
    }
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

/// Makes a token and gives it to whoever asked: in a file, or printed.
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
    // The file first: a token that cannot be written down is lost.
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

/// The first line of a file, or of standard input. Never an argument: others could read that in the list of processes.
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
