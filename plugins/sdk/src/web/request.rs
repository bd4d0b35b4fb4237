//! Requests.

use serde::Serialize;

use crate::{host::Request, types::Error};

impl Request {
    /// Creates a request without a body. `path` is the path and the query; see [`escaped`](super::escaped).
    pub fn new(method: &str, endpoint: &str, path: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            method: method.into(),
            path: path.into(),
            headers: vec![("accept".into(), "application/json".into())],
            body: Vec::new(),
        }
    }

    /// Creates a GET request.
    pub fn get(endpoint: &str, path: impl Into<String>) -> Self {
        Self::new("GET", endpoint, path)
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets a JSON body. Fails if the value has no JSON form.
    pub fn json(mut self, body: &impl Serialize) -> Result<Self, Error> {
        self.body = serde_json::to_vec(body).map_err(|error| Error::Permanent(error.to_string()))?;
        Ok(self.header("content-type", "application/json"))
    }
}
