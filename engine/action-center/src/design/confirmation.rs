//! A confirmation: what is about to be done, with its numbers, and the button that does it. It is a page of its own, so
//! it works without a script.

use maud::{Markup, html};

use super::button::guard;

/// The field that a confirmed form has, and its value.
pub(crate) const FIELD: &str = "confirmed";
pub(crate) const CONFIRMED: &str = "yes";

/// What is asked once more.
#[derive(Debug)]
pub(crate) struct Confirmation<'a> {
    /// Where the form goes.
    pub(crate) address: &'a str,
    /// The fields of the form that was sent.
    pub(crate) fields: Vec<(&'a str, &'a str)>,
    /// What will happen, in numbers.
    pub(crate) facts: Markup,
    /// The label of the button: the act and its number.
    pub(crate) label: &'a str,
    /// Whether it removes or stops something.
    pub(crate) is_danger: bool,
    /// The way back.
    pub(crate) back: &'a str,
}

impl maud::Render for Confirmation<'_> {
    fn render(&self) -> Markup {
        let token = self.fields.iter().find(|(name, _)| *name == "form_token").map_or("", |(_, value)| value);
        html! {
            form .form.card method="post" action=(self.address) {
                (guard(token))
                input type="hidden" name=(FIELD) value=(CONFIRMED);
                @for (name, value) in self.fields.iter().filter(|(name, _)| *name != "form_token" && *name != FIELD) {
                    input type="hidden" name=(name) value=(value);
                }
                (self.facts)
                div .row {
                    button class=(if self.is_danger { "danger" } else { "" }) { (self.label) }
                    a .button.plain href=(self.back) { "Back" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use maud::Render as _;

    use super::*;

    #[test]
    fn a_confirmation_repeats_the_form_and_escapes_it() {
        let shown = Confirmation {
            address: "/pending",
            fields: vec![
                ("form_token", "abc"),
                ("comment", "\"><script>"),
                ("pick", "1"),
                ("pick", "2"),
                (FIELD, "no"),
            ],
            facts: html! { "3 messages" },
            label: "Approve 2",
            is_danger: false,
            back: "/pending",
        }
        .render()
        .into_string();
        assert!(shown.contains("name=\"pick\" value=\"2\"") && !shown.contains("<script>"), "{shown}");
        assert_eq!((shown.matches("abc").count(), shown.matches("name=\"confirmed\" value=\"yes\"").count()), (1, 1));
        assert!(!shown.contains("value=\"no\""));
    }
}
