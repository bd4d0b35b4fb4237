//! Fields of a form: a label, the field, a hint, and the mistake in it beside it.

use maud::{Markup, html};

use super::words::spoken;

/// A mistake in one field, in words for the reader.
#[derive(Debug, Clone)]
pub(crate) struct Mistake {
    /// The name of the field.
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) says: String,
}

/// The mistake in the field of this name.
pub(crate) fn of<'a>(mistake: Option<&'a Mistake>, field: &str) -> Option<&'a str> {
    mistake.filter(|mistake| mistake.field == field).map(|mistake| mistake.says.as_str())
}

/// A field of one line.
pub(crate) fn text(name: &str, label: &str, value: &str, example: &str, wrong: Option<&str>) -> Markup {
    let said = wrong.map(|_| format!("wrong-{name}"));
    html! {
        label { (label)
            input type="text" name=(name) value=(value) placeholder=(example) autocomplete="off"
                aria-invalid=[wrong.map(|_| "true")] aria-describedby=[said.as_deref()];
            @if let Some(wrong) = wrong { span .wrong #(format!("wrong-{name}")) { (wrong) } }
        }
    }
}

/// A field with a hint that describes it; it may be required.
#[derive(Debug)]
pub(crate) struct Described<'a> {
    /// Its name in the form.
    pub(crate) name: &'a str,
    /// Its label.
    pub(crate) label: &'a str,
    /// What is filled in.
    pub(crate) value: &'a str,
    /// An example, or the value that applies if none is filled in.
    pub(crate) example: &'a str,
    /// What it is for.
    pub(crate) hint: &'a str,
    /// Whether it must be filled in.
    pub(crate) is_required: bool,
    /// The mistake in it.
    pub(crate) wrong: Option<&'a str>,
}

impl Described<'_> {
    /// A field of one line.
    pub(crate) fn line(&self) -> Markup {
        self.around(&html! {
            input type="text" name=(self.name) value=(self.value) placeholder=(self.example) autocomplete="off"
                required[self.is_required] aria-invalid=[self.wrong.map(|_| "true")] aria-describedby=(self.described_by());
        })
    }

    /// A field of several lines.
    pub(crate) fn lines(&self, most: u32) -> Markup {
        self.around(&html! {
            textarea name=(self.name) maxlength=(most) placeholder=(self.example) required[self.is_required]
                aria-invalid=[self.wrong.map(|_| "true")] aria-describedby=(self.described_by()) { (self.value) }
        })
    }

    /// A choice of words; the first is that of no choice.
    pub(crate) fn choice(&self, words: &[&str]) -> Markup {
        let any = if self.example.is_empty() { String::new() } else { format!("Default ({})", self.example) };
        self.around(&html! {
            select name=(self.name) required[self.is_required] aria-invalid=[self.wrong.map(|_| "true")]
                aria-describedby=(self.described_by()) {
                option value="" { (any) }
                @for word in words { option value=(word) selected[*word == self.value] { (spoken(word)) } }
            }
        })
    }

    fn described_by(&self) -> String {
        let wrong = self.wrong.map(|_| format!(" wrong-{}", self.name)).unwrap_or_default();
        format!("hint-{}{wrong}", self.name)
    }

    fn around(&self, field: &Markup) -> Markup {
        html! {
            label { (self.label) @if self.is_required { " (required)" }
                (field)
                span .hint #(format!("hint-{}", self.name)) { (self.hint) }
                @if let Some(wrong) = self.wrong { span .wrong #(format!("wrong-{}", self.name)) { (wrong) } }
            }
        }
    }
}

/// A field of several lines.
pub(crate) fn lines(name: &str, label: &str, value: &str, most: u32) -> Markup {
    html! { label { (label) textarea name=(name) maxlength=(most) { (value) } } }
}

/// A list of words of the API to choose from, shown by their names; the first is that of no choice, if there is one.
pub(crate) fn choice(name: &str, label: &str, any: Option<&str>, words: &[&str], chosen: &str) -> Markup {
    choice_of(name, label, any, &words.iter().map(|word| (*word, spoken(word))).collect::<Vec<_>>(), chosen)
}

/// A list of names to choose from, shown as they are.
pub(crate) fn choice_as_is(name: &str, label: &str, any: Option<&str>, words: &[&str], chosen: &str) -> Markup {
    choice_of(name, label, any, &words.iter().map(|word| (*word, (*word).to_owned())).collect::<Vec<_>>(), chosen)
}

fn choice_of(name: &str, label: &str, any: Option<&str>, words: &[(&str, String)], chosen: &str) -> Markup {
    html! {
        label { (label)
            select name=(name) {
                @if let Some(any) = any { option value="" { (any) } }
                @for (word, shown) in words { option value=(word) selected[*word == chosen] { (shown) } }
            }
        }
    }
}

/// The same in groups, each with the word of its name.
pub(crate) fn choice_in_groups(
    name: &str,
    label: &str,
    any: &str,
    groups: &[(&str, Vec<&str>)],
    chosen: &str,
    wrong: Option<&str>,
) -> Markup {
    let said = wrong.map(|_| format!("wrong-{name}"));
    html! {
        label { (label)
            select name=(name) aria-invalid=[wrong.map(|_| "true")] aria-describedby=[said.as_deref()] {
                option value="" { (any) }
                @for (group, words) in groups { optgroup label=(spoken(group)) {
                    @for word in words { option value=(word) selected[*word == chosen] { (spoken(word)) } }
                } }
            }
            @if let Some(wrong) = wrong { span .wrong #(format!("wrong-{name}")) { (wrong) } }
        }
    }
}

/// A box to tick.
pub(crate) fn tick(name: &str, value: &str, label: &str, is_ticked: bool) -> Markup {
    html! { label .box { input type="checkbox" name=(name) value=(value) checked[is_ticked]; (label) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_beside_its_field_and_escaped() {
        let mistake = Mistake { field: "since".to_owned(), says: "`<b>` is no duration".to_owned() };
        let shown = text("since", "Received within", "\"><b>", "7d", of(Some(&mistake), "since")).into_string();
        assert!(shown.contains("aria-invalid=\"true\" aria-describedby=\"wrong-since\""), "{shown}");
        assert!(shown.contains("id=\"wrong-since\"") && !shown.contains("<b>"), "{shown}");
        let described = Described {
            name: "a",
            label: "<b>",
            value: "</textarea><b>",
            example: "\"><b>",
            hint: "<b>",
            is_required: true,
            wrong: Some("<b>"),
        };
        for shown in [described.line(), described.lines(9), described.choice(&["true"])] {
            let shown = shown.into_string();
            assert!(!shown.contains("<b>") && shown.contains(" required"), "{shown}");
            assert!(
                shown.contains("aria-describedby=\"hint-a wrong-a\"") && shown.contains("id=\"hint-a\""),
                "{shown}"
            );
        }
        assert!(!text("from", "From", "", "", of(Some(&mistake), "from")).into_string().contains("wrong"));
        assert!(!lines("a", "b", "</textarea><b>", 9).into_string().contains("<b>"));
        let groups = [("true-positive", vec!["phishing", "malware"])];
        let grouped = choice_in_groups("a", "b", "None", &groups, "malware", Some("<b>")).into_string();
        assert!(grouped.contains("<optgroup label=\"True positive\">") && !grouped.contains("<b>"), "{grouped}");
        assert!(grouped.contains("value=\"malware\" selected>Malware"), "{grouped}");
        assert!(
            choice("a", "b", None, &["soft-delete"], "soft-delete").into_string().contains(" selected>Soft delete")
        );
    }
}
