//! Saved searches: the one that the page Search has open, the form that saves it, and the list of all.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use clawback_model::{
    LONGEST_SAVED_SEARCH_NAME, Permission, SavedSearch, SavedSearchId, SavedSearchTerms, visible_line,
};
use maud::{Markup, html};

use super::fields::{Asked, Fields};
use super::frame::Frame;
use super::query::SAVED;
use super::shown::Shown;
use super::{layout, query};
use crate::access::Caller;
use crate::body::word;
use crate::center::Center;
use crate::design::confirmation::Confirmation;
use crate::design::empty::empty;
use crate::design::icon::Icon;
use crate::design::menu::menu;
use crate::design::pill::{Tone, pill};
use crate::design::table::{Column, Row, Table};
use crate::design::{field, text, toast};
use crate::problem::Problem;

/// The page of all.
const ALL: &str = "/search/saved";
/// The word of the address that says what was done.
const DONE: &str = "done";
/// Saved searches in the menu; the page of all has the others.
const IN_MENU: usize = 20;
const COLUMNS: [Column; 5] = [
    Column::lead("Name"),
    Column::medium("Owner"),
    Column::medium("For"),
    Column::time("Changed"),
    Column::fill("Actions").tall(),
];

/// The saved search that the address names, if any.
#[derive(Debug, Default)]
pub(super) struct Opened {
    saved: Option<SavedSearch>,
    /// Whether the page has other conditions.
    is_changed: bool,
    /// Why it cannot be opened.
    pub(super) problem: Option<Problem>,
}

/// Opens the saved search that the address names. An address without conditions has those of the saved search.
pub(super) async fn open(center: &Center, frame: &Frame, asked: &Fields) -> (Fields, Opened) {
    let unopened = |problem| (asked.clone(), Opened { problem: Some(problem), ..Opened::default() });
    let Some(id) = asked.filled(SAVED) else { return (asked.clone(), Opened::default()) };
    let saved = match loaded(center, frame, id).await {
        Ok(saved) => saved,
        Err(problem) => return unopened(problem),
    };
    if let Some(name) = query::unknown(&saved.terms.conditions) {
        let detail = format!(
            "the saved search has the condition `{}`, for which this page has no field; `clawback submit --saved-search {}` searches for it",
            visible_line(name, 60),
            saved.id,
        );
        return unopened(Problem::bad_request(detail));
    }
    let conditions = Fields::of(saved.terms.conditions.pairs());
    let given = query::conditions(asked);
    if given.is_empty() {
        let whole = Fields::of(conditions.pairs().chain(asked.pairs()));
        return (whole, Opened { saved: Some(saved), ..Opened::default() });
    }
    let is_changed = given != query::conditions(&conditions);
    (asked.clone(), Opened { saved: Some(saved), is_changed, problem: None })
}

async fn loaded(center: &Center, frame: &Frame, id: &str) -> Result<SavedSearch, Problem> {
    let id: SavedSearchId = word(SAVED, id)?;
    Ok(center.api().saved_search(&frame.who, &id).await?)
}

impl Opened {
    /// The title of the page.
    pub(super) fn title(&self) -> String {
        self.saved.as_ref().map_or_else(|| "Search".to_owned(), shown)
    }

    /// The head of the page: the title, what is open, and the menu of all.
    pub(super) fn head(&self, frame: &Frame, all: &[SavedSearch]) -> Markup {
        html! {
            h1 { @if self.saved.is_some() { (text::mail(&self.title())) } @else { (self.title()) } }
            @if let Some(saved) = &self.saved {
                @if self.is_changed { (pill(Tone::Wait, Icon::Warning, "Changed since saved")) }
                span .quiet {
                    "Saved search"
                    @if saved.owner != frame.who.name { " of " (text::mail(&saved.owner)) }
                    @if saved.terms.is_shared { ", shared" }
                }
            }
            @if !all.is_empty() { div .actions { (choice(frame, all)) } }
        }
    }

