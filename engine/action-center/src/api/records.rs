//! The alert and the investigation of each remediation.

use axum::Json;
use axum::extract::{Path, State};
use clawback_model::{AlertId, Incident, InvestigationId};

use super::problems::Problems;
use crate::access::Caller;
use crate::body::{Body, Params, stated, word};
use crate::center::Center;
use crate::json::{AlertJson, HandlingJson, IncidentJson, InvestigationJson, Page};
use crate::lookup::HistoryQuery;
use crate::problem::Problem;

/// Lists investigations by the filters of the history, newest first.
#[utoipa::path(get, path = "/api/v1/investigations", tag = "records", params(HistoryQuery),
    responses((status = 200, body = Page<InvestigationJson>), Problems))]
pub(crate) async fn investigations(
    State(center): State<Center>,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<Page<InvestigationJson>>, Problem> {
    let (remediations, next) = query.page(&center).await?;
    let records = center.site().history.investigations_of(&remediations).await?;
    let (pairs, url) = (records.iter().zip(&remediations), center.site().public_url.as_ref());
    Ok(Json(Page { items: pairs.map(|(record, of)| InvestigationJson::new(record, of, url)).collect(), next }))
}

/// Returns one investigation.
#[utoipa::path(get, path = "/api/v1/investigations/{id}", tag = "records", params(("id" = String, Path)),
    responses((status = 200, body = InvestigationJson), Problems))]
pub(crate) async fn investigation(
    State(center): State<Center>,
    Path(id): Path<String>,
) -> Result<Json<InvestigationJson>, Problem> {
    let history = &center.site().history;
    let record = history.investigation(&word::<InvestigationId>("id", &id)?).await?;
    let remediation = history.load(&record.remediation_id).await?;
    Ok(Json(InvestigationJson::new(&record, &remediation, center.site().public_url.as_ref())))
}

/// Lists alerts by the filters of the history, newest first.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "records", params(HistoryQuery),
    responses((status = 200, body = Page<AlertJson>), Problems))]
pub(crate) async fn alerts(
    State(center): State<Center>,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<Page<AlertJson>>, Problem> {
    let (remediations, next) = query.page(&center).await?;
    let records = center.site().history.alerts_of(&remediations).await?;
    let (pairs, url) = (records.iter().zip(&remediations), center.site().public_url.as_ref());
    Ok(Json(Page { items: pairs.map(|(record, of)| AlertJson::new(record, of, url)).collect(), next }))
}

/// Returns one alert.
#[utoipa::path(get, path = "/api/v1/alerts/{id}", tag = "records", params(("id" = String, Path)),
    responses((status = 200, body = AlertJson), Problems))]
pub(crate) async fn alert(State(center): State<Center>, Path(id): Path<String>) -> Result<Json<AlertJson>, Problem> {
    let history = &center.site().history;
    let record = history.alert(&word::<AlertId>("id", &id)?).await?;
    let remediation = history.load(&record.remediation_id).await?;
    Ok(Json(AlertJson::new(&record, &remediation, center.site().public_url.as_ref())))
}

/// Records how far people are with an alert, who looks after it, and what they found, in place of what was recorded
/// before.
#[utoipa::path(put, path = "/api/v1/alerts/{id}/handling", tag = "records", params(("id" = String, Path)),
    request_body = HandlingJson, responses((status = 200, body = AlertJson), Problems))]
pub(crate) async fn handle(
    State(center): State<Center>,
    Path(id): Path<String>,
    caller: Caller,
    Body(handling): Body<HandlingJson>,
) -> Result<Json<AlertJson>, Problem> {
    let record = center.site().history.alert(&word::<AlertId>("id", &id)?).await?;
    let seen = stated("handling_version", handling.handling_version.as_deref())?;
    let handled = center.api().handle_alert(&caller.who, &record.remediation_id, handling.handling(), seen).await?;
    Ok(Json(AlertJson::new(&record, &handled, center.site().public_url.as_ref())))
}

/// Records the incident of the site's ticket system that an investigation belongs to.
#[utoipa::path(put, path = "/api/v1/investigations/{id}/incident", tag = "records", params(("id" = String, Path)),
    request_body = IncidentJson, responses((status = 200, body = InvestigationJson), Problems))]
pub(crate) async fn link(
    State(center): State<Center>,
    Path(id): Path<String>,
    caller: Caller,
    Body(incident): Body<IncidentJson>,
) -> Result<Json<InvestigationJson>, Problem> {
    let record = center.site().history.investigation(&word::<InvestigationId>("id", &id)?).await?;
    let incident: Option<Incident> = stated("incident", incident.incident.as_deref())?;
    let linked = center.api().link_incident(&caller.who, &record.remediation_id, incident).await?;
    Ok(Json(InvestigationJson::new(&record, &linked, center.site().public_url.as_ref())))
}
