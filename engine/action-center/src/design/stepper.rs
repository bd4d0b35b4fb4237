//! The steps of a remediation, and where it is.

use maud::{Markup, html};

use super::icon::Icon;

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It is done.
    Done,
    /// It is under way, or waits.
    Now,
    /// It stopped here.
    Stopped,
    /// It comes later.
    Later,
}

/// One step.
#[derive(Debug)]
pub(crate) struct Step {
    /// Its name.
    pub(crate) name: &'static str,
    /// How far it is.
    pub(crate) state: State,
    /// What there is to say: when, how much.
    pub(crate) says: Markup,
}

/// The steps in their order.
pub(crate) fn stepper(steps: &[Step]) -> Markup {
    html! { ol .stepper aria-label="Progress" { @for step in steps {
        li class=(class(step.state)) aria-current=[(step.state == State::Now).then_some("step")] {
            span .mark aria-hidden="true" { @match step.state { State::Done => (Icon::Check), State::Stopped => (Icon::Cross), _ => {} } }
            strong { (step.name) }
            span .what { (step.says) }
        }
    } } }
}

const fn class(state: State) -> &'static str {
    match state {
        State::Done => "done",
        State::Now => "now",
        State::Stopped => "stopped",
        State::Later => "later",
    }
}
