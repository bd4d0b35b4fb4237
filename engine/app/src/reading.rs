//! Reads the content of messages: needs a permission of its own, and is recorded as an event of the history before
//! anything is returned.

use crate::boxed::boxed;
use clawback_connectors::MailStore as _;
use clawback_model::{Digest, MessageRef, Permission, Picked, Principal, RemediationId, Target};
use clawback_runtime::{Error, LARGEST_EVIDENCE, planning};

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

    /// Returns a message that belongs to no remediation, byte for byte: one that a search of the caller found.
    #[boxed]
    pub async fn read_found(&self, who: &Principal, found: &Target) -> Result<Vec<u8>, Error> {
        self.may_read_found(who)?;
        self.read_in(who, &found.store, &found.mailbox, &found.reference).await
    }

    /// The same of a picked message. It is searched for in its mailbox, and read by the reference that its store gives.
    #[boxed]
    pub async fn read_picked(&self, who: &Principal, picked: &Picked) -> Result<Vec<u8>, Error> {
        self.may_read_found(who)?;
        let (store, mailbox, reference) = planning::locate_picked(self.site(), picked).await?;
        self.read_in(who, store.name(), &mailbox, &reference).await
    }

    /// Refuses a principal who may not read messages that a search found: it takes the permission to search, too.
    pub fn may_read_found(&self, who: &Principal) -> Result<(), Error> {
        allow(who, Permission::Examine)?;
        allow(who, Permission::Submit)
    }

    async fn read_in(
        &self,
        who: &Principal,
        store: &str,
        mailbox: &str,
        reference: &MessageRef,
    ) -> Result<Vec<u8>, Error> {
        let raw = self.site().store(store)?.fetch_raw(mailbox, reference, LARGEST_EVIDENCE).await?;
        let place = (store, mailbox);
        self.site().history.record_mailbox_read(place, Digest::of(&raw), who, self.site().now()).await?;
        Ok(raw)
    }
}
