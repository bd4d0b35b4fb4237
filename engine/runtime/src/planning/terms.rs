//! What approvers are shown of a plan in addition to its messages: everything that its digest covers, and how it
//! differs from what they know. That is the last plan of the same playbook and action that was approved, or, if there
//! is none, the playbook and scripts that the program ships.

use crate::boxed::boxed;
use std::fmt::Write as _;
use std::time::Duration;

use clawback_model::{Decision, Difference, Digest, PlanDigest, PlanHeader, Remediation, RemediationId, TextKind};
use clawback_store::HistoryFilter;
use similar::TextDiff;

use crate::error::Error;
use crate::site::Site;

/// Pages of the history that are searched for the last approval.
const PAGES: u32 = 4;
/// Remediations of a page.
const PAGE: u32 = 50;
/// The time limit of a comparison of two texts; after it the difference is still correct, but may be longer than
/// necessary.
const DIFF_TIMEOUT: Duration = Duration::from_millis(200);
/// Unchanged lines around a change.
const AROUND: usize = 3;
/// Bytes of a difference that are shown.
const LONGEST: usize = 64 << 10;

/// What a plan was made under, and how it differs from what approvers know.
#[derive(Debug, Clone)]
pub struct PlanTerms {
    /// The digest that covers all of it.
    pub digest: PlanDigest,
    /// The header as it was frozen.
    pub header: PlanHeader,
    /// What it is compared with; `None` if there is nothing to compare with.
    pub compared: Option<Compared>,
    /// The differences between the headers.
    pub differences: Vec<Difference>,
    /// The texts that it was made with: the playbook, its scripts, every list of the site.
    pub texts: Vec<BoundText>,
}

/// What a plan is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// The plan of this remediation, which was approved.
    Approved(RemediationId),
    /// The playbook and the scripts that the program ships.
    Shipped,
}

/// A text that a plan was made with.
#[derive(Debug, Clone)]
pub struct BoundText {
    /// Whether it is a playbook, a script or a list.
    pub kind: TextKind,
    /// The name of the playbook, script or list.
    pub name: String,
    /// Its sha256, as in the header.
    pub sha256: Digest,
    /// The text. `None` if it is not kept: the plan is older than the table of texts, or retention has removed it.
    pub text: Option<String>,
    /// The difference as a unified diff; `None` if there is none, or if one of the texts is not known.
    pub difference: Option<String>,
}

/// The text that another is compared with.
enum Earlier {
    /// The same text.
    Same,
    /// There was none.
    Absent,
    /// This text.
    Text(String),
    /// It is not known.
    Unknown,
}

impl PlanTerms {
    /// Loads the terms of a remediation's plan; `None` before it has one. Fails if the stored header is not the one
    /// that was planned.
    #[boxed]
    pub async fn load(site: &Site, remediation: &Remediation) -> Result<Option<Self>, Error> {
        let Some(plan) = &remediation.plan else { return Ok(None) };
        let header = site.history.prove_header(&remediation.id).await?;
        let approved = last_approved(site, remediation).await?;
        let mut pairs = Vec::new();
        for ((kind, name), sha256) in header.texts() {
            let earlier = match &approved {
                Some((_, then)) => before(site, then, kind, name, sha256).await?,
                None => shipped(site, kind, name),
            };
            let text = site.history.text(&sha256).await?;
            let text =
                text.or_else(|| (kind == TextKind::Playbook).then(|| remediation.request.playbook_source.clone()));
            pairs.push((BoundText { kind, name: name.to_owned(), sha256, text, difference: None }, earlier));
        }
        // A comparison of long lists takes time.
        let compared = tokio::task::spawn_blocking(|| pairs.into_iter().map(compare).collect());
        let texts: Vec<BoundText> =
            compared.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let differences = approved.as_ref().map(|(_, then)| header.differences(then)).unwrap_or_default();
        let is_shipped = site.library.shipped_workflows.contains_key(&header.playbook);
        let compared = approved.map(|(id, _)| Compared::Approved(id)).or(is_shipped.then_some(Compared::Shipped));
        Ok(Some(Self { digest: plan.digest, header, compared, differences, texts }))
    }
}

