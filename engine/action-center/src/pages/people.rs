//! People: the principals with their roles and tokens. All callers see whom to ask; administrators change them.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use clawback_app::TokenOrder;
use clawback_model::{PendingRoles, Permission, Principal, PrincipalKind, Role, is_deceptive};
use clawback_store::Token;
use maud::{Markup, html};

use super::fields::Fields;
use super::frame::Frame;
use super::layout;
use super::shown::Shown;
use crate::access::Caller;
use crate::attempts::{Trier, check};
use crate::body::{optional, word};
use crate::center::Center;
use crate::design::table::{Column, Row, Table};
use crate::design::{field, text};
use crate::password;
use crate::problem::Problem;

const TAB: &str = "/people";
const COLUMNS: [Column; 4] =
    [Column::lead("Name"), Column::short("Kind"), Column::medium("Owner"), Column::fill("Roles").tall()];
const TOKENS: [Column; 7] = [
    Column::medium("Owner"),
    Column::lead("Label"),
    Column::time("Created"),
    Column::short("By").at_960(),
    Column::time("Expires"),
    Column::medium("Roles"),
    Column::long("State").tall(),
];

pub(crate) async fn page(State(center): State<Center>, caller: Caller) -> Shown {
    let frame = Frame::load(&center, caller).await?;
    let people = center.api().principals(&frame.who).await?;
    let tokens = center.api().tokens(&frame.who).await?;
    let administers = frame.may(Permission::Administer);
    let rows: Vec<Row> = people.iter().map(|one| person(&frame, one, administers)).collect();
    let now = center.now();
    let listed: Vec<Row> =
        tokens.iter().map(|one| token(&frame, one, one.expires_at.is_some_and(|at| at <= now))).collect();
    let body = html! {
        (Table::new("People", &COLUMNS, rows))
        @if administers { (adding(&frame, &people)) (first_password(&frame, &people)) }
        h2 { @if administers { "Tokens" } @else { "Your tokens" } }
        (Table::new("Tokens", &TOKENS, listed).or("No token."))
        (making(&frame, if administers { &people } else { std::slice::from_ref(&frame.who) }))
        @if center.site().history.account(&frame.who.name).await?.is_some() { (own_password(&frame)) }
    };
    Ok(layout::page(&frame, TAB, "People", &body))
}

fn person(frame: &Frame, one: &Principal, administers: bool) -> Row {
    Row::of([
        text::cell(&one.name),
        html! { (one.kind.as_str()) },
        html! { @if let Some(owner) = &one.owner { (text::cell(owner)) } },
        html! { (words(&one.roles))
        @if let Some(pending) = &one.pending { (waiting(frame, one, pending)) }
        @if administers && reads_as_it_is(&one.name) { details { summary aria-label={ "Change the roles of " (one.name) } { "Change" }
            form method="post" action="/people/roles" {
                (layout::form_token(frame))
                input type="hidden" name="name" value=(one.name);
                fieldset { legend { "Roles of " (one.name) } (boxes(&one.roles)) }
                div .row { button .plain aria-label={ "Change the roles of " (one.name) } { "Change the roles" } }
            }
        } } },
    ])
}

/// Roles that wait, with a button for the administrators who may confirm them.
fn waiting(frame: &Frame, one: &Principal, pending: &PendingRoles) -> Markup {
    let may = frame.may(Permission::Administer) && frame.who.name != pending.asked_by && reads_as_it_is(&one.name);
    html! { p .note {
        "Pending: " (words(&pending.roles)) ", asked for by " (text::mail(&pending.asked_by))
        ". Another administrator, who knows that this is the person, confirms it. "
        @if may { form .inline method="post" action="/people/confirm" {
            (layout::form_token(frame))
            input type="hidden" name="name" value=(one.name);
            button .plain aria-label={ "Confirm the roles of " (one.name) } { "Confirm" }
        } }
    } }
}

