//! The self-description of a connector.

use std::sync::Arc;
use std::time::Duration;

use clawback_model::Action;

use crate::component::Ready;
use crate::granted::grants::Grants;
use crate::imports::bindings::clawback::mail_store::types as wit;
use crate::mail_store::CallError;
use crate::{call, contract};

/// The description of a connector in `clawback connectors list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The digest of the component, in hexadecimal.
    pub sha256: String,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// The actions that it supports.
    pub actions: Vec<Action>,
    /// The query fields that its store can search.
    pub search_fields: Vec<String>,
    /// Its settings, each with its description.
    pub settings: Vec<(String, String)>,
    /// The most targets in one call.
    pub largest_batch: u32,
    /// The most concurrent calls on one mailbox.
    pub calls_per_mailbox: u32,
}

/// Returns the self-description of a component.
pub(crate) async fn describe(
    ready: &Ready,
    grants: &Arc<Grants>,
    timeout: Duration,
) -> Result<wit::Capabilities, CallError> {
    let limits = &grants.limits;
    let mut store = call::store(ready.pre.engine(), grants, None, limits.answer_bytes, false);
    let turns = store.data().cpu.turns();
    let answer = async {
        let exports = ready.pre.instantiate_async(&mut store).await?;
        exports.clawback_mail_store_connector().call_describe(&mut store).await
    };
    let ran = call::run(timeout, turns, answer).await;
    let (described, _) = call::finish(store, ran).await?;
    contract::check_capabilities(&described).map_err(|breach| call::breach(&grants.label, &breach))?;
    Ok(described)
}
