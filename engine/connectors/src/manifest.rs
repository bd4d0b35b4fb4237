//! The manifest of a component, the file next to it that lists what it needs. A need is in force only if the operator
//! granted it, and a grant only if the component needs it.

use std::collections::BTreeMap;

use serde::Deserialize;

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
    /// `https://host[:port]`; `None` if it differs between sites, so that only the operator can name it.
    #[serde(default)]
    pub(crate) url: Option<String>,
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
        let manifest = Manifest::parse("[endpoints.api]\nurl = \"https://mail.example\"\n[endpoints.own]\n").unwrap();
        assert_eq!(manifest.endpoints["api"].url.as_deref(), Some("https://mail.example"));
        assert_eq!(manifest.endpoints["own"].url, None);
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
