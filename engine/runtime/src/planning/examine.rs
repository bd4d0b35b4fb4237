//! Examinations of the messages on which a condition cannot be decided otherwise.

use std::sync::Arc;

use clawback_connectors::{CallError, Examined, MailStore};
use clawback_model::{Band, FeatureRequest, Features, Message, SIMULATION, Simulations, simulation_in_words};
use clawback_playbooks::{Bound, Judge, Judgement};

use crate::retry::with_retries;
use crate::site::Site;

/// The bytes that are read of each message first: about 80 % of mails are no longer, and the text precedes attachments.
const START: u64 = 64 * 1024;
/// The bytes that are read of a message whose start does not decide.
pub(super) const WHOLE: u64 = 15 * 1024 * 1024;
/// The most messages in one call, and the most bytes of them.
const AT_ONCE: (usize, u64) = (500, 8 * 1024 * 1024);

/// Most links, and most attachments, that are kept of a message: a page of features can be large.
const KEPT: usize = 50;

/// A message with the judgement on it. Of its features only the first links and attachments and [`Features::cut`] are
/// kept: they are counted, and nothing is decided by them.
pub(super) struct Judged {
    pub(super) message: Message,
    pub(super) judgement: Judgement,
    /// How like its root an unmatched message is, if it is like it at all.
    pub(super) nearly: Option<Band>,
    /// Why it could not be examined.
    pub(super) unexamined: Option<String>,
}

impl Judged {
    /// Returns whether a further examination of more of the message could decide, or show more of what it matched.
    fn is_open(&self, is_first: bool, shows_matches: bool) -> bool {
        let is_known_in_part = self.message.features.as_ref().is_some_and(|features| !features.cut.is_empty());
        let is_undecided = matches!(self.judgement, Judgement::Undecided { .. });
        (is_undecided || shows_matches && matches!(self.judgement, Judgement::Keep { .. }))
            && self.unexamined.is_none()
            && (is_first || is_known_in_part)
    }

    /// Judges the message by its features, and drops what is no longer needed of them. A simulation is like no threat.
    fn judge(&mut self, bound: &Bound, judge: &mut Judge<'_>, simulations: &Simulations) {
        self.judgement = judge.message(&self.message);
        let is_kept = matches!(self.judgement, Judgement::Keep { .. });
        if let Some(features) = self.message.features.as_ref().filter(|_| is_kept && bound.roots().next().is_some())
            && let Some(sender) = simulations.sender(features)
        {
            self.judgement = Judgement::Drop { by: SIMULATION.to_owned(), reason: Some(simulation_in_words(&sender)) };
        }
        self.nearly = match self.judgement {
            Judgement::Unmatched { .. } => bound.nearly(&self.message),
            _ => None,
        };
        if let Some(features) = &mut self.message.features {
            let (mut links, mut attachments) = if is_kept {
                (std::mem::take(&mut features.links), std::mem::take(&mut features.attachments))
            } else {
                (Vec::new(), Vec::new())
            };
            links.truncate(KEPT);
            attachments.truncate(KEPT);
            **features = Features { cut: std::mem::take(&mut features.cut), links, attachments, ..Features::default() };
        }
    }
}

/// Judges messages, and examines those that are undecided without an examination.
pub(super) async fn judge(
    site: &Site,
    store: &dyn MailStore,
    mailbox: &Arc<str>,
    bound: &Bound,
    messages: Vec<Message>,
) -> Result<Vec<Judged>, CallError> {
    let judgements = bound.filter(&messages);
    let mut all: Vec<Judged> = messages
        .into_iter()
        .zip(judgements)
        .map(|(message, judgement)| Judged { message, judgement, nearly: None, unexamined: None })
        .collect();
    let Some(asked) = bound.asked_texts() else { return Ok(all) };
    let shows_matches = bound.predicate().matches_content();
    let mut request = FeatureRequest { asked, ..site.examination.clone() };
    for most in [START, WHOLE] {
        request.most = most;
        let open: Vec<usize> = (0..all.len()).filter(|at| all[*at].is_open(most == START, shows_matches)).collect();
        for part in parts(&open, |at| all[at].message.size.min(most)) {
            examine(site, store, mailbox, &request, &mut all, part).await?;
            let mut judge = bound.judge();
            for at in part {
                let one = &mut all[*at];
                if one.unexamined.is_none() {
                    one.judge(bound, &mut judge, &site.investigations.simulations);
                }
            }
        }
    }
    Ok(all)
}

/// Sets the features of these messages, or the reason why they are unknown.
async fn examine(
    site: &Site,
    store: &dyn MailStore,
    mailbox: &Arc<str>,
    request: &FeatureRequest,
    all: &mut [Judged],
    part: &[usize],
) -> Result<(), CallError> {
    let references: Vec<_> = part.iter().map(|at| all[*at].message.reference.clone()).collect();
    let examined = match with_retries(site, || store.examine(mailbox, &references, request)).await {
        Ok(examined) => examined,
        Err(error) if error.is_retryable() => return Err(error),
        Err(error) => vec![Examined::Failed(error.to_string()); part.len()],
    };
    for (at, examined) in part.iter().zip(examined) {
        let one = &mut all[*at];
        match examined {
            Examined::Features(features) => one.message.features = Some(features),
            Examined::NotFound => one.unexamined = Some("it moved while it was examined".to_owned()),
            Examined::Failed(why) => one.unexamined = Some(why),
        }
    }
    Ok(())
}

/// Splits the messages into parts that one call can examine.
fn parts(open: &[usize], size: impl Fn(usize) -> u64) -> Vec<&[usize]> {
    let (mut parts, mut from, mut bytes) = (Vec::new(), 0, 0);
    for (number, at) in open.iter().enumerate() {
        let more = size(*at);
        if number > from && (number - from == AT_ONCE.0 || bytes + more > AT_ONCE.1) {
            parts.push(&open[from..number]);
            (from, bytes) = (number, 0);
        }
        bytes += more;
    }
    if from < open.len() {
        parts.push(&open[from..]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_by_count_and_by_bytes() {
        let sizes = |each: u64, number: usize| -> Vec<usize> {
            let open: Vec<usize> = (0..number).collect();
            parts(&open, |_| each).iter().map(|part| part.len()).collect()
        };
        assert_eq!(sizes(10, 600), [500, 100]);
        assert_eq!(sizes(3 * 1024 * 1024, 5), [2, 2, 1]);
        assert_eq!(sizes(WHOLE, 2), [1, 1]);
        assert_eq!(sizes(10, 0), [0_usize; 0]);
    }
}
