//! How sure it is that a message is a copy, and why.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr, VariantArray};

use crate::words;

/// The share of the root's word pairs that a copy contains.
///
/// 1,366 messages of the `SpamAssassin` spam corpus were changed in ten ways. Nine of them leave 98.8 % to 100 % of the
/// copies above 0.7; where a quarter of the words is replaced, it is 4.7 %. Of 5.7 million pairs with its ham, 124 reach
/// 0.7, all of two roots that are nothing but the footer of a mailing list and the notice of a mail program. On 300
/// phishing messages, a prototype found 98 % to 100 % and 7 % of the copies, and no false one.
pub const CONTAINED: f64 = 0.7;
/// The share from which a message is like the root: not counted as a stranger for boilerplate, and shown if it has the
/// second key. Where a quarter of the words is replaced, about half of the pairs remain (0.75² = 0.56), and 92.8 % of
/// the copies reach 0.5. Of the 5.7 million pairs with ham, 524 do, and 4 without boilerplate.
pub const ALIKE: f64 = 0.5;
/// The fewest word pairs of the root that must be compared for a certain result. For 20 pairs the standard error of the
/// share is at most 0.11. A text with fewer words of its own is a phrase, which strangers write, too.
pub const LEAST_PAIRS: u32 = 20;
/// The fewest compared pairs for which a message that is much longer than the root is shown. Of 8 pairs at least 6 must
/// be found, which has a probability of 1.1 % for a message that contains 30 % of the root. Of the pairs with ham, 217
/// that were compared by fewer than 8 word pairs reach [`CONTAINED`], and 7 of those that were by 8 to 19.
pub const LEAST_PAIRS_OF_A_LONG_MESSAGE: u32 = 8;

/// How sure it is that a message is a copy of the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Band {
    /// Surely a copy: the text and the second key. The only band on which the program acts without a person.
    Copy,
    /// Perhaps a copy: a person decides.
    LookAtIt,
    /// The text of the root from an organisation that proves to be another than the root's sender, with links to itself
    /// alone: probably the genuine message that the root imitates. Shown, never acted on.
    GenuineLookAlike,
    /// No copy, as far as the text shows.
    Different,
}

words!(Band, "band of likeness");

impl Band {
    /// Returns it for people, as the reason why a message was left out.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Copy => "a copy",
            Self::LookAtIt => "perhaps a copy",
            Self::GenuineLookAlike => "probably the genuine message",
            Self::Different => "another message",
        }
    }

    /// Returns whether the program may act on the message without the decision of a person about this message.
    pub const fn is_sure(self) -> bool {
        matches!(self, Self::Copy)
    }
}

/// Why a message is in its band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, EnumCount, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum LikenessReason {
    /// It contains most word pairs of the root ([`CONTAINED`]).
    TextContained,
    /// It contains about half of the word pairs of the root ([`ALIKE`]).
    TextPartlyContained,
    /// It contains few word pairs of the root.
    TextNotContained,
    /// The root has too few word pairs of its own ([`LEAST_PAIRS`]).
    RootTooShort,
    /// The message is so much longer than the root that too few word pairs can be compared.
    FewPairsCompared,
    /// No word pair can be compared.
    NothingCompared,
    /// Both are authenticated as one sender.
    SameSender,
    /// Both have one Reply-To address.
    SameReplyTo,
    /// Both have one envelope domain.
    SameEnvelope,
    /// The message has all calls of the root.
    SameCalls,
    /// The message has another sender and other calls than the root.
    OtherSenderAndCalls,
    /// The message is authenticated as another organisation, and links to it alone.
    GenuineSender,
    /// The root names that organisation as its sender, or links to it.
    ImitatedByRoot,
    /// A colleague of the owner of the mailbox answers the root, and so quotes it.
    AnswersRoot,
}

words!(LikenessReason, "reason of likeness");
