//! Reads the content of messages: needs a permission of its own, and is recorded as an event of the history before
//! anything is returned.

use crate::boxed::boxed;
use clawback_connectors::MailStore as _;
use clawback_model::{Digest, Permission, Principal, RemediationId, Target};
use clawback_runtime::{Error, LARGEST_EVIDENCE};

use crate::api::Api;
use crate::authorization::allow;

impl Api {
    /// Returns a message of a remediation, byte for byte, from its current place; from the evidence, if it was deleted
    /// for good.
    #[boxed]
    pub async fn read_message(
        &self,
        who: &Principal,
        id: &RemediationId,
        seq: u32,
    ) -> Result<(Target, Vec<u8>), Error> {
        allow(who, Permission::Examine)?;
        let history = &self.site().history;
        let found =
            history.messages(id, seq.checked_sub(1), 1).await?.into_iter().find(|(target, _)| target.seq == seq);
        let Some((target, outcome)) = found else {
            if history.messages_removed(id).await? {
                return Err(Error::MessagesRemoved { id: id.clone() });
            }
            return Err(Error::NoMessage { id: id.clone(), seq });
        };
        let receipt = outcome.and_then(|outcome| outcome.receipt);
        let (now, evidence) = match receipt {
            Some(receipt) => (receipt.now, receipt.evidence),
            None => (Some(target.reference.clone()), None),
        };
        if evidence.is_some() {
            return Ok((target, self.examine_message(who, id, seq).await?));
        }
        let now = now.ok_or_else(|| Error::Gone { id: id.clone(), seq })?;
        let raw = self.site().store(&target.store)?.fetch_raw(&target.mailbox, &now, LARGEST_EVIDENCE).await?;
        history.record_message_read(id, seq, Digest::of(&raw), who, self.site().now()).await?;
        Ok((target, raw))
    }
}