fn token(frame: &Frame, one: &Token, is_over: bool) -> Row {
    let may = frame.may(Permission::Administer) || frame.who.name == one.principal;
    let may = may && reads_as_it_is(&one.principal) && reads_as_it_is(&one.label);
    Row::of([
        text::cell(&one.principal),
        text::cell(&one.label),
        text::time(one.created_at),
        text::cell(&one.issued_by),
        html! { @match one.expires_at { Some(at) => (text::time(at)), None => "Never" } },
        html! { @match &one.scope { Some(roles) => (words(roles)), None => "All roles" } },
        html! { @match (one.revoked_at, is_over) {
            (Some(at), _) => { "Revoked " (text::time(at)) }
            (None, true) => "Expired",
            (None, false) => {
                "Active "
                @if may { form .inline method="post" action="/people/revoke" {
                    (layout::form_token(frame))
                    input type="hidden" name="name" value=(one.principal);
                    input type="hidden" name="label" value=(one.label);
                    button .plain aria-label={ "Revoke " (one.label) " of " (one.principal) } { "Revoke" }
                } }
            }
        } },
    ])
}

fn adding(frame: &Frame, people: &[Principal]) -> Markup {
    let owners: Vec<&str> = people
        .iter()
        .filter(|one| one.kind == PrincipalKind::Person && reads_as_it_is(&one.name))
        .map(|one| one.name.as_str())
        .collect();
    html! { form .form.card method="post" action="/people" {
        (layout::form_token(frame))
        fieldset {
            legend { "Add user" }
            label { "Name" input type="text" name="name" required maxlength="200" autocomplete="off"; }
            (field::choice("kind", "Kind", None, &PrincipalKind::ALL.map(PrincipalKind::as_str), "person"))
            (field::choice_as_is("owner", "Owner of a service", Some("Nobody"), &owners, ""))
            fieldset { legend { "Roles" } (boxes(&[])) }
            div .row { button { "Add" } }
        }
    } }
}

fn making(frame: &Frame, people: &[Principal]) -> Markup {
    let names: Vec<&str> = people.iter().map(|one| one.name.as_str()).filter(|name| reads_as_it_is(name)).collect();
    html! { form .form.card method="post" action="/people/tokens" {
        (layout::form_token(frame))
        fieldset {
            legend { "Make a token" }
            p { "Only a token that its owner made can vote. With one that you make for somebody else they cannot, until they have made one themselves." }
            (field::choice_as_is("name", "Owner", None, &names, ""))
            label { "Label" input type="text" name="label" required maxlength="200" placeholder="what it is for" autocomplete="off"; }
            label { "Expires in (days)" input type="number" name="days" min="1" max="3650" placeholder="never"; }
            fieldset { legend { "Limit to roles (none ticked: all of its owner's)" } (boxes(&[])) }
            div .row { button { "Make a token" } }
        }
    } }
}

/// The form for the password of somebody else.
fn first_password(frame: &Frame, people: &[Principal]) -> Markup {
    let others: Vec<&str> = people
        .iter()
        .filter(|one| one.kind == PrincipalKind::Person && reads_as_it_is(&one.name) && one.name != frame.who.name)
        .map(|one| one.name.as_str())
        .collect();
    if others.is_empty() {
        return html! {};
    }
    html! { form .form.card method="post" action="/people/first-password" {
        (layout::form_token(frame))
        fieldset {
            legend { "Set a password (signs the user out)" }
            p { "For a new user, or one who forgot theirs. Tell it to them by another way than mail. They cannot vote until they have changed it." }
            (field::choice_as_is("name", "User", None, &others, ""))
            label { "Password (15 characters or more)"
                input type="password" name="password" required minlength="15" autocomplete="new-password"; }
            div .row { button { "Set the password" } }
        }
    } }
}

fn own_password(frame: &Frame) -> Markup {
    html! { h2 { "Your password" } form .form.card method="post" action="/people/password" {
        (layout::form_token(frame))
        fieldset {
            legend { "Change password (signs you out)" }
            label { "Current password" input type="password" name="current" required autocomplete="current-password"; }
            label { "New password (15 characters or more)"
                input type="password" name="password" required minlength="15" autocomplete="new-password"; }
            div .row { button { "Change the password" } }
        }
    } }
}

