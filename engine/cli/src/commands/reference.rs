//! The reference of commands in Markdown: `engine/cli/docs/commands.md`, which `cargo xtask docs` writes.

use std::fmt::Write as _;
use std::io::Write as _;

use clap::{Arg, Command, CommandFactory as _};

use crate::args::Cli;
use crate::failure::{Exit, Failure};
use crate::output;

/// Columns of a line of text.
const WIDTH: usize = 120;

const HEAD: &str = "# Commands\n\n\
    <!-- Written by `cargo xtask docs` from the definition of the command line. Do not edit. -->\n\n\
    Every command, with its arguments and options. [Working](working.md) shows the commands at work.\n\n";

/// Prints the page.
pub(crate) fn run() -> Result<Exit, Failure> {
    output::Out.write_all(page(Cli::command()).as_bytes())?;
    Ok(Exit::Done)
}

fn page(mut program: Command) -> String {
    program.build();
    let commands = leaves(&program, "");
    let mut page = HEAD.to_owned();
    page.push_str("| command | does |\n|---|---|\n");
    for (name, command) in &commands {
        let anchor = name.replace(' ', "-");
        let _ = writeln!(page, "| [`{name}`](#{anchor}) | {} |", cell(&about(command)));
    }
    page.push_str("\n## Options of every command\n\n");
    arguments(&mut page, program.get_arguments().filter(|argument| argument.is_global_set()));
    for (name, command) in commands {
        let _ = write!(page, "\n## `{name}`\n\n{}\n\n", wrapped(&format!("{}.", about(command))));
        let usage = command.clone().render_usage().to_string();
        let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage);
        let _ = write!(page, "```text\n{usage}\n```\n");
        let own = || command.get_arguments().filter(|argument| !argument.is_global_set() && !is_automatic(argument));
        if own().next().is_some() {
            page.push('\n');
            arguments(&mut page, own());
        }
    }
    page
}

/// Every command that can be run, by its whole name, in the order of the help.
fn leaves<'a>(command: &'a Command, name: &str) -> Vec<(String, &'a Command)> {
    let visible = command.get_subcommands().filter(|one| !one.is_hide_set() && one.get_name() != "help");
    visible
        .flat_map(|one| {
            let name = format!("{name} {}", one.get_name()).trim_start().to_owned();
            if one.has_subcommands() { leaves(one, &name) } else { vec![(name, one)] }
        })
        .collect()
}

/// Whether clap adds it to every command.
fn is_automatic(argument: &Arg) -> bool {
    matches!(argument.get_id().as_str(), "help" | "version") || argument.is_hide_set()
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn arguments<'a>(page: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    page.push_str("| argument | meaning |\n|---|---|\n");
    for argument in arguments {
        let short = argument.get_short().filter(|_| argument.get_long().is_some());
        let short = short.map(|letter| format!("-{letter}, ")).unwrap_or_default();
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = write!(page, "| `{short}{}` | {}", cell(&argument.to_string()), cell(&help));
        let is_option = !argument.is_positional() && argument.is_required_set();
        let mut notes: Vec<String> = is_option.then(|| "required".to_owned()).into_iter().collect();
        let values = |kind: &str, values: Vec<String>| {
            (!values.is_empty()).then(|| format!("{kind}: `{}`", values.join("`, `")))
        };
        if argument.get_action().takes_values() {
            let possible = argument.get_possible_values();
            let possible = possible.iter().filter(|value| !value.is_hide_set());
            notes.extend(values("values", possible.map(|value| value.get_name().to_owned()).collect()));
            let default = argument.get_default_values().iter().filter(|_| !argument.is_hide_default_value_set());
            notes.extend(values("default", default.map(|value| value.to_string_lossy().into_owned()).collect()));
        }
        notes.extend(argument.get_env().map(|name| format!("variable: `{}`", name.to_string_lossy())));
        if !notes.is_empty() {
            let _ = write!(page, " ({})", notes.join("; "));
        }
        page.push_str(" |\n");
    }
}

/// Text of a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Text in lines of at most [`WIDTH`] columns.
fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}