    /// What was done, and the form that saves the conditions of the page. After a refusal it has what was sent.
    pub(super) fn form(&self, frame: &Frame, asked: &Fields, refused: Option<&Problem>) -> Markup {
        let conditions = query::inputs(asked);
        if conditions.is_empty() {
            return html! {};
        }
        let own = self.saved.as_ref().filter(|saved| saved.owner == frame.who.name);
        let (name, is_shared) = match (refused, own) {
            (Some(_), _) => (asked.get("saved_name").to_owned(), asked.get("is_shared") == "true"),
            (None, Some(own)) => (shown(own), own.terms.is_shared),
            (None, None) => (String::new(), false),
        };
        let said = refused.map(layout::in_words);
        let of_name = refused.and_then(|problem| problem.detail.strip_prefix("name: "));
        html! {
            @if asked.get(DONE) == "saved" { (toast::done("The search is saved.")) }
            details .save open[refused.is_some()] {
                summary { "Save this search" }
                form .form.card method="post" action="/search/save" {
                    (layout::form_token(frame))
                    @for (name, value) in conditions.pairs() { input type="hidden" name=(name) value=(value); }
                    @if let Some(saved) = &self.saved { input type="hidden" name=(SAVED) value=(saved.id); }
                    @if let Some(own) = own { input type="hidden" name="version" value=(own.version); }
                    @if let Some(said) = said.filter(|_| of_name.is_none()) { (toast::problem(said)) }
                    (field::text("saved_name", "Name of the saved search", &name, "Payroll phish, last week", of_name))
                    (field::tick("is_shared", "true", "Shared with everybody who may search", is_shared))
                    div .row {
                        @if own.is_some() {
                            button name="as" value="change" { "Save changes" }
                            button .plain name="as" value="new" { "Save as new" }
                        } @else { button name="as" value="new" { "Save" } }
                    }
                }
            }
        }
    }
}

/// The menu of saved searches: the caller's, then those of others.
fn choice(frame: &Frame, all: &[SavedSearch]) -> Markup {
    let (own, others): (Vec<_>, Vec<_>) = all.iter().partition(|saved| saved.owner == frame.who.name);
    let named: Vec<(String, String)> =
        own.iter().chain(&others).take(IN_MENU).map(|saved| (label(frame, saved), way(saved))).collect();
    let mut links: Vec<(&str, String)> = named.iter().map(|(name, way)| (name.as_str(), way.clone())).collect();
    links.push(("All saved searches", ALL.to_owned()));
    menu("Saved searches", &links)
}

/// Its name, with the owner's if that is somebody else.
fn label(frame: &Frame, saved: &SavedSearch) -> String {
    let name = shown(saved);
    if saved.owner == frame.who.name { name } else { format!("{name} ({})", visible_line(&saved.owner, 60)) }
}

/// Its name. New names have no hidden characters.
fn shown(saved: &SavedSearch) -> String {
    visible_line(&saved.terms.name, LONGEST_SAVED_SEARCH_NAME)
}

/// The address that opens it.
fn way(saved: &SavedSearch) -> String {
    format!("/search?{SAVED}={}", saved.id)
}

/// Saves the conditions of the page, as a new search or over the open one. Returns the address that opens it.
pub(super) async fn save(center: &Center, frame: &Frame, sent: &Fields) -> Result<Response, Problem> {
    let terms = SavedSearchTerms {
        name: sent.get("saved_name").trim().to_owned(),
        is_shared: sent.get("is_shared") == "true",
        conditions: query::inputs(sent),
    };
    let saved = if sent.get("as") == "change" {
        let (id, version) = (word(SAVED, sent.get(SAVED))?, word("version", sent.get("version"))?);
        center.api().change_saved_search(&frame.who, &id, version, &terms).await?
    } else {
        center.api().save_search(&frame.who, &terms).await?
    };
    Ok(Redirect::to(&format!("{}&{DONE}=saved", way(&saved))).into_response())
}

