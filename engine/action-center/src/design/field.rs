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
        assert!(!text("from", "From", "", "", of(Some(&mistake), "from")).into_string().contains("wrong"));
        assert!(!lines("a", "b", "</textarea><b>", 9).into_string().contains("<b>"));
        assert!(
            choice("a", "b", None, &["soft-delete"], "soft-delete").into_string().contains(" selected>Soft delete")
        );
    }
}
