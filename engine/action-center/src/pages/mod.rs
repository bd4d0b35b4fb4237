//! The pages, one file for each: what it shows, its handler, its forms. Every form is a POST that ends in a redirect,
//! so that reloading a page sends nothing twice, and works without a script. Three show a page instead: reading a
//! message, which is recorded as an event each time; a new token, whose secret is shown once; and a sign-in that brings
//! a form back.

mod alerts;
mod assets;
mod audit;
mod block_lists;
mod check;
mod checkpoints;
mod clusters;
mod connectors;
mod csv_file;
mod design;
mod documentation;
mod events;
mod evidence;
mod fields;
mod findings;
mod first_steps;
mod frame;
mod help;
mod history;
mod inputs;
mod investigation;
mod investigations;
mod layout;
mod listing;
mod message;
mod mistakes;
mod narrowed;
mod over_time;
mod paging;
mod passkey;
mod pasted;
mod pending;
mod people;
mod playbooks;
mod query;
mod remediation;
mod reports;
mod results_csv;
mod saved_searches;
mod schedules;
mod search;
mod searching;
mod settings;
mod shown;
mod sign_in;
mod slots;
mod start;
mod sweeps;
mod terms;
mod unsent;
mod upload;
mod views;
mod vote;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::Redirect;
use axum::routing::{get, post};

use crate::center::Center;

pub(crate) use shown::{error_page, in_frame};
pub(crate) use sign_in::unsent_form;

/// Every page.
pub(crate) fn router() -> Router<Center> {
    Router::new()
        .route("/", get(async || Redirect::to("/pending")))
        .route("/sign-in", get(sign_in::page).post(sign_in::submit).layer(DefaultBodyLimit::max(sign_in::LARGEST_FORM)))
        .route("/sign-in/oidc", get(sign_in::to_provider))
        .route(crate::oidc::RETURN, get(sign_in::from_provider))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/search", get(search::page))
        .route("/search.csv", get(results_csv::csv))
        .route("/search/again", get(searching::again))
        .route("/search/cancel", post(searching::cancel))
        .route("/search/submit", post(search::submit))
        .route("/search/save", post(search::save))
        .route("/search/saved", get(saved_searches::list))
        .route("/search/saved/change", post(saved_searches::change))
        .route("/search/saved/remove", post(saved_searches::remove))
        .route("/search/message", post(message::read_found))
        .route("/search/investigate", post(search::investigate))
        .route("/search/file", post(upload::investigate).layer(DefaultBodyLimit::max(crate::forms::LARGEST_FILE_FORM)))
        .route("/pending", get(pending::page).post(pending::decide))
        .route("/passkey", get(passkey::page))
        .route("/history", get(history::page))
        .route("/history.csv", get(history::csv))
        .route("/remediations/{id}", get(remediation::page))
        .route("/remediations/{id}/clusters", get(clusters::page))
        .route("/remediations/{id}/messages.csv", get(remediation::messages_csv))
        .route("/remediations/{id}/messages/{seq}", post(message::read))
        .route("/remediations/{id}/{verb}", post(remediation::act))
        .route("/investigations", get(investigations::list))
        .route("/investigations/{id}", get(investigation::page))
        .route("/investigations/{id}/{verb}", post(investigation::record))
        .route("/reports", get(reports::list))
        .route("/alerts", get(alerts::list))
        .route("/alerts.csv", get(alerts::csv))
        .route("/schedules", get(schedules::page))
        .route("/schedules/{name}", get(slots::page))
        .route("/schedules/{name}/{verb}", post(schedules::act))
        .route("/playbooks", get(playbooks::list))
        .route("/playbooks/{name}", get(playbooks::page))
        .route("/playbooks/{name}/start", post(playbooks::start))
        .route("/playbook-check", get(check::page).post(check::check))
        .route("/connectors", get(connectors::page).post(connectors::check))
        .route("/people", get(people::page).post(people::add))
        .route("/people/roles", post(people::change))
        .route("/people/tokens", post(people::make_token))
        .route("/people/confirm", post(people::confirm))
        .route("/people/revoke", post(people::revoke))
        .route("/people/password", post(people::change_password))
        .route("/people/first-password", post(people::set_password))
        .route("/block-lists", get(block_lists::page))
        .route("/evidence", get(evidence::page).post(evidence::verify))
        .route("/evidence/message", post(evidence::message))
        .route("/audit", get(audit::page).post(audit::verify))
        .route("/audit/events.csv", get(events::csv))
        .route("/audit/checkpoint.txt", get(checkpoints::file))
        .route("/halt", post(audit::halt))
        .route("/settings", get(settings::page))
        .route("/first-steps", get(first_steps::page))
        .route("/help", get(help::page))
        .route("/help/{name}", get(documentation::page))
        .route("/design", get(design::page))
        .route("/assets/{name}", get(assets::asset))
}
