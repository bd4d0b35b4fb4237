//! `clawback take-over`: replaces the password that an administrator set, and makes a token of one's own.

use std::io::BufRead as _;

use clawback_action_center::json::{TakeOverJson, TokenOrderJson};

use super::principals::hand_over;
use crate::args::{Global, TakeOverArgs};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::open::Stores;
use crate::output;

pub(crate) async fn run(global: &Global, args: TakeOverArgs) -> Result<Exit, Failure> {
    let (password, new_password) = passwords(&args)?;
    let TakeOverArgs { label, days, output: file, .. } = args;
    let token = TokenOrderJson { label, days, roles: Vec::new() };
    let asked = TakeOverJson { password, new_password, token };
    let client = Client::open(global, Stores::None).await?;
    hand_over(file.as_deref(), client.put(&["take-over"], &asked)).await?;
    output::note("next: use this token in place of the one that you were given, and revoke that");
    Ok(Exit::Done)
}

/// Reads two lines of a file, or of standard input. Passwords are no arguments: other users can read the list of processes.
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
