//! Forms that change something: the guard at their beginning, and the form that is one button.

use maud::{Markup, html};

/// The beginning of every form that changes something: a submit button that does nothing, and the hidden field without
/// which no form is accepted. Enter in a field or on a tick box presses the first submit button of a form that is not
/// disabled (HTML, implicit submission); this one submits to a dialog, and there is none. So only the button with the
/// label of an action carries it out.
pub(crate) fn guard(form_token: &str) -> Markup {
    html! {
        button type="submit" formmethod="dialog" formnovalidate hidden { "Nothing" }
        input type="hidden" name="form_token" value=(form_token);
    }
}

/// How much a button stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rank {
    /// The one that the page is for.
    Primary,
    /// One of several.
    Plain,
    /// It removes or stops something.
    Danger,
}

impl Rank {
    /// The class of the style sheet.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Primary => "",
            Self::Plain => "plain",
            Self::Danger => "danger plain",
        }
    }
}

/// A form that is one button.
pub(crate) fn act(form_token: &str, address: &str, rank: Rank, label: &str, spoken: Option<&str>) -> Markup {
    html! {
        form .inline method="post" action=(address) {
            (guard(form_token))
            button class=(rank.class()) aria-label=[spoken] { (label) }
        }
    }
}
