//! The environment in which a playbook is checked.

use std::collections::BTreeMap;

use clawback_model::Limits;
use clawback_scripting::Lists;

/// The environment in which a playbook is checked.
#[derive(Debug, Clone, Default)]
pub struct Env {
    /// The sources of scripts by file name, such as `keep-newsletters.rhai`.
    pub scripts: BTreeMap<String, String>,
    /// Scripts that exist but cannot be read, by file name, with the reason. Only a playbook that uses one is refused.
    pub unreadable: BTreeMap<String, String>,
    /// The names of stores; `None` allows any name.
    pub stores: Option<Vec<String>>,
    /// The limits in force.
    pub limits: Limits,
    /// The lists of the configuration.
    pub lists: Lists,
    /// The names of notifiers; `None` allows any name.
    pub notifiers: Option<Vec<String>>,
}
