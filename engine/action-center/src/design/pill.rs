//! Pills: a status, a severity, an action, an outcome, each with a mark that is no colour alone.

use clawback_model::{Action, AlertState, InvestigationStatus, OutcomeKind, Severity, Status};
use maud::{Markup, html};

use super::icon::Icon;
use super::words::{self, spoken};

/// The meaning of a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Went well.
    Good,
    /// Went wrong.
    Bad,
    /// Waits for a person.
    Wait,
    /// Is under way.
    Run,
    /// Neither.
    Quiet,
}

impl Tone {
    /// The class of the style sheet.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Wait => "wait",
            Self::Run => "run",
            Self::Quiet => "",
        }
    }
}

/// Any pill.
pub(crate) fn pill(tone: Tone, icon: Icon, text: &str) -> Markup {
    html! { span class={ "pill " (tone.class()) } { (icon) (text) } }
}

/// The status of a remediation.
pub(crate) fn status(status: Status) -> Markup {
    let (tone, icon) = look(status);
    pill(tone, icon, &words::status(status))
}

/// The status of an investigation, by the reference product's name.
pub(crate) fn investigation(status: InvestigationStatus) -> Markup {
    let (tone, icon) = match status {
        InvestigationStatus::Starting | InvestigationStatus::Running => (Tone::Run, Icon::Running),
        InvestigationStatus::QueuedByThrottling | InvestigationStatus::PendingAction => (Tone::Wait, Icon::Clock),
        InvestigationStatus::Remediated => (Tone::Good, Icon::Check),
        InvestigationStatus::PartiallyRemediated => (Tone::Bad, Icon::Warning),
        InvestigationStatus::Failed => (Tone::Bad, Icon::Cross),
        InvestigationStatus::NoThreatsFound
        | InvestigationStatus::TerminatedBySystem
        | InvestigationStatus::TerminatedByUser => (Tone::Quiet, Icon::Minus),
    };
    pill(tone, icon, &spoken(status.as_str()))
}

/// How far people are with an alert.
pub(crate) fn alert(state: AlertState) -> Markup {
    let (tone, icon) = match state {
        AlertState::New => (Tone::Wait, Icon::Bell),
        AlertState::InProgress => (Tone::Run, Icon::Running),
        AlertState::Resolved => (Tone::Good, Icon::Check),
    };
    pill(tone, icon, &spoken(state.as_str()))
}

/// The colour and the mark of a status.
pub(crate) const fn look(status: Status) -> (Tone, Icon) {
    match status {
        Status::Queued | Status::Planning | Status::Approved | Status::InProgress => (Tone::Run, Icon::Running),
        Status::PendingApproval => (Tone::Wait, Icon::Clock),
        Status::Paused => (Tone::Wait, Icon::Pause),
        Status::Completed => (Tone::Good, Icon::Check),
        Status::PartiallyCompleted => (Tone::Bad, Icon::Warning),
        Status::Failed | Status::Rejected => (Tone::Bad, Icon::Cross),
        Status::Expired | Status::Cancelled | Status::NothingToDo => (Tone::Quiet, Icon::Minus),
    }
}

/// A severity.
pub(crate) fn severity(severity: Severity) -> Markup {
    html! { span class={ "severity " (severity.as_str()) } { (spoken(severity.as_str())) } }
}

/// An action.
pub(crate) fn action(action: Action) -> Markup {
    html! { (spoken(action.as_str())) }
}

/// The outcome of a message; `None` while it is open.
pub(crate) fn outcome(kind: Option<OutcomeKind>) -> Markup {
    let Some(kind) = kind else { return pill(Tone::Quiet, Icon::Clock, "Open") };
    let (tone, icon) = match kind {
        OutcomeKind::Succeeded => (Tone::Good, Icon::Check),
        OutcomeKind::AlreadyInDestination => (Tone::Quiet, Icon::Check),
        OutcomeKind::NotFound | OutcomeKind::MovedSince => (Tone::Wait, Icon::Warning),
        OutcomeKind::Failed => (Tone::Bad, Icon::Cross),
        _ => (Tone::Quiet, Icon::Minus),
    };
    pill(tone, icon, &spoken(kind.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pill_has_words_and_escapes_them() {
        for state in Status::ALL {
            let shown = status(state).into_string();
            assert!(shown.contains(&words::status(state)) && shown.contains("<svg"), "{shown}");
        }
        assert!(!pill(Tone::Good, Icon::Check, "<b>").into_string().contains("<b>"));
        assert!(outcome(None).into_string().contains("Open"));
    }
}
