//! Principals, their roles, passwords and tokens.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::problems::Problems;
use crate::access::Caller;
use crate::attempts::{Trier, check};
use crate::body::Body;
use crate::center::Center;
use crate::idempotency::NotRepeatable;
use crate::json::{
    MadeTokenJson, PasswordJson, PrincipalJson, RevocationJson, RolesJson, TakeOverJson, TokenJson, TokenOrderJson,
};
use crate::password::{differs, hashed};
use crate::problem::Problem;

/// Lists all principals, by name.
#[utoipa::path(get, path = "/api/v1/principals", tag = "principals",
    responses((status = 200, body = Vec<PrincipalJson>), Problems))]
pub(crate) async fn list(center: State<Center>, caller: Caller) -> Result<Json<Vec<PrincipalJson>>, Problem> {
    let found = center.api().principals(&caller.who).await?;
    Ok(Json(found.into_iter().map(PrincipalJson::from).collect()))
}

/// Adds a person, or a service with the person who owns it. Neither can do anything before they have a token or a
/// password.
#[utoipa::path(post, path = "/api/v1/principals", tag = "principals", request_body = PrincipalJson,
    responses((status = 201, body = PrincipalJson), Problems))]
pub(crate) async fn add(
    center: State<Center>,
    caller: Caller,
    Body(body): Body<PrincipalJson>,
) -> Result<Response, Problem> {
    let added = center.api().add_principal(&caller.who, body.into()).await?;
    Ok((StatusCode::CREATED, Json(PrincipalJson::from(added))).into_response())
}

/// Replaces the roles of a principal. Once there are two administrators, giving approver or admin, and taking admin,
/// waits for a second one.
#[utoipa::path(put, path = "/api/v1/principals/{name}/roles", tag = "principals", request_body = RolesJson,
    params(("name" = String, Path)),
    responses((status = 204, description = "The roles are set."),
        (status = 202, description = "Some wait for another administrator."), Problems))]
pub(crate) async fn roles(
    center: State<Center>,
    name: Path<String>,
    caller: Caller,
    Body(body): Body<RolesJson>,
) -> Result<StatusCode, Problem> {
    let pending = center.api().change_roles(&caller.who, &name, body.roles).await?;
    Ok(if pending.is_some() { StatusCode::ACCEPTED } else { StatusCode::NO_CONTENT })
}

/// Confirms roles that another administrator asked for.
#[utoipa::path(post, path = "/api/v1/principals/{name}/roles/confirm", tag = "principals",
    params(("name" = String, Path)), responses((status = 204), Problems))]
pub(crate) async fn confirm(center: State<Center>, name: Path<String>, caller: Caller) -> Result<StatusCode, Problem> {
    center.api().confirm_roles(&caller.who, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sets the password of a principal and ends their sessions. For administrators; people change their own on the page.
#[utoipa::path(put, path = "/api/v1/principals/{name}/password", tag = "principals", request_body = PasswordJson,
    params(("name" = String, Path)), responses((status = 204), Problems))]
pub(crate) async fn password(
    center: State<Center>,
    name: Path<String>,
    caller: Caller,
    Body(body): Body<PasswordJson>,
) -> Result<StatusCode, Problem> {
    center.api().may_administer(&caller.who)?;
    let hash = hashed(&center.passwords().known, body.password).await?;
    center.api().set_password(&caller.who, &name, &hash).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists tokens without their secrets: all of them for administrators, their own for everybody else.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "principals",
    responses((status = 200, body = Vec<TokenJson>), Problems))]
pub(crate) async fn tokens(center: State<Center>, caller: Caller) -> Result<Json<Vec<TokenJson>>, Problem> {
    let found = center.api().tokens(&caller.who).await?;
    Ok(Json(found.into_iter().map(TokenJson::from).collect()))
}

/// Makes a token: anybody for themselves, administrators for anybody. A token that somebody else made casts no vote.
/// The secret is in this answer only: the same request under the same key is refused.
#[utoipa::path(post, path = "/api/v1/principals/{name}/tokens", tag = "principals", request_body = TokenOrderJson,
    params(("name" = String, Path)), responses((status = 201, body = MadeTokenJson), Problems))]
pub(crate) async fn token(
    center: State<Center>,
    name: Path<String>,
    caller: Caller,
    Body(body): Body<TokenOrderJson>,
) -> Result<Response, Problem> {
    let made = center.api().make_token(&caller.who, &name, body.into()).await?;
    let said = format!(
        "the first request with this key made the token `{}`, and its secret was in the answer to that alone; revoke it, \
         and ask for another under another key",
        made.label
    );
    let mut response = (StatusCode::CREATED, Json(MadeTokenJson::from(&made))).into_response();
    response.extensions_mut().insert(NotRepeatable(Problem::new(StatusCode::CONFLICT, "told-once", said)));
    Ok(response)
}

/// Changes the caller's own password, and makes a first token. Both are then issued by their owner, and cast votes.
/// Requires the password that somebody else set, so that a token alone, which its issuer may have kept, does not take
/// over the account.
#[utoipa::path(put, path = "/api/v1/take-over", tag = "principals", request_body = TakeOverJson,
    responses((status = 200, body = MadeTokenJson),
        (status = 429, body = Problem, content_type = "application/problem+json", description = "Too many wrong passwords."),
        Problems))]
pub(crate) async fn take_over(
    center: State<Center>,
    caller: Caller,
    Body(body): Body<TakeOverJson>,
) -> Result<Json<MadeTokenJson>, Problem> {
    let name = &caller.who.name;
    // The caller has shown that the name is theirs, so the answer may say this much of its account.
    if center.site().history.account(name).await?.is_none() {
        let detail = format!(
            "{name} has no password yet; ask an administrator for a first one (`clawback principals password {name}`)"
        );
        return Err(Problem::new(StatusCode::CONFLICT, "no-password", detail));
    }
    check(&center, name, &body.password, &Trier::SignedIn).await?;
    differs(&body.password, &body.new_password)?;
    let hash = hashed(&center.passwords().known, body.new_password).await?;
    let made = center.api().take_over(&caller.who, &hash, body.token.into()).await?;
    Ok(Json(MadeTokenJson::from(&made)))
}

/// Revokes a token, at once and for good. Anybody may revoke their own, but not with a token of less than all their
/// roles.
#[utoipa::path(post, path = "/api/v1/principals/{name}/revoke", tag = "principals", request_body = RevocationJson,
    params(("name" = String, Path)), responses((status = 204), Problems))]
pub(crate) async fn revoke(
    center: State<Center>,
    name: Path<String>,
    caller: Caller,
    Body(body): Body<RevocationJson>,
) -> Result<StatusCode, Problem> {
    center.api().revoke_token(&caller.who, &name, &body.label).await?;
    Ok(StatusCode::NO_CONTENT)
}