/// The last remediation of the same playbook and action that was submitted before this one and approved by votes, and
/// the header of its plan.
async fn last_approved(site: &Site, remediation: &Remediation) -> Result<Option<(RemediationId, PlanHeader)>, Error> {
    let filter = HistoryFilter {
        playbook: Some(remediation.request.playbook.clone()),
        action_type: Some(remediation.request.action),
        until: Some(remediation.created_at),
        ..HistoryFilter::default()
    };
    let mut after = None;
    for _ in 0..PAGES {
        let page = site.history.history(&filter, after, PAGE).await?;
        for found in page.remediations.iter().filter(|found| is_approved(found)) {
            // A stored header that is not the one that was planned is no basis for a comparison.
            if let Ok(header) = site.history.prove_header(&found.id).await {
                return Ok(Some((found.id.clone(), header)));
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(None)
}

fn is_approved(remediation: &Remediation) -> bool {
    let digest = remediation.plan.as_ref().map(|plan| plan.digest);
    remediation.approval.as_ref().is_some_and(|approval| {
        approval.missing() == 0
            && approval.votes.iter().all(|vote| vote.decision == Decision::Approve)
            && digest == Some(approval.digest)
    })
}

/// The text of this kind and name that an earlier plan was made with.
async fn before(site: &Site, then: &PlanHeader, kind: TextKind, name: &str, sha256: Digest) -> Result<Earlier, Error> {
    Ok(match then.texts().get(&(kind, name)) {
        None => Earlier::Absent,
        Some(known) if *known == sha256 => Earlier::Same,
        Some(known) => site.history.text(known).await?.map_or(Earlier::Unknown, Earlier::Text),
    })
}

/// The text of this kind and name that the program ships.
fn shipped(site: &Site, kind: TextKind, name: &str) -> Earlier {
    let known = match kind {
        TextKind::Playbook => site.library.shipped_workflows.get(name),
        TextKind::Script => site.library.shipped_scripts.get(name),
        TextKind::List => None,
    };
    known.map_or(Earlier::Unknown, |text| Earlier::Text(text.clone()))
}

fn compare((bound, earlier): (BoundText, Earlier)) -> BoundText {
    let difference = match (&bound.text, &earlier) {
        (Some(now), Earlier::Absent) => difference("", now),
        (Some(now), Earlier::Text(then)) => difference(then, now),
        (None, _) | (_, Earlier::Same | Earlier::Unknown) => None,
    };
    BoundText { difference, ..bound }
}

/// The lines that differ, as a unified diff; `None` if none do.
fn difference(then: &str, now: &str) -> Option<String> {
    if then == now {
        return None;
    }
    let diff = TextDiff::configure().timeout(DIFF_TIMEOUT).diff_lines(then, now);
    let mut shown = diff.unified_diff().context_radius(AROUND).to_string();
    if shown.len() > LONGEST {
        let end = shown[..shown.floor_char_boundary(LONGEST)].rfind('\n').map_or(0, |end| end + 1);
        let left = shown[end..].lines().count();
        shown.truncate(end);
        let _ = writeln!(shown, "... and {left} more lines");
    }
    Some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_the_lines_that_differ() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        let found = difference("a\nb\nc\n", "a\nB\nc\n").unwrap();
        assert_eq!(found, "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
        assert_eq!(difference("", "a\n").unwrap(), "@@ -0,0 +1 @@\n+a\n");
    }

    #[test]
    fn a_long_difference_is_cut_and_says_so() {
        let list = |word: &str| {
            (0..20_000).flat_map(|number| [word.to_owned(), format!("{number}@corp.example\n")]).collect::<String>()
        };
        let found = difference(&list("ann"), &list("bob")).unwrap();
        assert!(found.len() < LONGEST + 100 && found.ends_with(" more lines\n"), "{}", found.len());
    }
}
