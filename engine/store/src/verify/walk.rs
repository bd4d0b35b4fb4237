//! The verification, and the walk of the chain from its first event to its last.

use clawback_model::link_hash;

use super::found::{Found, VerifyError};
use super::head::{Head, TrustedHeads};
use super::log::Log;
use super::site::Site;
use super::verified::{PAGE, Verified};
use super::{records, waiting};
use crate::chain;
use crate::database::dialect::Tx;
use crate::history::texts;
use crate::store::Store;

impl Store {
    /// Checks everything, in one snapshot of the database and with constant memory. `noted` is what was noted
    /// elsewhere; `progress` is called after each page.
    #[tracing::instrument(name = "store.verify", skip_all)]
    pub async fn verify(
        &self,
        noted: impl Into<TrustedHeads>,
        mut progress: impl FnMut(&Verified),
    ) -> Result<Verified, VerifyError> {
        let noted = noted.into();
        let mut tx = self.read().await?;
        let mut seen = Verified::default();
        let site = walk(&mut tx, &noted, &mut seen, &mut progress).await?;
        let facts = site.compare(&mut tx).await?;
        records::check_all(&mut tx, &facts, noted.now, &mut seen, &mut progress).await?;
        if let Some(now) = noted.now {
            waiting::check(&mut tx, now).await?;
        }
        if let Some(digest) = texts::first_altered(&mut tx).await? {
            return Err(Found::Text { digest }.into());
        }
        drop(tx);
        self.check_schema().await?;
        Ok(seen)
    }
}

/// Walks the chain from its first event to its last.
async fn walk(
    tx: &mut Tx,
    noted: &TrustedHeads,
    seen: &mut Verified,
    progress: &mut impl FnMut(&Verified),
) -> Result<Site, VerifyError> {
    let known = noted.head;
    let mut site = Site::begin(tx).await?;
    let mut log = Log::begin(tx, noted.log).await?;
    loop {
        let page = chain::page(tx, seen.head.seq, PAGE).await?;
        for entry in &page {
            let link = &entry.link;
            let expected = seen.head.seq + 1;
            if link.seq != expected {
                return Err(Found::EventMissing { seq: expected }.into());
            }
            if link_hash(link) != entry.hash {
                let (seq, kind) = (link.seq, link.kind.clone());
                return Err(Found::EventChanged { seq, kind, of: of(link.remediation.as_deref()) }.into());
            }
            if link.previous != seen.head.hash {
                return Err(Found::EventUnlinked { seq: link.seq, of: of(link.remediation.as_deref()) }.into());
            }
            if known.is_some_and(|known| known.seq == link.seq && known.hash != entry.hash) {
                return Err(Found::Rewritten { seq: link.seq }.into());
            }
            seen.head = Head { seq: link.seq, hash: entry.hash };
            seen.events += 1;
            log.add(tx, &entry.hash).await?;
            site.add(link)?;
        }
        progress(seen);
        if page.len() < PAGE as usize {
            break;
        }
    }
    if let Some(known) = known.filter(|known| known.seq > seen.head.seq) {
        return Err(Found::Cut { known: known.seq, last: seen.head.seq }.into());
    }
    log.end(tx).await?;
    Ok(site)
}

fn of(remediation: Option<&str>) -> String {
    remediation.map_or_else(|| "the site".to_owned(), str::to_owned)
}
