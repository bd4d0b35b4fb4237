//! The examination of a message that is given as bytes, a file or a report, or that is picked in a mailbox.

use crate::boxed::boxed;
use clawback_connectors::Host;
use clawback_model::{FeatureRequest, Features, Permission, Picked, Principal};
use clawback_runtime::{Error, planning};

use crate::api::Api;
use crate::authorization::allow;

/// The first bytes of a file that Outlook saves as `.msg` (MS-CFB, section 2.2).
const COMPOUND_FILE: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];

impl Api {
    /// Returns the features of a message, then those of each message that is attached to it, by the built-in connector
    /// that examines messages. Keeps nothing.
    #[boxed]
    pub async fn examine_raw(&self, who: &Principal, host: Option<&Host>, raw: &[u8]) -> Result<Vec<Features>, Error> {
        allow(who, Permission::Submit)?;
        self.examined(host, raw).await
    }

    /// Returns the features of a message in a mailbox. Its text stays in the sandbox of the connector.
    #[boxed]
    pub async fn examine_picked(&self, who: &Principal, picked: &Picked) -> Result<Features, Error> {
        allow(who, Permission::Submit)?;
        planning::examine_picked(self.site(), picked).await
    }

    /// Returns the features of a message that the caller reads.
    #[boxed]
    pub async fn examine_read(&self, who: &Principal, host: Option<&Host>, raw: &[u8]) -> Result<Features, Error> {
        allow(who, Permission::Examine)?;
        let found = self.examined(host, raw).await?;
        found.into_iter().next().ok_or(Error::NoExaminer(None))
    }

    /// The same for a caller who was authorized.
    #[boxed]
    pub(crate) async fn examined(&self, host: Option<&Host>, raw: &[u8]) -> Result<Vec<Features>, Error> {
        let host = host.ok_or(Error::NoExaminer(None))?;
        let examiner = host.examiner().await.map_err(|error| Error::NoExaminer(Some(Box::new(error))))?;
        let request = FeatureRequest { most: raw.len() as u64 + 1, ..self.site().examination.clone() };
        let found = examiner.examine_raw(raw, &request).await?;
        if found.is_empty() && raw.starts_with(&COMPOUND_FILE) {
            return Err(Error::OutlookFile);
        }
        Ok(found)
    }
}
