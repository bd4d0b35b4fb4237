//! The comparison of a message with a root.

use serde::{Deserialize, Serialize};

use super::band::{ALIKE, Band, CONTAINED, LEAST_PAIRS, LEAST_PAIRS_OF_A_LONG_MESSAGE, LikenessReason};
use super::commons::Commons;
use super::identity::{Calls, Identity};
use super::root::Root;
use crate::sketch::{Containment, Sketch};

/// How like a root a message is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Likeness {
    /// The word pairs of the root that were compared, and how many were found; `None` if nothing can be compared.
    pub containment: Option<Containment>,
    /// The result.
    pub band: Band,
    /// Why, the text first.
    pub reasons: Vec<LikenessReason>,
}

impl Likeness {
    /// Compares a message with a root.
    ///
    /// Remove the boilerplate from the root before ([`Root::without`]).
    pub fn of(root: &Root, sketch: &Sketch, identity: &Identity, calls: &Calls, commons: &Commons) -> Self {
        let Some(containment) = root.sketch().containment(sketch) else {
            return Self { containment: None, band: Band::Different, reasons: vec![LikenessReason::NothingCompared] };
        };
        let key = SecondKey::of(root, identity, calls, commons);
        let is_mutual = sketch.containment(root.sketch()).is_some_and(|other| other.share() >= CONTAINED);
        let (band, reasons) = judge(root.sketch().pairs(), containment, &key, is_mutual);
        Self { containment: Some(containment), band, reasons }
    }
}

impl Likeness {
    /// Returns the likeness of a message that answers the root. People quote what they answer, so its text says nothing.
    #[must_use]
    pub(super) fn of_an_answer(mut self) -> Self {
        if self.band != Band::Different {
            self.reasons.push(LikenessReason::AnswersRoot);
            if self.band == Band::Copy {
                self.band = Band::LookAtIt;
            }
        }
        self
    }

    /// Returns whether the message surely contains most of the root's text.
    pub(crate) fn has_text(&self) -> bool {
        let is_unsure = |one: &LikenessReason| {
            matches!(one, LikenessReason::RootTooShort | LikenessReason::FewPairsCompared | LikenessReason::AnswersRoot)
        };
        self.reasons.first() == Some(&LikenessReason::TextContained) && !self.reasons.iter().any(is_unsure)
    }

    /// Returns whether the message contains half of the root's text, and sender or calls join it to the root.
    pub(crate) fn has_second_key(&self) -> bool {
        let is_none =
            |one: &LikenessReason| matches!(one, LikenessReason::OtherSenderAndCalls | LikenessReason::GenuineSender);
        let has_text_in_part =
            matches!(self.reasons.first(), Some(LikenessReason::TextContained | LikenessReason::TextPartlyContained));
        has_text_in_part && !self.reasons.iter().any(is_none)
    }
}

impl Root {
    /// Returns whether a message is proved to be of an organisation, and calls to that organisation alone, which is not
    /// proved to be the sender of this root.
    pub(crate) fn is_imitation_of(&self, identity: &Identity, calls: &Calls, commons: &Commons) -> bool {
        identity.is_genuine(calls, commons) && !self.identity().is_authenticated_as(&identity.domain)
    }
}

/// Returns the band and the reasons for a share of the text and a second key. `is_mutual`: the root contains the message,
/// too. A sender alone joins only texts that are mutual, because all mails of an organisation have its disclaimer, and
/// a root from an account that was taken over is mostly that.
fn judge(root_pairs: u32, containment: Containment, key: &SecondKey, is_mutual: bool) -> (Band, Vec<LikenessReason>) {
    let mut reasons = vec![match containment.share() {
        share if share >= CONTAINED => LikenessReason::TextContained,
        share if share >= ALIKE => LikenessReason::TextPartlyContained,
        _ => return (Band::Different, vec![LikenessReason::TextNotContained]),
    }];
    let is_contained = reasons == [LikenessReason::TextContained];
    let is_certain = containment.compared >= LEAST_PAIRS;
    if root_pairs < LEAST_PAIRS {
        reasons.push(LikenessReason::RootTooShort);
    } else if !is_certain {
        reasons.push(LikenessReason::FewPairsCompared);
    }
    reasons.extend(key.reasons());
    let is_long_enough = root_pairs >= LEAST_PAIRS && containment.compared >= LEAST_PAIRS_OF_A_LONG_MESSAGE;
    let band = match key {
        SecondKey::Genuine { .. } if is_contained => Band::GenuineLookAlike,
        SecondKey::Same(reasons) if is_contained && is_certain && (is_mutual || !is_sender_alone(reasons)) => {
            Band::Copy
        }
        SecondKey::Same(_) if is_contained || is_certain => Band::LookAtIt,
        SecondKey::Other if is_contained && is_long_enough => Band::LookAtIt,
        _ => Band::Different,
    };
    (band, reasons)
}

fn is_sender_alone(reasons: &[LikenessReason]) -> bool {
    reasons.iter().all(|one| matches!(one, LikenessReason::SameSender | LikenessReason::SameEnvelope))
}

/// What sender and calls of a message say about its relation to the root.
#[derive(Debug, PartialEq, Eq)]
enum SecondKey {
    /// At least one sender or call joins both.
    Same(Vec<LikenessReason>),
    /// The message belongs to another organisation. `is_imitated`: the root names that organisation.
    Genuine { is_imitated: bool },
    /// Nothing joins them.
    Other,
}

impl SecondKey {
    fn of(root: &Root, identity: &Identity, calls: &Calls, commons: &Commons) -> Self {
        let mut same = root.identity().same(identity, commons);
        if same.is_empty() && root.is_imitation_of(identity, calls, commons) {
            let is_imitated = root.identity().domain == identity.domain || root.calls().web.contains(&identity.domain);
            return Self::Genuine { is_imitated };
        }
        if root.calls().are_all_in(calls, identity, commons) {
            same.push(LikenessReason::SameCalls);
        }
        if same.is_empty() { Self::Other } else { Self::Same(same) }
    }

    fn reasons(&self) -> Vec<LikenessReason> {
        match self {
            Self::Same(reasons) => reasons.clone(),
            Self::Genuine { is_imitated: true } => {
                vec![LikenessReason::GenuineSender, LikenessReason::ImitatedByRoot]
            }
            Self::Genuine { is_imitated: false } => vec![LikenessReason::GenuineSender],
            Self::Other => vec![LikenessReason::OtherSenderAndCalls],
        }
    }
}
