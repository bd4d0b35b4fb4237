//! The import `log`: a connector's lines in the node's log, limited in number and length, and escaped for terminals.

use clawback_model::visible_line;

use crate::imports::bindings::clawback::mail_store::log;
use crate::imports::guest::Guest;

impl log::Host for Guest {
    async fn emit(&mut self, level: log::Level, text: String) -> wasmtime::Result<()> {
        let limits = &self.grants.limits;
        let is_error = level == log::Level::Error;
        let may_write = self.log.may_write(limits.log_lines);
        if !may_write && !is_error {
            return Ok(());
        }
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
            _ if !may_write => {}
            log::Level::Debug => write!(debug),
            log::Level::Info => write!(info),
            log::Level::Warn => write!(warn),
            log::Level::Error => write!(error),
        }
        if is_error {
            self.log.keep_error(line);
        }
        Ok(())
    }
}

/// Replaces line breaks by blanks: a panic usually has two lines.
fn one_line(text: &str, most: usize) -> String {
    visible_line(&text.chars().take(most + 1).collect::<String>().replace(['\r', '\n'], " "), most)
}
