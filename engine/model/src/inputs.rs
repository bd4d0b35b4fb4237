//! The values that a caller gives to the inputs of a playbook, each as it was typed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Values by the name of their input, in the order in which they were given. A name may have several values; a text is
/// never split into several. In JSON and TOML, a value is a text or a list of texts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Inputs(BTreeMap<String, Given>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a text or a list of texts")]
enum Given {
    One(String),
    Several(Vec<String>),
}

impl Given {
    fn values(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Several(values) => values,
        }
    }
}

impl Inputs {
    /// Adds a value after the existing values of the name.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        let given = match self.0.remove(&name) {
            None => Given::One(value),
            Some(Given::One(first)) => Given::Several(vec![first, value]),
            Some(Given::Several(mut values)) => {
                values.push(value);
                Given::Several(values)
            }
        };
        self.0.insert(name, given);
    }

    /// Returns the values of a name; `None` if it was not given.
    pub fn get(&self, name: &str) -> Option<&[String]> {
        self.0.get(name).map(Given::values)
    }

    /// Returns the names with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(name, given)| (name.as_str(), given.values()))
    }

    /// Returns each name with each of its values.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value.as_str())))
    }

    /// Returns whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Inputs {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut inputs = Self::default();
        for (name, value) in pairs {
            inputs.push(name, value);
        }
        inputs
    }
}

impl<N: Into<String>, V: Into<String>, const COUNT: usize> From<[(N, V); COUNT]> for Inputs {
    fn from(pairs: [(N, V); COUNT]) -> Self {
        pairs.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_one_and_repeated_are_several() {
        let inputs: Inputs =
            [("subject", "Dear customer, your account"), ("from", "a@x"), ("from", "b@x"), ("from", "c@x")].into();
        let text = r#"{"from":["a@x","b@x","c@x"],"subject":"Dear customer, your account"}"#;
        assert_eq!(serde_json::to_string(&inputs).unwrap(), text);
        assert_eq!(serde_json::from_str::<Inputs>(text).unwrap(), inputs);
        assert_eq!(inputs.get("subject").unwrap(), ["Dear customer, your account"]);
        assert_eq!(inputs.pairs().count(), 4);
        assert!(serde_json::from_str::<Inputs>(r#"{"subject":7}"#).unwrap_err().to_string().contains("list of texts"));
    }

    #[test]
    fn each_name_is_listed_with_its_values() {
        assert!(Inputs::default().is_empty());
        assert_eq!((Inputs::default().iter().count(), Inputs::default().get("from")), (0, None));
        let inputs: Inputs = [("to", "c@x"), ("from", "a@x"), ("from", "b@x")].into();
        assert!(!inputs.is_empty());
        let listed: Vec<_> = inputs.iter().map(|(name, values)| (name, values.join(" "))).collect();
        assert_eq!(listed, [("from", "a@x b@x".to_owned()), ("to", "c@x".to_owned())]);
        let pairs: Vec<_> = inputs.pairs().collect();
        assert_eq!(pairs, [("from", "a@x"), ("from", "b@x"), ("to", "c@x")]);
        assert_eq!((inputs.get("to").unwrap(), inputs.get("cc")), (&["c@x".to_owned()][..], None));
    }
}
