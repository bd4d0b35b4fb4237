//! The manifest of a component, the file next to it that lists what it needs. A need is in force only if the operator
//! granted it, and a grant only if the component needs it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::EndpointLimits;

/// The content of `NAME.toml` next to `NAME.wasm`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Manifest {
    /// The connector's name.
    #[serde(default)]
    pub(crate) id: String,
    /// Its version.
    #[serde(default)]
    pub(crate) version: String,
    /// The version of the contract.
    #[serde(default)]
    pub(crate) wit: String,
    /// The imports that need a grant: `mail-stream`, `folder`, `http`. `None` without a manifest: every grant is then
    /// in force.
    #[serde(default)]
    pub(crate) imports: Option<Vec<String>>,
    /// The settings by name, with their descriptions.
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, String>,
    /// The endpoints by the name that the component uses.
    #[serde(default)]
    pub(crate) endpoints: BTreeMap<String, Endpoint>,
}

/// An endpoint of one origin.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Endpoint {
    /// `https://host[:port]`, which the operator cannot replace.
    #[serde(default)]
    pub(crate) url: Option<String>,
    /// The same, where the operator may name another. Without both, only the operator can name it.
    #[serde(default)]
    pub(crate) default_url: Option<String>,
    /// Whether the connector works without it.
    #[serde(default)]
    pub(crate) optional: bool,
    /// The methods that the connector uses; none names all.
    #[serde(default)]
    pub(crate) methods: Vec<String>,
    /// The paths that it uses, `{mailbox}` for the mailbox of the call and `*` for one part, or for the rest; with a method
    /// before it, such as `GET /users`, a path is for that method only. None names all.
    #[serde(default)]
    pub(crate) paths: Vec<String>,
    /// The paths that only calls without a mailbox use, such as lists of users.
    #[serde(default)]
    pub(crate) store_paths: Vec<String>,
    /// The paths that take a batch: a JSON object with `requests`, each of which is checked like a request.
    #[serde(default)]
    pub(crate) batches: Vec<String>,
    /// The path that takes a list of commands, each of which is checked. With it, no paths name none.
    #[serde(default)]
    pub(crate) commands: Option<Commands>,
    /// The limits that every server of this kind needs.
    #[serde(default)]
    pub(crate) limits: EndpointLimits,
}

/// A path that takes a JSON list of commands: name, parameters, tag. One parameter is the mailbox that a command is for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Commands {
    /// The path.
    pub(crate) path: String,
    /// The name of that parameter. In a call for a mailbox, each command has it with the name of the mailbox.
    pub(crate) owner: String,
    /// The commands of calls for a mailbox, with their further parameters.
    pub(crate) of_mailbox: BTreeMap<String, Vec<String>>,
    /// The commands of calls for the whole store, with their parameters.
    #[serde(default)]
    pub(crate) of_store: BTreeMap<String, Vec<String>>,
}

impl Endpoint {
    /// Returns the origin, if the manifest names one.
    pub(crate) fn origin(&self) -> Option<&str> {
        self.url.as_deref().or(self.default_url.as_deref())
    }
}

impl Manifest {
    pub(crate) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Returns whether a grant of this interface would have an effect.
    pub(crate) fn wants(&self, interface: &str) -> bool {
        self.imports.as_ref().is_none_or(|imports| imports.iter().any(|import| import == interface))
    }

    /// Returns whether the connector needs a grant of this interface to work.
    pub(crate) fn insists_on(&self, interface: &str) -> bool {
        self.imports.as_ref().is_some_and(|imports| imports.iter().any(|import| import == interface))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_by_name() {
        let text = "[endpoints.api]\nurl = \"https://mail.example\"\n[endpoints.own]\n\
             [endpoints.cloud]\ndefault-url = \"https://cloud.example\"\noptional = true\nlimits = { requests = 4 }";
        let manifest = Manifest::parse(text).unwrap();
        assert_eq!(manifest.endpoints["api"].url.as_deref(), Some("https://mail.example"));
        assert_eq!((manifest.endpoints["own"].origin(), manifest.endpoints["own"].optional), (None, false));
        let cloud = &manifest.endpoints["cloud"];
        assert_eq!((cloud.origin(), cloud.optional), (Some("https://cloud.example"), true));
        assert_eq!(cloud.limits.requests, Some(4));
        assert!(Manifest::parse("grants = 1").is_err());
    }

    #[test]
    fn what_is_not_wanted_is_not_in_force() {
        let manifest = Manifest::parse("imports = [\"folder\"]").unwrap();
        assert!(manifest.wants("folder") && manifest.insists_on("folder") && !manifest.wants("mail-stream"));
        let none = Manifest::default();
        assert!(none.wants("folder") && !none.insists_on("folder"));
    }
}