/// The page of all that the caller may open.
pub(crate) async fn list(State(center): State<Center>, caller: Caller, Asked(asked): Asked) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let all = center.api().saved_searches(&frame.who).await?;
    let rows: Vec<Row> = all.iter().map(|saved| row(&frame, saved)).collect();
    let nothing = empty(
        Icon::Search,
        "No search is saved",
        html! { a href="/search" { "Search for messages" } ", and save the conditions under a name." },
    );
    let body = html! {
        @match asked.get(DONE) {
            "removed" => (toast::done("The saved search is removed.")),
            "changed" => (toast::done("The saved search is changed.")),
            _ => {}
        }
        (Table::new("Saved searches", &COLUMNS, rows).or(nothing))
    };
    Ok(layout::page(&frame, "/search", "Saved searches", &body))
}

fn row(frame: &Frame, saved: &SavedSearch) -> Row {
    let (is_own, name) = (saved.owner == frame.who.name, text::cell(&saved.terms.name));
    let spoken = shown(saved);
    Row::of([
        html! { a href=(way(saved)) { (name) } },
        text::cell(&saved.owner),
        html! { @if saved.terms.is_shared { "Everybody" } @else { "Only you" } },
        text::time(saved.changed_at),
        html! { @if is_own || frame.may(Permission::Administer) {
            @if is_own { details { summary aria-label={ "Rename or share " (spoken) } { "Rename or share" }
                form .form method="post" action="/search/saved/change" {
                    (layout::form_token(frame))
                    input type="hidden" name=(SAVED) value=(saved.id);
                    input type="hidden" name="version" value=(saved.version);
                    label { "Name" input type="text" name="saved_name" value=(spoken) required
                        maxlength=(LONGEST_SAVED_SEARCH_NAME) autocomplete="off"; }
                    (field::tick("is_shared", "true", "Shared with everybody who may search", saved.terms.is_shared))
                    div .row { button .plain aria-label={ "Change " (spoken) } { "Change" } }
                }
            } }
            form .inline method="post" action="/search/saved/remove" {
                (layout::form_token(frame))
                input type="hidden" name=(SAVED) value=(saved.id);
                button .plain.small aria-label={ "Remove " (spoken) } { "Remove" }
            }
        } },
    ])
}

/// Renames a saved search, and shares it or makes it private.
pub(crate) async fn change(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    let id: SavedSearchId = word(SAVED, fields.get(SAVED))?;
    let known = center.api().saved_search(&caller.who, &id).await?;
    let terms = SavedSearchTerms {
        name: fields.get("saved_name").trim().to_owned(),
        is_shared: fields.get("is_shared") == "true",
        conditions: known.terms.conditions,
    };
    let version = word("version", fields.get("version"))?;
    center.api().change_saved_search(&caller.who, &id, version, &terms).await?;
    Ok(Redirect::to(&format!("{ALL}?{DONE}=changed")).into_response())
}

/// Removes a saved search, once it is confirmed.
pub(crate) async fn remove(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    let id: SavedSearchId = word(SAVED, fields.get(SAVED))?;
    if fields.is_confirmed() {
        center.api().remove_saved_search(&caller.who, &id).await?;
        return Ok(Redirect::to(&format!("{ALL}?{DONE}=removed")).into_response());
    }
    let frame = Frame::load(&center, caller).await?;
    let saved = center.api().saved_search(&frame.who, &id).await?;
    let facts = html! {
        p { "The saved search " strong { (text::mail(&saved.terms.name)) } " of " (text::mail(&saved.owner)) " is removed."
            @if saved.terms.is_shared { " It is shared: nobody can open it any more." } }
        p .quiet { "Remediations that were submitted with it stay as they are." }
    };
    let fields = fields.pairs().collect();
    let (label, address, back) = ("Remove saved search", "/search/saved/remove", ALL);
    let body = Confirmation { address, fields, facts, label, is_danger: true, back };
    Ok(layout::page(&frame, "/search", "Remove the saved search?", &html! { (body) }))
}
