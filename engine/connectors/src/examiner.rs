//! Examinations: features of messages, extracted in the sandbox of a connector.
//!
//! A connector that has no such interface is helped by a built-in one, which gets the bytes of the message and no grant.

use std::sync::Arc;
use std::time::Duration;

use clawback_model::{FeatureRequest, Features};
use tracing::Instrument as _;

use crate::call;
use crate::contract;
use crate::convert::features as convert;
use crate::granted::grants::Grants;
use crate::imports::bindings::examining::MessageExaminerPre;
use crate::imports::guest::Guest;
use crate::mail_store::CallError;

/// Who examines the messages of a store.
pub(crate) enum Examination {
    /// Its connector.
    Own(MessageExaminerPre<Guest>),
    /// A built-in connector, because its own has no such interface.
    BuiltIn(Examiner),
}

/// Examines messages that are given as bytes: a file, a report, or what a connector without the interface returned.
#[derive(Clone)]
pub struct Examiner {
    pub(crate) component: MessageExaminerPre<Guest>,
    /// Without any grant.
    pub(crate) grants: Arc<Grants>,
    pub(crate) call_timeout: Duration,
}

impl std::fmt::Debug for Examiner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Examiner({})", self.grants.label.connector)
    }
}

impl Examiner {
    /// Returns the features of the message, then those of each message that is attached to it.
    pub async fn examine_raw(&self, raw: &[u8], request: &FeatureRequest) -> Result<Vec<Features>, CallError> {
        let limits = &self.grants.limits;
        let bytes = raw.len().saturating_add(limits.answer_bytes);
        let mut store = call::store(self.component.engine(), &self.grants, None, bytes, false);
        let turns = store.data().cpu.turns();
        let wanted = convert::request_to_wit(request);
        let answer = async {
            let exports = self.component.instantiate_async(&mut store).await?;
            exports.clawback_mail_store_examiner().call_examine_raw(&mut store, raw, &wanted).await
        };
        let span = tracing::info_span!(
            "plugin.call",
            plugin.name = &*self.grants.label.connector,
            plugin.export = "examine_raw"
        );
        let ran = call::run(self.call_timeout, turns, answer).instrument(span).await;
        let (found, _) = call::finish(store, ran).await?;
        for features in &found {
            contract::check_features(features, request).map_err(|breach| call::breach(&self.grants.label, &breach))?;
        }
        Ok(found.into_iter().map(|features| convert::features(features, request)).collect())
    }
}
