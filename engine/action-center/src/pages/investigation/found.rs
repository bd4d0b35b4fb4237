//! What is recorded of an investigation: its remediation, those that follow from it, its root and its alert.

use clawback_model::{Alert, Investigation, InvestigationId, PlanFacts, Remediation, Root};
use clawback_store::{Followers, HistoryFilter};

use super::super::inputs;
use crate::center::Center;
use crate::problem::Problem;

/// An investigation with the records around it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) investigation: Investigation,
    pub(super) alert: Alert,
    pub(super) remediation: Remediation,
    /// Its undos, retries and what was found later, each with what it is.
    pub(super) followers: Vec<(&'static str, Remediation)>,
    /// The message that was looked into.
    pub(super) root: Option<Root>,
    /// Whether messages were kept.
    has_evidence: bool,
}

impl Found {
    pub(super) async fn load(center: &Center, id: &InvestigationId) -> Result<Self, Problem> {
        let history = &center.site().history;
        let filter = HistoryFilter { investigation_id: Some(id.clone()), ..HistoryFilter::default() };
        let page = history.history(&filter, None, 1).await?;
        let remediation = page.remediations.into_iter().next().ok_or_else(Problem::not_found)?;
        let investigation = history.investigation(id).await?;
        let alert = history.alert(&investigation.alert_id).await?;
        let Followers { undos, retries } = history.followers(&remediation.id).await?;
        let late = history.follow_ups(&remediation.id).await?;
        let named = |name, all: Vec<Remediation>| all.into_iter().map(move |one| (name, one));
        let followers = named("Undo", undos).chain(named("Retry", retries)).chain(named("Late copies", late)).collect();
        let (kept, _) = history.evidence(Some(&remediation.id), None, 1).await?;
        let root = inputs::root(&remediation.request.inputs);
        Ok(Self { investigation, alert, remediation, followers, root, has_evidence: !kept.is_empty() })
    }

    /// The address of its page.
    pub(super) fn address(&self) -> String {
        format!("/investigations/{}", self.investigation.id)
    }

    /// The address of one of its tabs.
    pub(super) fn tab(&self, word: &str) -> String {
        format!("{}?tab={word}", self.address())
    }

    pub(super) fn facts(&self) -> Option<&PlanFacts> {
        self.remediation.plan.as_ref().map(|plan| &plan.facts)
    }

    /// The number on a tab.
    pub(super) fn count(&self, tab: &str) -> Option<u64> {
        let facts = self.facts();
        match tab {
            "clusters" => facts.map(|facts| facts.clusters.len() as u64),
            "mailboxes" => facts.map(|facts| facts.mailboxes),
            "actions" => Some(1 + self.followers.len() as u64),
            _ => None,
        }
    }

    /// Whether anything is recorded for a tab.
    pub(super) fn has(&self, tab: &str) -> bool {
        let facts = self.facts();
        match tab {
            "clusters" => facts.is_some_and(|facts| !facts.clusters.is_empty() || !facts.clusters_not_made.is_empty()),
            "entities" => self.root.is_some() || self.remediation.counts.submitted > 0,
            "mailboxes" => facts.is_some_and(|facts| facts.mailboxes > 0 || facts.unsearched > 0),
            "evidence" => self.has_evidence,
            _ => true,
        }
    }
}
