//! What a plan was made under, as approvers see it: every part of the header, and how it differs from what they know.

use clawback_model::{Difference, Remediation, TextKind, visible};
use clawback_runtime::{BoundText, Compared, Error, PlanTerms};
use clawback_store::StoreError;
use maud::{Markup, html};

use crate::center::Center;
use crate::design::table::{Column, Row, Table};
use crate::problem::Problem;

/// Bytes of a list that a page shows.
const LONGEST: usize = 16 << 10;

const PARTS: [Column; 2] = [Column::lead("Part"), Column::fill("Value").tall()];
const DIFFERENCES: [Column; 3] = [Column::lead("Part"), Column::fill("Was").tall(), Column::fill("Is").tall()];

/// The chapter of a remediation's page; empty before it has a plan.
pub(super) async fn terms(center: &Center, remediation: &Remediation) -> Result<Markup, Problem> {
    let terms = match PlanTerms::load(center.site(), remediation).await {
        Ok(None) => return Ok(html! {}),
        Ok(Some(terms)) => terms,
        Err(Error::Refused(altered @ (StoreError::Altered { .. } | StoreError::NotItsEvents { .. }))) => {
            return Ok(html! { h2 { "What the vote covers" } p .problem { (visible(&altered.to_string())) } });
        }
        Err(error) => return Err(error.into()),
    };
    let rows: Vec<Row> = terms.header.parts().iter().map(part).collect();
    let changed = terms.texts.iter().filter(|text| text.difference.is_some());
    Ok(html! {
        h2 { "What the vote covers" }
        p { "In addition to the messages, the digest " code .digest { (terms.digest) } " covers this." }
        (compared(&terms))
        @for text in changed { (difference(text)) }
        details { summary { "Every part of the plan's header" }
            (Table::new("Parts of the header", &PARTS, rows).or("It has none.")) }
        @for text in &terms.texts { (text_of(text)) }
        p { a href={ "/remediations/" (remediation.id) "/plan" } { "The plan, as its digest covers it" } }
    })
}

fn part((path, value): (&String, &String)) -> Row {
    Row::of([html! { code { (visible(path)) } }, html! { bdi .selection { (visible(value)) } }])
}

fn compared(terms: &PlanTerms) -> Markup {
    let is_same = terms.differences.is_empty() && terms.texts.iter().all(|text| text.difference.is_none());
    let with = match &terms.compared {
        None => {
            return html! { p .note { "No plan of this playbook was approved before, and none is shipped under its name." } };
        }
        Some(Compared::Shipped) => html! { "the playbook and scripts that are shipped" },
        Some(Compared::Approved(id)) => {
            html! { a href={ "/remediations/" (id) } { code { (id) } } ", which was approved last" }
        }
    };
    let rows: Vec<Row> = terms.differences.iter().map(row).collect();
    html! {
        p .note.wait[!is_same] { @if is_same { "Unchanged from " } @else { "Changed from " } (with) "." }
        @if !rows.is_empty() { (Table::new("Differences", &DIFFERENCES, rows)) }
    }
}

fn row(Difference { what, then, now }: &Difference) -> Row {
    let value = |value: &Option<String>| {
        html! { @match value {
            Some(value) => { bdi .selection { (visible(value)) } },
            None => { "absent" },
        } }
    };
    Row::of([html! { code { (visible(what)) } }, html! { (value(then)) }, html! { (value(now)) }])
}

fn difference(text: &BoundText) -> Markup {
    html! {
        h3 { (text.kind.as_str()) " " (visible(&text.name)) }
        pre .difference tabindex="0" { code { @for line in text.difference.iter().flat_map(|text| text.lines()) {
            @if line.starts_with('+') { ins { (visible(line)) } }
            @else if line.starts_with('-') { del { (visible(line)) } }
            @else { (visible(line)) }
            "\n"
        } } }
    }
}

/// The text, folded; of a list, its beginning.
fn text_of(text: &BoundText) -> Markup {
    let shown = |body: &str| {
        let most = if text.kind == TextKind::List { LONGEST } else { body.len() };
        let cut = body.floor_char_boundary(most);
        let rest = if cut < body.len() { "..." } else { "" };
        body[..cut].lines().chain([rest]).map(visible).collect::<Vec<_>>().join("\n")
    };
    html! {
        details {
            summary { (text.kind.as_str()) " " (visible(&text.name)) " " code { (text.sha256.short()) } }
            @match &text.text {
                Some(body) => { pre tabindex="0" { code { (shown(body)) } } },
                None => { p { "Its text is not kept: the plan is older than texts are, or its messages were removed." } },
            }
        }
    }
}