/// Whether a name contains no hidden characters. Names from an identity provider may; forms do not repeat those, and
/// the command line handles them.
fn reads_as_it_is(name: &str) -> bool {
    !name.chars().any(is_deceptive)
}

fn boxes(held: &[Role]) -> Markup {
    html! { div .row { @for role in Role::ALL {
        label .box { input type="checkbox" name="role" value=(role.as_str()) checked[held.contains(&role)]; (role.as_str()) }
    } } }
}

fn words(roles: &[Role]) -> String {
    match roles {
        [] => "none".to_owned(),
        roles => roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", "),
    }
}

fn roles(fields: &Fields) -> Result<Vec<Role>, Problem> {
    fields.all("role").map(|role| word("role", role)).collect()
}

pub(crate) async fn add(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    let kind = PrincipalKind::ALL.into_iter().find(|kind| kind.as_str() == fields.get("kind"));
    let kind = kind.ok_or_else(|| Problem::bad_request("kind: a person, or a service?"))?;
    let owner = fields.filled("owner").map(str::to_owned);
    let new = Principal { owner, ..Principal::new(fields.get("name").trim(), kind, roles(&fields)?) };
    center.api().add_principal(&caller.who, new).await?;
    Ok(Redirect::to(TAB).into_response())
}

pub(crate) async fn change(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    center.api().change_roles(&caller.who, fields.get("name"), roles(&fields)?).await?;
    Ok(Redirect::to(TAB).into_response())
}

pub(crate) async fn confirm(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    center.api().confirm_roles(&caller.who, fields.get("name")).await?;
    Ok(Redirect::to(TAB).into_response())
}

pub(crate) async fn revoke(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    center.api().revoke_token(&caller.who, fields.get("name"), fields.get("label")).await?;
    Ok(Redirect::to(TAB).into_response())
}

pub(crate) async fn set_password(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    center.api().may_administer(&caller.who)?;
    let hash = password::hashed(&center.passwords().known, fields.get("password").to_owned()).await?;
    center.api().set_password(&caller.who, fields.get("name"), &hash).await?;
    Ok(Redirect::to(TAB).into_response())
}

/// Requires the current password, so that somebody who finds a session open cannot take over the account.
pub(crate) async fn change_password(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    check(&center, &caller.who.name, fields.get("current"), &Trier::SignedIn).await?;
    password::differs(fields.get("current"), fields.get("password"))?;
    let hash = password::hashed(&center.passwords().known, fields.get("password").to_owned()).await?;
    center.api().set_own_password(&caller.who, &hash).await?;
    Ok(Redirect::to("/sign-in").into_response())
}

/// The only form of this page that answers with a page: a secret must not be in an address, and is shown once. A label
/// is required, so that the same form sent again is refused.
pub(crate) async fn make_token(State(center): State<Center>, caller: Caller, fields: Fields) -> Shown {
    if fields.filled("label").is_none() {
        return Err(Problem::bad_request("label: what is the token for?").into());
    }
    let order = TokenOrder {
        label: fields.get("label").trim().to_owned(),
        days: optional("days", fields.filled("days"))?,
        roles: roles(&fields)?,
    };
    let made = center.api().make_token(&caller.who, fields.get("name"), order).await?;
    let frame = Frame::load(&center, caller).await?;
    let body = html! {
        p .note role="status" {
            "Token " strong { (text::mail(&made.label)) } " of " (text::mail(fields.get("name"))) ". Keep it now: it is shown "
            "only this once, and the database keeps only its digest."
        }
        pre tabindex="0" role="region" aria-label="The token" { code { (made.secret.reveal()) } }
        p { a href=(TAB) { "All principals" } }
    };
    Ok(layout::page(&frame, TAB, "A new token", &body))
}
