//! The file beside a component that says what it wants. What it wants is in force only where the operator granted it, and
//! what it does not want is not in force although granted.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `NAME.toml` beside `NAME.wasm`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Manifest {
    /// The connector's name.
    #[serde(default)]
    pub(crate) id: String,
    /// Its version.
    #[serde(default)]
    pub(crate) version: String,
    /// The contract.
    #[serde(default)]
    pub(crate) wit: String,
    /// The imports that need a grant: `mail-stream`, `folder`, `http`. None without a manifest: then whatever is granted.
    #[serde(default)]
    pub(crate) imports: Option<Vec<String>>,
    /// Settings by name, with what they are for.
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, String>,
    /// Endpoints by the name that the component uses.
    #[serde(default)]
    pub(crate) endpoints: BTreeMap<String, Endpoint>,
}

/// One origin.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Endpoint {
    /// `https://host[:port]`; none where every site has its own, and only the operator can name it.
    #[serde(default)]
    pub(crate) url: Option<String>,
}

impl Manifest {
    pub(crate) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Whether a grant of this interface would have any effect.
    pub(crate) fn wants(&self, interface: &str) -> bool {
        self.imports.as_ref().is_none_or(|imports| imports.iter().any(|import| import == interface))
    }

    /// Whether the connector is of no use without a grant of this interface.
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
