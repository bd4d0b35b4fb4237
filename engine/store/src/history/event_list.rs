//! Events of the whole site for readers: newest first, filtered. A page reads a bounded part of the chain, whatever the
//! filter accepts: the numbers of events have no gaps, so a range of numbers is a range of the primary key.

use crate::boxed::boxed;

use clawback_model::{RemediationId, Timestamp};

use crate::chain::{self, Entry};
use crate::database::dialect::{Tx, Value};
use crate::error::StoreError;
use crate::site_events::READS;
use crate::store::Store;

/// Events that a page reads at most.
const READ: i64 = 20_000;
/// Reads of messages that are listed with one remediation at most.
const LISTED: u32 = 500;
/// How far the clocks of nodes may differ, in microseconds: events are numbered by their order, not by their time.
const CLOCKS_DIFFER: i64 = 3_600_000_000;

/// A filter for the events of the site. Every condition that is set must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Who caused it.
    pub actor: Option<String>,
    /// Its kind.
    pub kind: Option<String>,
    /// The remediation that it belongs to, or that it is about.
    pub remediation: Option<RemediationId>,
    /// Recorded at or after.
    pub since: Option<Timestamp>,
    /// Recorded before.
    pub until: Option<Timestamp>,
}

/// A page of events.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventPage {
    /// The events, newest first.
    pub events: Vec<Entry>,
    /// The number before which the next page begins; `None` at the end. A page with few events, or none, may have a
    /// next one.
    pub next: Option<i64>,
}

impl Store {
    /// Returns events of the site that the filter accepts, newest first, from those before number `before`.
    #[tracing::instrument(name = "store.events.like", skip_all)]
    #[boxed]
    pub async fn events_like(
        &self,
        filter: &EventFilter,
        before: Option<i64>,
        most: u32,
    ) -> Result<EventPage, StoreError> {
        let mut tx = self.read().await?;
        let last = number(&mut tx, "SELECT COALESCE(MAX(seq), 0) FROM events", &[]).await?.unwrap_or(0);
        let (mut above, mut high) = (0, before.map_or(last, |before| last.min(before.saturating_sub(1))));
        if let Some(id) = &filter.remediation {
            let sql = "SELECT MIN(seq) FROM events WHERE remediation_id = $1";
            let Some(first) = number(&mut tx, sql, &[id.as_str().into()]).await? else {
                return Ok(EventPage::default());
            };
            above = first - 1;
        }
        if let Some(since) = filter.since {
            above = above.max(first_at(&mut tx, since.0.saturating_sub(CLOCKS_DIFFER), last).await? - 1);
        }
        if let Some(until) = filter.until {
            high = high.min(first_at(&mut tx, until.0.saturating_add(CLOCKS_DIFFER), last).await? - 1);
        }
        let low = above.max(high - READ);
        let mut events = between(&mut tx, filter, low, high, most).await?;
        let more = events.len() > most as usize;
        events.truncate(most as usize);
        let next = match events.last() {
            Some(last) if more => Some(last.link.seq),
            _ => (low > above).then_some(low + 1),
        };
        Ok(EventPage { events, next })
    }

    /// Returns the events of one remediation, with those that say who read a message of it, oldest first.
    #[boxed]
    pub async fn timeline(&self, id: &RemediationId) -> Result<Vec<Entry>, StoreError> {
        let mut events = self.events(id).await?;
        events.extend(self.reads_of(id).await?);
        events.sort_by_key(|entry| entry.link.seq);
        Ok(events)
    }

    /// Returns the events that say who read a message of a remediation, from the newest events of the
    /// site.
    #[tracing::instrument(name = "store.events.reads", skip_all, fields(remediation.id = %id))]
    #[boxed]
    async fn reads_of(&self, id: &RemediationId) -> Result<Vec<Entry>, StoreError> {
        let sql = format!(
            "SELECT {columns} FROM (SELECT {columns} FROM events WHERE remediation_id IS NULL \
             AND seq > (SELECT MIN(seq) FROM events WHERE remediation_id = $1) ORDER BY seq DESC LIMIT $2) AS site \
             WHERE kind IN ($3, $4) AND body LIKE $5 ORDER BY seq DESC LIMIT $6",
            columns = chain::COLUMNS
        );
        let [message, evidence] = READS;
        let values =
            [id.as_str().into(), READ.into(), message.into(), evidence.into(), about(id).into(), LISTED.into()];
        let mut found = chain::entries(&mut self.read().await?, sql, &values).await?;
        found.retain(|entry| entry.read_message().is_some_and(|read| read.remediation == *id));
        Ok(found)
    }
}

/// Returns the events numbered from `low + 1` to `high` that the filter accepts, and one more than `most` at most.
async fn between(tx: &mut Tx, filter: &EventFilter, low: i64, high: i64, most: u32) -> Result<Vec<Entry>, StoreError> {
    let mut values: Vec<Value<'_>> = vec![low.into(), high.into(), most.saturating_add(1).into()];
    let mut place = |value| {
        values.push(value);
        format!("${}", values.len())
    };
    let mut conditions = Vec::new();
    if let Some(actor) = &filter.actor {
        conditions.push(format!("AND actor = {} ", place(actor.into())));
    }
    if let Some(kind) = &filter.kind {
        conditions.push(format!("AND kind = {} ", place(kind.into())));
    }
    if let Some(id) = &filter.remediation {
        let (own, site) = (place(id.as_str().into()), place(about(id).into()));
        conditions.push(format!("AND (remediation_id = {own} OR (remediation_id IS NULL AND body LIKE {site})) "));
    }
    if let Some(since) = filter.since {
        conditions.push(format!("AND recorded_at >= {} ", place(since.into())));
    }
    if let Some(until) = filter.until {
        conditions.push(format!("AND recorded_at < {} ", place(until.into())));
    }
    let sql = format!(
        "SELECT {} FROM events WHERE seq > $1 AND seq <= $2 {}ORDER BY seq DESC LIMIT $3",
        chain::COLUMNS,
        conditions.concat()
    );
    chain::entries(tx, sql, &values).await
}

/// The pattern of bodies that name a remediation. Its ID has letters, digits and a hyphen only.
fn about(id: &RemediationId) -> String {
    format!("%\"remediation\":\"{id}\"%")
}

/// Returns the number of the first event recorded at or after a time, or the number after the last event.
async fn first_at(tx: &mut Tx, at: i64, last: i64) -> Result<i64, StoreError> {
    let (mut low, mut high) = (1, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let sql = "SELECT recorded_at FROM events WHERE seq >= $1 ORDER BY seq LIMIT 1";
        match number(tx, sql, &[middle.into()]).await? {
            Some(recorded) if recorded < at => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// Returns a number that a query finds, if it is not NULL.
async fn number(tx: &mut Tx, sql: &'static str, values: &[Value<'_>]) -> Result<Option<i64>, StoreError> {
    let row = tx.row(sql, values).await?;
    Ok(row.map(|row| row.opt_int(0)).transpose()?.flatten())
}
