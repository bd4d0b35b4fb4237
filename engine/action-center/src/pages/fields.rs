//! Fields of a form or a query, in their order; a name may occur more than once.

use axum::extract::{Form, FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;

use crate::access::encoded;
use crate::design::confirmation;
use crate::problem::Problem;

/// Names and values as they were sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// These names and values.
    pub(crate) fn of<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The first value of a name; empty if there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// Whether the name was sent.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// The value of a name, if it is not blank.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        Some(self.get(name).trim()).filter(|value| !value.is_empty())
    }

    /// Every value of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every name with its value, in their order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether the form comes from a confirmation.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.get(confirmation::FIELD) == confirmation::CONFIRMED
    }

    /// The same without some names, as a query.
    pub(crate) fn query_without(&self, names: &[&str]) -> String {
        query_of(self.pairs().filter(|(name, value)| !names.contains(name) && !value.is_empty()))
    }
}

/// Names and values as the query of an address.
pub(super) fn query_of<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect::<Vec<_>>().join("&")
}

/// From a form that was posted.
impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let fields = Form::<Vec<(String, String)>>::from_request(request, state).await.map_err(|error| {
            Problem::new(error.status(), "form", format!("the form cannot be read: {}", error.body_text()))
        })?;
        Ok(Self(fields.0))
    }
}

/// The query of the address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked(pub(crate) Fields);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let fields = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::bad_request(error.body_text()))?;
        Ok(Self(Fields(fields.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_field_of_a_confirmation_confirms() {
        let confirmed = |value: &str| Fields(vec![("confirmed".to_owned(), value.to_owned())]).is_confirmed();
        assert!(confirmed("yes") && !confirmed("no") && !Fields::default().is_confirmed());
    }
}
