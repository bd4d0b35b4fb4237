//! Reads of the history: one remediation by any of its IDs, many by filters, and a page of them.

use std::str::FromStr;

use clawback_model::{Remediation, RemediationId, Request, Timestamp};
use clawback_store::HistoryFilter;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::body::{optional, word};
use crate::center::Center;
use crate::problem::Problem;

/// Default number of rows of a page.
pub(crate) const PAGE: u32 = 50;
/// Largest number of rows of a page.
pub(crate) const LARGEST_PAGE: u32 = 1_000;
/// Bytes of texts after which a page ends, whatever number of rows was requested.
const LARGEST_ANSWER: usize = 4 << 20;

/// The remediation with this ID, or with this approval, investigation or alert ID.
pub(crate) async fn find(center: &Center, id: &str) -> Result<Remediation, Problem> {
    let history = &center.site().history;
    if let Ok(approval) = id.parse() {
        return Ok(history.by_approval(&approval).await?);
    }
    if let Ok(investigation) = id.parse() {
        return Ok(history.load(&history.investigation(&investigation).await?.remediation_id).await?);
    }
    if let Ok(alert) = id.parse() {
        return Ok(history.load(&history.alert(&alert).await?.remediation_id).await?);
    }
    let id: RemediationId = word("id", id)?;
    Ok(history.load(&id).await?)
}

/// Filters of the history. All that are given must match.
#[derive(Debug, Default, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryQuery {
    /// Part of the remediation name.
    pub(crate) name: Option<String>,
    /// Approval ID.
    pub(crate) approval_id: Option<String>,
    /// Investigation ID.
    pub(crate) investigation_id: Option<String>,
    /// Status; several, separated by commas, select any of them.
    pub(crate) status: Option<String>,
    /// Action source.
    pub(crate) action_source: Option<String>,
    /// Action type.
    pub(crate) action_type: Option<String>,
    /// A principal who decided, or `automation`.
    pub(crate) decided_by: Option<String>,
    /// The requester.
    pub(crate) requested_by: Option<String>,
    /// Name of the playbook.
    pub(crate) playbook: Option<String>,
    /// A mailbox with a message of its plan.
    pub(crate) mailbox: Option<String>,
    /// Message-ID of a message of its plan, with its angle brackets.
    pub(crate) message_id: Option<String>,
    /// Submitted at or after (RFC 3339).
    pub(crate) since: Option<String>,
    /// Submitted before (RFC 3339).
    pub(crate) until: Option<String>,
    /// Only those that wait for a person.
    pub(crate) pending: Option<bool>,
    /// Also those that a schedule began and that searched everything and found nothing (`nothing-to-do`).
    pub(crate) empty: Option<bool>,
    /// Where an earlier page ended.
    pub(crate) after: Option<String>,
    /// Rows of the page, 1 to 1,000.
    #[param(minimum = 1, maximum = 1000)]
    pub(crate) limit: Option<u32>,
}

impl HistoryQuery {
    pub(crate) fn filter(&self) -> Result<HistoryFilter, Problem> {
        let text = |given: &Option<String>| given.clone().filter(|given| !given.is_empty());
        Ok(HistoryFilter {
            name: text(&self.name),
            approval_id: optional("approval_id", self.approval_id.as_deref())?,
            investigation_id: optional("investigation_id", self.investigation_id.as_deref())?,
            statuses: words("status", self.status.as_deref())?,
            action_source: optional("action_source", self.action_source.as_deref())?,
            action_type: optional("action_type", self.action_type.as_deref())?,
            decided_by: text(&self.decided_by),
            requested_by: text(&self.requested_by),
            playbook: text(&self.playbook),
            mailbox: text(&self.mailbox),
            message_id: text(&self.message_id),
            since: time("since", self.since.as_deref())?,
            until: time("until", self.until.as_deref())?,
            pending_only: self.pending.unwrap_or(false),
            without_empty: !self.empty.unwrap_or(false),
        })
    }

    /// The remediations that match, and where the next page begins.
    pub(crate) async fn page(&self, center: &Center) -> Result<(Vec<Remediation>, Option<String>), Problem> {
        let mut after = optional("after", self.after.as_deref())?;
        let (filter, limit) = (self.filter()?, self.limit()? as usize);
        let (mut found, mut bytes) = (Vec::new(), 0);
        loop {
            let left = u32::try_from(limit - found.len()).unwrap_or(PAGE).min(PAGE);
            let page = center.site().history.history(&filter, after, left).await?;
            bytes += page.remediations.iter().map(|one| text_of(&one.request)).sum::<usize>();
            found.extend(page.remediations);
            after = page.next;
            if after.is_none() || found.len() >= limit || bytes >= LARGEST_ANSWER {
                return Ok((found, after.map(|cursor| cursor.to_string())));
            }
        }
    }

    pub(crate) fn limit(&self) -> Result<u32, Problem> {
        page_size(self.limit)
    }
}

/// Bytes of a request that lists repeat.
fn text_of(request: &Request) -> usize {
    request.name.len() + request.description.len() + request.in_words.len()
}

/// Parses a list of words separated by commas.
pub(crate) fn words<T: FromStr<Err: std::fmt::Display>>(field: &str, given: Option<&str>) -> Result<Vec<T>, Problem> {
    let parts = given.into_iter().flat_map(|given| given.split(',')).filter(|part| !part.trim().is_empty());
    parts.map(|part| word(field, part.trim())).collect()
}

/// The number of rows of a page, from the caller's parameter.
pub(crate) fn page_size(limit: Option<u32>) -> Result<u32, Problem> {
    match limit {
        None => Ok(PAGE),
        Some(limit @ 1..=LARGEST_PAGE) => Ok(limit),
        Some(limit) => Err(Problem::bad_request(format!("limit: 1 to {LARGEST_PAGE}, not {limit}"))),
    }
}

fn time(field: &str, given: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(given) = given.filter(|given| !given.trim().is_empty()) else { return Ok(None) };
    let time = Timestamp::parse(given.trim());
    time.map(Some)
        .ok_or_else(|| Problem::bad_request(format!("{field}: a time as in RFC 3339, such as 2026-11-25T08:00:00Z")))
}
