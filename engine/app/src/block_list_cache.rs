//! The block lists that were built last. Gateways fetch them often, and each is built from much of the history.

use std::collections::BTreeMap;
use std::time::Duration;

use clawback_model::{BlockList, IndicatorKind};
use clawback_runtime::Error;
use clawback_store::Head;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a list is kept while the history does not change: its entries expire.
const KEPT: Duration = Duration::from_mins(1);
/// A list that took longer than this to build is kept for ten times as long as it took, whatever changes.
const SLOW: Duration = Duration::from_secs(1);

/// A block list, and whether all of the history was read for it.
#[derive(Debug, Clone)]
pub struct BuiltBlockList {
    /// The list.
    pub list: BlockList,
    /// Whether every remediation of the time that the list covers was read.
    pub is_complete: bool,
}

/// The last list of each kind.
#[derive(Debug, Default)]
pub(crate) struct BlockListCache(Mutex<BTreeMap<IndicatorKind, Built>>);

#[derive(Debug)]
struct Built {
    head: Head,
    at: Instant,
    took: Duration,
    list: BuiltBlockList,
}

impl Built {
    fn is_fresh(&self, head: Head) -> bool {
        let age = self.at.elapsed();
        (age < KEPT && self.head == head) || (self.took > SLOW && age < self.took * 10)
    }
}

impl BlockListCache {
    /// Returns the list of a kind as of a head of the history, or builds it. One is built at a time.
    pub(crate) async fn take<B>(
        &self,
        kind: IndicatorKind,
        head: Head,
        build: impl FnOnce() -> B + Send,
    ) -> Result<BuiltBlockList, Error>
    where
        B: Future<Output = Result<BuiltBlockList, Error>> + Send,
    {
        let mut cache = self.0.lock().await;
        if let Some(built) = cache.get(&kind).filter(|built| built.is_fresh(head)) {
            return Ok(built.list.clone());
        }
        let started = Instant::now();
        let list = build().await?;
        let (at, took) = (Instant::now(), started.elapsed());
        cache.insert(kind, Built { head, at, took, list: list.clone() });
        Ok(list)
    }
}
