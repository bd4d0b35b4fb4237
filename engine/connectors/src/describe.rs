//! What a connector says of itself.

use std::sync::Arc;
use std::time::Duration;

use clawback_model::Action;

use crate::component::Ready;
use crate::granted::grants::Grants;
use crate::imports::bindings::clawback::mail_store::types as wit;
use crate::mail_store::CallError;
use crate::{call, contract};

/// What `clawback connectors list` shows of one connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Digest of the component, in hexadecimal.
    pub sha256: String,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// Actions it can do.
    pub actions: Vec<Action>,
    /// Query fields that its store searches itself.
    pub search_fields: Vec<String>,
    /// Its settings: name, and what it is for.
    pub settings: Vec<(String, String)>,
    /// Most targets in one call.
    pub largest_batch: u32,
    /// Most calls on one mailbox at a time.
    pub calls_per_mailbox: u32,
}

/// What a component says of itself.
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
