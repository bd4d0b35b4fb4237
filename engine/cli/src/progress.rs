//! A progress bar on standard error; none where that is not a terminal.

use std::fmt;
use std::io::IsTerminal as _;
use std::sync::Arc;

use clawback_model::Status;
use clawback_runtime::{Observer, Seen, silent};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// Returns an observer that draws, and a guard that clears the line at the end.
pub(crate) fn bar(quiet: bool) -> (Observer, Cleared) {
    if quiet || !std::io::stderr().is_terminal() {
        return (silent(), Cleared(None));
    }
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    let drawn = bar.clone();
    let searching = style("{spinner} {msg}");
    // Of 200,000 messages it still fits a line of 80 columns.
    let running = style("{spinner} [{bar:16}] {pos}/{len} messages, {rate}/s, {eta} left  {msg}").with_key(
        "rate",
        |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = write!(out, "{:.0}", state.per_sec());
        },
    );
    bar.set_style(searching.clone());
    let observer: Observer = Arc::new(move |seen| match seen {
        Seen::Searching { mailboxes, found } => {
            drawn.set_message(format!("searching: {mailboxes} mailboxes, {found} messages found"));
        }
        Seen::Status(Status::InProgress) | Seen::Throttled => {}
        Seen::Status(status) => {
            drawn.set_style(searching.clone());
            drawn.set_message(status.to_string());
        }
        Seen::BatchStarted { number, done, submitted } => {
            drawn.set_style(running.clone());
            drawn.set_length(submitted);
            drawn.set_position(done);
            drawn.set_message(format!("batch {number}"));
        }
        Seen::Recorded { outcomes } => drawn.inc(outcomes),
        Seen::Verifying { done, all } => {
            drawn.set_length(all);
            drawn.set_position(done);
            drawn.set_message("verifying");
        }
    });
    (observer, Cleared(Some(bar)))
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates above are well formed").progress_chars("=> ")
}

/// Removes the bar for good when dropped: a later update draws nothing.
#[derive(Clone)]
pub(crate) struct Cleared(Option<ProgressBar>);

impl Drop for Cleared {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
