//! The alerts of an investigation: its own, and those of the remediations that follow from it.

use clawback_model::{Alert, InvestigationStatus, Remediation};
use maud::{Markup, html};

use super::super::layout;
use super::found::Found;
use super::handled;
use crate::center::Center;
use crate::design::table::{Column, Row, Table};
use crate::design::words::classified;
use crate::design::{pill, text};
use crate::problem::Problem;

const COLUMNS: [Column; 10] = [
    Column::lead("Alert"),
    Column::short("State"),
    Column::short("Owner"),
    Column::medium("Classification").at_1240(),
    Column::short("Severity").at_720(),
    Column::short("Actor").at_1240(),
    Column::medium("Action").at_1240(),
    Column::fill("Remediation").at_960(),
    Column::medium("Investigation"),
    Column::time("Raised").at_960(),
];

/// The tab.
pub(super) async fn tab(center: &Center, found: &Found) -> Result<Markup, Problem> {
    let others: Vec<Remediation> = found.followers.iter().map(|(_, remediation)| remediation.clone()).collect();
    let alerts = center.site().history.alerts_of(&others).await?;
    let rows: Vec<Row> = std::iter::once((&found.alert, &found.remediation))
        .chain(alerts.iter().zip(&others))
        .map(|(alert, remediation)| row(alert, remediation))
        .collect();
    Ok(html! {
        (Table::new("Alerts", &COLUMNS, rows))
        (handled::recorded(center, found).await?)
    })
}

fn row(alert: &Alert, remediation: &Remediation) -> Row {
    let status = InvestigationStatus::of(remediation);
    Row::of([
        html! { (text::cell(&alert.name)) " " code .quiet { (alert.id) } },
        pill::alert(remediation.alert.state),
        text::cell(remediation.alert.owner.as_deref().unwrap_or_default()),
        html! { (classified(&remediation.alert)) },
        pill::severity(alert.severity),
        text::cell(&alert.actor),
        pill::action(alert.action),
        layout::link(remediation),
        html! { a href={ "/investigations/" (alert.investigation_id) } { (pill::investigation(status)) } },
        text::time(alert.created_at),
    ])
}
