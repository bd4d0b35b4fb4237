//! Messages over time as stacked bars. Each bar is a link; the same numbers, with the same links, are a table.

use maud::{Markup, html};

use super::words::number;

/// Bars over time.
#[derive(Debug)]
pub(crate) struct TimeChart {
    /// What the parts of a bar are, the lowest first; one without a name is no part.
    pub(crate) parts: Vec<String>,
    /// The bars, without gaps in time.
    pub(crate) bars: Vec<Bar>,
    /// How long a bar is: "4 h".
    pub(crate) unit: String,
}

/// One bar.
#[derive(Debug)]
pub(crate) struct Bar {
    /// When it begins.
    pub(crate) from: String,
    /// The number of each part.
    pub(crate) counts: Vec<u64>,
    /// The address of its messages.
    pub(crate) address: Option<String>,
}

impl Bar {
    fn sum(&self) -> u64 {
        self.counts.iter().sum()
    }
}

impl TimeChart {
    pub(crate) fn draw(&self) -> Markup {
        let (Some(first), Some(last)) = (self.bars.first(), self.bars.last()) else { return html! {} };
        let most = self.bars.iter().map(Bar::sum).max().unwrap_or(0).max(1);
        let total: u64 = self.bars.iter().map(Bar::sum).sum();
        let step = percent(1, self.bars.len() as u64);
        let middle = self.bars.get(self.bars.len() / 2).filter(|_| self.bars.len() > 3);
        html! {
            figure .timeline.stacked {
                div .scale aria-hidden="true" { span { (number(most)) } @if most > 1 { span { (number(most / 2)) } } span { "0" } }
                // The table has the same for the keyboard and for screen readers.
                svg aria-hidden="true" {
                    @for (place, bar) in self.bars.iter().enumerate().filter(|(_, bar)| bar.sum() > 0) {
                        @let drawn = html! { (self.bar(bar, step * as_float(place as u64), step, most)) };
                        @if let Some(address) = &bar.address { a href=(address) tabindex="-1" { (drawn) } } @else { g { (drawn) } }
                    }
                }
                div .ends aria-hidden="true" {
                    span { (first.from) } @if let Some(middle) = middle { span { (middle.from) } } span { (last.from) }
                }
                figcaption {
                    (number(total)) " messages, by " (self.unit) " of their arrival (UTC); at most " (number(most)) " in " (self.unit) ". "
                    @if self.has_parts() { span .legend { @for (place, name) in self.parts.iter().enumerate() {
                        span .key { span class={ "dot " (class(place)) } {} bdi { (name) } }
                    } } }
                }
            }
            details { summary { "As a table" } (self.table()) }
        }
    }

    fn has_parts(&self) -> bool {
        self.parts.iter().any(|name| !name.is_empty())
    }

    fn bar(&self, bar: &Bar, left: f64, step: f64, most: u64) -> Markup {
        let mut below = 0;
        let words = format!("{}, {}: {} messages", bar.from, self.unit, number(bar.sum()));
        html! {
            title { (words) }
            // The whole height of the bar is pressed.
            rect .press x={ (round(left)) "%" } y="0" width={ (round(step)) "%" } height="100%" {}
            @for (place, count) in bar.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                @let height = percent(*count, most);
                @let top = 100.0 - percent(below + count, most);
                rect class=(class(place)) x={ (round(left)) "%" } y={ (round(top)) "%" } width={ (round(step * 0.86)) "%" } height={ (round(height)) "%" } {}
                ({ below += count; "" })
            }
        }
    }

    fn table(&self) -> Markup {
        html! { div .over-time tabindex="0" role="region" aria-label="Messages over time" {
            table aria-label="Messages over time" {
                thead { tr {
                    th scope="col" { "From (UTC)" }
                    th .number scope="col" { "Messages" }
                    @if self.has_parts() { @for name in &self.parts { th .number scope="col" { bdi { (name) } } } }
                } }
                tbody { @for bar in self.bars.iter().filter(|bar| bar.sum() > 0) { tr {
                    td { @if let Some(address) = &bar.address { a href=(address) { (bar.from) } } @else { (bar.from) } }
                    td .number { (number(bar.sum())) }
                    @if self.has_parts() { @for count in &bar.counts { td .number { (number(*count)) } } }
                } } }
            }
        } }
    }
}

/// The class of a part's colour.
fn class(place: usize) -> String {
    format!("part-{}", place % 6)
}

fn percent(count: u64, whole: u64) -> f64 {
    as_float(count) * 100.0 / as_float(whole.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
const fn as_float(count: u64) -> f64 {
    count as f64
}

fn round(percent: f64) -> String {
    format!("{percent:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_a_link_and_has_its_row() {
        let bar = |from: &str, counts: [u64; 2]| Bar {
            from: from.to_owned(),
            counts: counts.to_vec(),
            address: Some("/search?a=1&b=2".to_owned()),
        };
        let chart = TimeChart {
            parts: vec!["<b>".to_owned(), "Other".to_owned()],
            bars: vec![bar("one", [3, 1]), bar("two", [0, 0]), bar("three", [1_200, 0])],
            unit: "4 h".to_owned(),
        };
        let shown = chart.draw().into_string();
        assert_eq!((shown.matches("<tr>").count(), shown.matches("tabindex=\"-1\"").count()), (3, 2), "{shown}");
        assert!(shown.contains("1,204 messages, by 4 h") && !shown.contains("<b>"), "{shown}");
        assert!(shown.contains("href=\"/search?a=1&amp;b=2\"") && !shown.contains("style="), "{shown}");
        assert_eq!(TimeChart { parts: Vec::new(), bars: Vec::new(), unit: String::new() }.draw().into_string(), "");
    }
}
