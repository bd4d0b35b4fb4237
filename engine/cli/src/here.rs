//! Commands that run only on the machine of the site.

use crate::args::{Command, ConnectorsCommand};
use crate::failure::Failure;

/// The name of the command, if a server does not carry it out.
pub(crate) fn only_here(command: &Command) -> Option<&'static str> {
    Some(match command {
        Command::Init(_) => "init",
        Command::Worker(_) => "worker",
        Command::Serve(_) => "serve",
        Command::Doctor => "doctor",
        Command::Backup { .. } => "backup",
        Command::Checkpoint(_) => "checkpoint",
        Command::Proof(_) => "proof",
        Command::Mirror { .. } => "mirror",
        Command::Key(_) => "key",
        Command::Retention(_) => "retention",
        Command::Demo(_) => "demo",
        Command::Test(_) => "test",
        Command::Record(_) => "record",
        Command::Connectors(ConnectorsCommand::New(_)) => "connectors new",
        Command::Connectors(ConnectorsCommand::Test(_)) => "connectors test",
        Command::Check(_)
        | Command::Connectors(_)
        | Command::Sweeps(_)
        | Command::Evidence(_)
        | Command::Principals(_)
        | Command::TakeOver(_)
        | Command::Export(_)
        | Command::Plan(_)
        | Command::Examine(_)
        | Command::Read(_)
        | Command::Investigate(_)
        | Command::Indicators(_)
        | Command::Sightings(_)
        | Command::BlockList(_)
        | Command::Report(_)
        | Command::Reports
        | Command::Run(_)
        | Command::Submit(_)
        | Command::SavedSearches(_)
        | Command::Pending(_)
        | Command::Approve(_)
        | Command::Reject(_)
        | Command::History(_)
        | Command::Show(_)
        | Command::Alerts(_)
        | Command::Investigations(_)
        | Command::Undo(_)
        | Command::Pause(_)
        | Command::Resume(_)
        | Command::Cancel(_)
        | Command::Retry(_)
        | Command::Verify(_)
        | Command::Halt(_)
        | Command::Mcp(_)
        | Command::Unhalt
        | Command::Playbooks(_)
        | Command::Schedules(_)
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Reference => return None,
    })
}

/// The failure of such a command with `--server`.
pub(crate) fn refused(name: &str) -> Failure {
    Failure::misuse(format!("`clawback {name}` works on the machine of the site itself, not over a server"))
        .hint("run it there, without --server and without the variable CLAWBACK_SERVER")
}
