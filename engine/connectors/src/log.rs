//! The import `log`: a connector's lines in the node's log, few, short, and harmless to a terminal.

use clawback_model::visible_line;

use crate::bindings::clawback::mail_store::log;
use crate::guest::{Guest, Label};

/// Lines of one call so far.
#[derive(Debug, Default)]
pub(crate) struct LogMeter {
    written: u32,
    dropped: u32,
    /// The last error line: the SDK writes the text of a panic there, which the trap itself has lost.
    last_error: Option<String>,
}

impl LogMeter {
    pub(crate) fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Says how many lines were left out; once, when the call is over.
    pub(crate) fn close(&self, label: &Label) {
        if self.dropped > 0 {
            tracing::warn!(
                plugin.store = %label.store,
                plugin.name = label.connector,
                plugin.version = label.version(),
                dropped = self.dropped,
                "connector logs too much; lines of this call were left out",
            );
        }
    }
}

impl log::Host for Guest {
    async fn emit(&mut self, level: log::Level, text: String) -> wasmtime::Result<()> {
        let limits = &self.grants.limits;
        let is_error = level == log::Level::Error;
        if self.log.written >= limits.log_lines && !is_error {
            self.log.dropped += 1;
            return Ok(());
        }
        if self.log.written >= limits.log_lines {
            // Not written, but remembered: it may be the text of the panic that comes next.
            self.log.dropped += 1;
            self.log.last_error = Some(one_line(&text, limits.text_chars));
            return Ok(());
        }
        self.log.written += 1;
        let line = one_line(&text, limits.text_chars);
        let label = &self.grants.label;
        macro_rules! write {
            ($level:ident) => {
                tracing::$level!(
                    plugin.store = %label.store,
                    plugin.name = label.connector,
                    plugin.version = label.version(),
                    "{line}",
                )
            };
        }
        match level {
            log::Level::Debug => write!(debug),
            log::Level::Info => write!(info),
            log::Level::Warn => write!(warn),
            log::Level::Error => write!(error),
        }
        if is_error {
            self.log.last_error = Some(line);
        }
        Ok(())
    }
}

/// Line breaks become blanks: a panic has two lines, as a rule.
fn one_line(text: &str, most: usize) -> String {
    visible_line(&text.chars().take(most + 1).collect::<String>().replace(['\r', '\n'], " "), most)
}
