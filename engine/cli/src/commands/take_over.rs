//! `clawback take-over`: what somebody else set becomes one's own.

use std::io::BufRead as _;

use clawback_action_center::json::{MadeTokenJson, TakeOverJson, TokenOrderJson};
use clawback_action_center::{hash_password, password_is};
use clawback_app::TokenOrder;

use super::principals::hand_over;
use crate::args::{Global, TakeOverArgs};
use crate::failure::{Exit, Failure};
use crate::open::{Session, Stores};
use crate::output;
use crate::remote::Remote;

pub(crate) async fn run(global: &Global, args: TakeOverArgs) -> Result<Exit, Failure> {
    let (password, new_password) = passwords(&args)?;
    let TakeOverArgs { label, days, output: file, .. } = args;
    let token = TokenOrderJson { label, days, roles: Vec::new() };
    let asked = TakeOverJson { password, new_password, token };
    let made = async {
        match Remote::of(global)? {
            Some(remote) => remote.put_for(&["take-over"], &asked).await,
            None => here(&Session::open(global, Stores::None).await?, asked).await,
        }
    };
    Box::pin(hand_over(file.as_deref(), made)).await?;
    output::note("next: use this token in place of the one that you were given, and revoke that");
    Ok(Exit::Done)
}

async fn here(Session { api, who }: &Session, asked: TakeOverJson) -> Result<MadeTokenJson, Failure> {
    let account = api.site().history.account(&who.name).await?.ok_or_else(|| {
        Failure::failed(format!("{} has no password yet", who.name))
            .hint(format!("ask an administrator for a first one: clawback principals password {}", who.name))
    })?;
    if !password_is(&asked.password, &account.password) {
        return Err(Failure::failed(format!("that is not the password of {}", who.name)));
    }
    let hash = hash_password(&asked.new_password).map_err(Failure::misuse)?;
    Ok((&api.take_over(who, &hash, TokenOrder::from(asked.token)).await?).into())
}

/// Two lines of a file, or of standard input. Never arguments: others could read those in the list of processes.
fn passwords(args: &TakeOverArgs) -> Result<(String, String), Failure> {
    let text = if let Some(path) = &args.from {
        clawback_files::read_secret(path).map_err(|error| Failure::misuse(error.to_string()))?
    } else {
        output::note("type the password that you were given, enter, then one of your own, enter:");
        let lines: Result<Vec<String>, _> = std::io::stdin().lock().lines().take(2).collect();
        lines?.join("\n")
    };
    let mut lines = text.lines().map(str::to_owned);
    match (lines.next(), lines.next()) {
        (Some(old), Some(new)) => Ok((old, new)),
        _ => Err(Failure::misuse("two lines are needed: the password that you were given, and one of your own")),
    }
}
