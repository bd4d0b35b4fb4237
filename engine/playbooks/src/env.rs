//! What a playbook is checked against.

use std::collections::BTreeMap;

use clawback_model::Limits;
use clawback_scripting::Lists;

/// What a playbook is checked against.
#[derive(Debug, Clone, Default)]
pub struct Env {
    /// Sources of scripts by file name, such as `keep-newsletters.rhai`.
    pub scripts: BTreeMap<String, String>,
    /// Scripts that are there and cannot be read, by file name, with the reason. Only a playbook that uses one is refused.
    pub unreadable: BTreeMap<String, String>,
    /// Names of stores; none: any name will do.
    pub stores: Option<Vec<String>>,
    /// Limits in force.
    pub limits: Limits,
    /// Lists of the configuration.
    pub lists: Lists,
    /// Names of notifiers; none: any name will do.
    pub notifiers: Option<Vec<String>>,
}
