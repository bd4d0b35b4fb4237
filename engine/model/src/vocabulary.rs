//! Every word of the vocabulary is the same in Rust, JSON and text, and is parsed as it is written.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use serde::Serialize;

use crate::action::{Action, ActionSource, Severity};
use crate::classification::{Classification, Determination};
use crate::features::LinkKind;
use crate::likeness::{Band, LikenessReason};
use crate::limits::SelectionMode;
use crate::location::LocationKind;
use crate::not_automatic::AutomaticRule;
use crate::outcome::{OutcomeKind, Reason};
use crate::principal::{PrincipalKind, Role};
use crate::record::{InvestigationKind, InvestigationStatus};
use crate::schedule::SlotReason;
use crate::status::Status;
use crate::unknown_word::UnknownWord;

/// Returns the word in JSON, which serde derives from the name in Rust.
fn in_json(one: impl Serialize) -> String {
    serde_json::to_value(one).unwrap().as_str().unwrap().to_owned()
}

fn is_shown_as<W: Display>(one: W, word: &str) {
    assert_eq!(one.to_string(), word);
    assert_eq!(format!("{one:>30}"), format!("{word:>30}"), "a table may pad it");
}

fn is_read_back<W: Copy + Debug + PartialEq + FromStr<Err = UnknownWord>>(all: &[W], as_str: fn(W) -> &'static str) {
    for one in all {
        assert_eq!(as_str(*one).parse(), Ok(*one));
    }
    let refused = "no such word".parse::<W>().unwrap_err().to_string();
    assert!(refused.starts_with("unknown ") && refused.contains("`no such word`; known are "), "{refused}");
    for one in all {
        assert!(refused.contains(as_str(*one)), "{refused}");
    }
}

/// Checks that the word is written and shown as in JSON, and is parsed back from it.
fn is_one_word<W>(all: &[W], as_str: fn(W) -> &'static str)
where
    W: Copy + Debug + PartialEq + Display + FromStr<Err = UnknownWord> + Serialize,
{
    is_read_back(all, as_str);
    for one in all {
        assert_eq!(as_str(*one), in_json(one));
        is_shown_as(one, as_str(*one));
    }
}

#[test]
fn every_word_is_the_same_everywhere() {
    is_one_word(&Action::ALL, Action::as_str);
    is_one_word(&ActionSource::ALL, ActionSource::as_str);
    is_one_word(&AutomaticRule::ALL, AutomaticRule::as_str);
    is_one_word(&Band::ALL, Band::as_str);
    is_one_word(&Classification::ALL, Classification::as_str);
    is_one_word(&Determination::ALL, Determination::as_str);
    is_one_word(&LinkKind::ALL, LinkKind::as_str);
    is_one_word(&LikenessReason::ALL, LikenessReason::as_str);
    is_one_word(&LocationKind::ALL, LocationKind::as_str);
    is_one_word(&OutcomeKind::ALL, OutcomeKind::as_str);
    is_one_word(&Reason::ALL, Reason::as_str);
    is_one_word(&Role::ALL, Role::as_str);
    is_one_word(&SelectionMode::ALL, SelectionMode::as_str);
    is_one_word(&Severity::ALL, Severity::as_str);
    is_one_word(&Status::ALL, Status::as_str);
    is_read_back(&InvestigationKind::ALL, InvestigationKind::as_str);
    is_read_back(&SlotReason::ALL, SlotReason::as_str);
    for kind in InvestigationKind::ALL {
        assert_eq!(kind.as_str(), in_json(kind));
    }
    for kind in PrincipalKind::ALL {
        assert_eq!(kind.as_str(), in_json(kind));
    }
    for status in InvestigationStatus::ALL {
        assert_eq!(status.as_str(), in_json(status));
        is_shown_as(status, status.as_str());
    }
    for reason in SlotReason::ALL {
        is_shown_as(reason, reason.as_str());
    }
}

#[test]
fn an_unknown_word_is_quoted_in_part() {
    let refused = "x".repeat(100).parse::<Status>().unwrap_err().to_string();
    assert!(refused.contains(&format!("`{}`;", "x".repeat(60))), "{refused}");
}
