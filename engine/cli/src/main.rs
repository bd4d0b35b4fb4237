//! The binary `clawback`: one file per command, configuration, output.

mod agents;
mod args;
mod client;
mod commands;
mod config;
mod descriptors;
mod exposition;
mod failure;
mod here;
mod input;
mod interrupt;
mod open;
mod output;
mod progress;
mod shipped;
mod table;
mod tables;
mod telemetry;
mod version;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command, ConnectorsCommand};
use crate::failure::{Exit, Failure};

/// It returns the memory of many short-lived tasks to the system; glibc's keeps it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // One ring for all TLS; a second install would be refused, and there is none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let _telemetry =
        match telemetry::start(cli.global.verbose, matches!(cli.command, Command::Worker(_) | Command::Serve(_))) {
            Ok(telemetry) => telemetry,
            Err(failure) => {
                output::note(&failure.render());
                return failure.exit.into();
            }
        };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::note(&format!("error: cannot start: {error}"));
            return Exit::Failed.into();
        }
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output::note(&failure.render());
            failure.exit.into()
        }
    }
}

async fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    let global = cli.global;
    if global.format.is_of_export() && !matches!(cli.command, Command::Export(_)) {
        return Err(Failure::misuse("--format ocsf and o365-air are formats of `clawback export` alone"));
    }
    if global.server.is_some()
        && let Some(name) = here::only_here(&cli.command)
    {
        return Err(here::refused(name));
    }
    match cli.command {
        Command::Init(args) => commands::init::run(&global, args).await,
        Command::Check(args) => commands::check::run(&global, args).await,
        Command::Test(args) => commands::test::run(&global, &args),
        Command::Record(args) => commands::record::run(&global, args).await,
        Command::Plan(args) => commands::plan::run(&global, args).await,
        Command::Run(args) => commands::run::run(&global, args).await,
        Command::Examine(args) => commands::examine::run(&global, args).await,
        Command::Read(args) => commands::read::run(&global, args).await,
        Command::Investigate(args) => commands::investigate::run(&global, *args).await,
        Command::Indicators(args) => commands::indicators::run(&global, *args).await,
        Command::Sightings(args) => commands::indicators::sightings(&global, args).await,
        Command::BlockList(args) => commands::block_list::run(&global, args).await,
        Command::Report(args) => commands::reports::report(&global, args).await,
        Command::Reports => commands::reports::list(&global).await,
        Command::Submit(args) => commands::submit::run(&global, *args).await,
        Command::SavedSearches(command) => commands::saved_searches::run(&global, command).await,
        Command::Pending(args) => commands::history::pending(&global, &args).await,
        Command::Approve(args) => commands::decide::run(&global, args, clawback_model::Decision::Approve).await,
        Command::Reject(args) => commands::decide::run(&global, args, clawback_model::Decision::Reject).await,
        Command::History(args) => commands::history::run(&global, *args).await,
        Command::Show(args) => commands::show::run(&global, *args).await,
        Command::Alerts(command) => commands::records::alerts(&global, command).await,
        Command::Investigations(command) => commands::records::investigations(&global, command).await,
        Command::Undo(args) => commands::follow_up::undo(&global, args).await,
        Command::Retry(args) => commands::follow_up::retry(&global, args).await,
        Command::Pause(args) => commands::control::pause(&global, args).await,
        Command::Resume(args) => Box::pin(commands::control::resume(&global, args)).await,
        Command::Cancel(args) => commands::control::cancel(&global, args).await,
        Command::Verify(args) => commands::verify::run(&global, args).await,
        Command::Checkpoint(args) => commands::checkpoint::run(&global, &args).await,
        Command::Proof(args) => commands::proof::run(&global, args).await,
        Command::Mirror { folder } => commands::mirror::run(&global, &folder).await,
        Command::Key(command) => commands::key::run(&global, command),
        Command::Worker(args) => commands::worker::run(&global, args).await,
        Command::Serve(args) => Box::pin(commands::serve::run(&global, args)).await,
        Command::Mcp(args) => Box::pin(commands::mcp::run(&global, args)).await,
        Command::Halt(args) => commands::halt::halt(&global, args).await,
        Command::Unhalt => commands::halt::unhalt(&global).await,
        Command::Connectors(ConnectorsCommand::List(shape)) => commands::connectors::list(&global, &shape).await,
        Command::Connectors(ConnectorsCommand::Describe { store }) => {
            commands::connectors::describe(&global, &store).await
        }
        Command::Connectors(ConnectorsCommand::Check { store, all, mailbox }) => {
            commands::connectors::check(&global, store.as_deref(), all, mailbox).await
        }
        Command::Connectors(ConnectorsCommand::New(args)) => commands::connectors::scaffold::run(&args),
        Command::Connectors(ConnectorsCommand::Test(args)) => {
            commands::connectors::conformance::run(&global, &args).await
        }
        Command::Playbooks(command) => commands::playbooks::run(&global, command).await,
        Command::Schedules(command) => commands::schedules::run(&global, command).await,
        Command::Sweeps(command) => commands::sweeps::run(&global, command).await,
        Command::Evidence(command) => commands::evidence::run(&global, command).await,
        Command::Principals(command) => commands::principals::run(&global, command).await,
        Command::TakeOver(args) => Box::pin(commands::take_over::run(&global, args)).await,
        Command::Doctor => commands::doctor::run(&global).await,
        Command::Backup { file } => commands::backup::run(&global, &file).await,
        Command::Retention(command) => commands::retention::run(&global, command).await,
        Command::Export(args) => commands::export::run(&global, args).await,
        Command::Demo(args) => Box::pin(commands::demo::run(&global, args)).await,
        Command::Completions { shell } => commands::completions::run(shell),
        Command::Man { folder } => commands::completions::man(&folder),
        Command::Reference => commands::reference::run(),
    }
}
