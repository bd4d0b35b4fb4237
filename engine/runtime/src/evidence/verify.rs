//! The check that every kept message is unchanged.

use crate::boxed::boxed;
use crate::error::Error;
use crate::site::Site;

/// Kept messages read in one page.
const PAGE: u32 = 500;
/// Consecutive messages that the place did not give, after which it counts as unavailable and no more are requested.
const AWAY: u32 = 3;

/// The result of a check of all evidence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EvidenceReport {
    /// Messages whose bytes match their digest.
    pub sound: u64,
    /// Their bytes together.
    pub bytes: u64,
    /// What is missing or changed, a sentence each.
    pub problems: Vec<String>,
    /// What could not be read, a sentence each: whether it is unchanged is unknown.
    pub unavailable: Vec<String>,
}

/// Hashes every kept message and compares it with the history.
#[boxed]
pub async fn verify_evidence(site: &Site) -> Result<EvidenceReport, Error> {
    let evidence = site.evidence.as_ref().ok_or(Error::NoEvidence)?;
    let (mut report, mut after) = (EvidenceReport::default(), None);
    let (mut silent, mut not_asked) = (0, 0_u64);
    loop {
        let (page, next) = site.history.evidence(None, after, PAGE).await?;
        for one in &page {
            if silent >= AWAY {
                not_asked += 1;
                continue;
            }
            let of = format!("message {} of {}", one.kept.seq, one.remediation);
            let given = evidence.get(&one.kept.digest).await;
            silent = if matches!(given, Err(Error::EvidenceUnavailable { .. })) { silent + 1 } else { 0 };
            match given {
                Err(error @ Error::EvidenceUnavailable { .. }) => report.unavailable.push(format!("{of}: {error}")),
                Err(error) => report.problems.push(format!("{of}: {error}")),
                Ok(_) if one.receipt.is_some_and(|receipt| receipt != one.kept.digest) => {
                    report.problems.push(format!("{of}: its receipt and its row name different digests"));
                }
                Ok(raw) => {
                    report.sound += 1;
                    report.bytes += raw.len() as u64;
                }
            }
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    if not_asked > 0 {
        let said = "messages were not asked for, as the place for evidence did not answer";
        report.unavailable.push(format!("{not_asked} further {said}"));
    }
    if let Some((remediation, seq)) = site.history.lost_evidence().await? {
        report
            .problems
            .push(format!("message {seq} of {remediation}: its receipt says that it was kept, but it has no row"));
    }
    Ok(report)
}
