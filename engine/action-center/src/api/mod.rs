//! The JSON API under `/api/v1`. Each address is in the OpenAPI description that is made from the same code.

mod block_lists;
mod checks;
mod decisions;
mod detail;
mod evidence;
mod examinations;
mod exports;
mod follow_ups;
mod indicators;
mod principals;
mod problems;
mod records;
mod remediations;
mod reports;
mod saved_searches;
mod schedules;
mod site;
mod slowly;
mod stores;
mod sweeps;

use axum::Json;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Info, License, OpenApi as Description};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::center::Center;

pub(crate) use block_lists::get as block_list;
pub(crate) use exports::{export, plan};

#[derive(OpenApi)]
#[openapi(tags(
    (name = "remediations", description = "Submit, look, decide, control, undo"),
    (name = "reports", description = "Messages that people found suspicious"),
    (name = "records", description = "Alerts and investigations"),
    (name = "evidence", description = "Messages that were kept before they were deleted for good"),
    (name = "saved-searches", description = "Conditions of a search under a name, private or shared"),
    (name = "stores", description = "Mail stores and their connectors"),
    (name = "principals", description = "Who may act, and their tokens"),
    (name = "site", description = "Playbooks, schedules, the kill switch, the history's proof"),
))]
struct Base;

/// Every address with its description.
pub(crate) fn router() -> OpenApiRouter<Center> {
    OpenApiRouter::with_openapi(Base::openapi())
        .routes(routes!(remediations::list, remediations::submit))
        .routes(routes!(remediations::preview))
        .routes(routes!(remediations::show))
        .routes(routes!(remediations::messages))
        .routes(routes!(remediations::raw))
        .routes(routes!(remediations::events))
        .routes(routes!(remediations::batches))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(examinations::examine))
                .routes(routes!(reports::list, reports::report))
                .layer(DefaultBodyLimit::max(examinations::LARGEST_BODY)),
        )
        .routes(routes!(examinations::read))
        .routes(routes!(indicators::read))
        .routes(routes!(indicators::sightings))
        .routes(routes!(block_lists::get))
        .routes(routes!(saved_searches::list, saved_searches::save))
        .routes(routes!(saved_searches::show, saved_searches::change, saved_searches::remove))
        .routes(routes!(exports::export))
        .routes(routes!(exports::plan))
        .routes(routes!(exports::text))
        .routes(routes!(decisions::approve))
        .routes(routes!(decisions::reject))
        .routes(routes!(decisions::pause))
        .routes(routes!(decisions::resume))
        .routes(routes!(decisions::cancel))
        .routes(routes!(decisions::replan))
        .routes(routes!(follow_ups::undo))
        .routes(routes!(follow_ups::retry))
        .routes(routes!(follow_ups::suggest))
        .routes(routes!(sweeps::list))
        .routes(routes!(sweeps::stop))
        .routes(routes!(evidence::list))
        .routes(routes!(evidence::get))
        .routes(routes!(evidence::of_message))
        .routes(routes!(evidence::verify))
        .routes(routes!(records::investigations))
        .routes(routes!(records::investigation))
        .routes(routes!(records::alerts))
        .routes(routes!(records::alert))
        .routes(routes!(records::handle))
        .routes(routes!(records::link))
        .routes(routes!(schedules::list))
        .routes(routes!(schedules::slots))
        .routes(routes!(schedules::pause))
        .routes(routes!(schedules::resume))
        .routes(routes!(schedules::run))
        .routes(routes!(site::me))
        .routes(routes!(site::playbooks))
        .routes(routes!(site::playbook))
        .routes(routes!(checks::check))
        .routes(routes!(stores::connectors))
        .routes(routes!(stores::list))
        .routes(routes!(stores::show))
        .routes(routes!(stores::check))
        .routes(routes!(principals::list, principals::add))
        .routes(routes!(principals::roles))
        .routes(routes!(principals::confirm))
        .routes(routes!(principals::password))
        .routes(routes!(principals::token))
        .routes(routes!(principals::take_over))
        .routes(routes!(principals::revoke))
        .routes(routes!(principals::tokens))
        .routes(routes!(site::nodes))
        .routes(routes!(site::settings))
        .routes(routes!(site::halt, site::unhalt, site::halted))
        .routes(routes!(site::verify))
        .routes(routes!(site::refusals))
        .routes(routes!(description))
}

/// The OpenAPI 3.1 description.
pub fn openapi() -> Description {
    let mut description = router().into_openapi();
    let mut info = Info::new("Clawback", "1");
    info.description = Some("Pulls delivered threats back out of mailboxes, and proves what it did.".to_owned());
    info.license = Some(License::new("Apache-2.0"));
    description.info = info;
    let bearer =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("`clawback principals token NAME`"));
    let components = description.components.get_or_insert_default();
    components.add_security_scheme("token", SecurityScheme::Http(bearer.build()));
    description.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    description
}

/// Returns this description. Requires no token.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "site", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(crate) async fn description() -> Response {
    Json(openapi()).into_response()
}
