//! Mail stores and the connectors that reach them.

use clawback_connectors::{Capabilities, ConnectorInfo, Probe};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A built-in connector.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ConnectorJson {
    /// Its name.
    pub connector: String,
    /// Its version.
    pub version: String,
    /// Digest of the component.
    pub sha256: String,
    /// The interfaces that it imports: all that it can reach.
    pub imports: Vec<String>,
    /// The settings that it reads, by name.
    pub settings: Vec<String>,
    /// Stores that use it.
    pub stores: Vec<String>,
}

impl ConnectorJson {
    /// Built from a connector and the names of its stores.
    pub fn new(connector: ConnectorInfo, stores: Vec<String>) -> Self {
        let ConnectorInfo { name, version, sha256, imports, settings, .. } = connector;
        let settings = settings.into_iter().map(|(name, _)| name).collect();
        Self { connector: name, version, sha256, imports, settings, stores }
    }
}

/// The capabilities of a store's connector.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the names are those of the connector interface")]
pub struct StoreJson {
    pub store: String,
    pub connector: String,
    pub version: String,
    /// Digest of the component.
    pub sha256: String,
    pub actions: Vec<String>,
    /// Fields of a query that the store itself can search.
    pub search_fields: Vec<String>,
    /// Largest number of messages in one call.
    pub largest_batch: u32,
    pub calls_per_mailbox: u32,
    /// Calls at once over all mailboxes.
    pub calls: u32,
}

impl StoreJson {
    /// Built from a store's capabilities.
    pub fn new(name: &str, can: &Capabilities) -> Self {
        Self {
            store: name.to_owned(),
            connector: can.connector.clone(),
            version: can.version.clone(),
            sha256: can.digest.clone(),
            actions: can.actions.iter().map(|action| action.as_str().to_owned()).collect(),
            search_fields: can.search_fields.clone(),
            largest_batch: can.largest_batch,
            calls_per_mailbox: can.calls_per_mailbox,
            calls: can.calls,
        }
    }
}

/// Whether a store answers.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct StoreCheckJson {
    /// Whether it does.
    pub ok: bool,
    /// The mailbox that was opened; null if there is none, or no answer.
    pub mailbox: Option<String>,
    /// How long it took, login included.
    pub milliseconds: Option<u64>,
    /// Why it does not answer.
    pub problem: Option<String>,
}

impl From<Result<Probe, String>> for StoreCheckJson {
    fn from(seen: Result<Probe, String>) -> Self {
        match seen {
            Ok(seen) => Self {
                ok: true,
                mailbox: seen.mailbox.map(|mailbox| mailbox.to_string()),
                milliseconds: Some(u64::try_from(seen.took.as_millis()).unwrap_or(u64::MAX)),
                problem: None,
            },
            Err(problem) => Self { ok: false, mailbox: None, milliseconds: None, problem: Some(problem) },
        }
    }
}
