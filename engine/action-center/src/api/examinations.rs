//! Examinations of messages that are given as bytes, or that are in a mailbox.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use data_encoding::BASE64;

use super::problems::Problems;
use crate::access::Caller;
use crate::body::Body;
use crate::center::Center;
use crate::idempotency::NotRepeatable;
use crate::json::{ExaminationJson, PickedJson, ToExamineJson};
use crate::message_file::{LARGEST_MESSAGE, message_file};
use crate::problem::Problem;

/// Largest body of such a request: the message in base64, and the JSON around it.
pub(super) const LARGEST_BODY: usize = LARGEST_MESSAGE / 3 * 4 + 1024;

/// Examines a message: its addresses, links, attachments, and a sketch of its words. The first answer is about the
/// message, each further one about a message that is attached to it; of a message in a mailbox, there is one answer.
/// Keeps nothing; the text is read inside the sandbox of a connector.
#[utoipa::path(post, path = "/api/v1/examinations", tag = "site", request_body = ToExamineJson,
    responses((status = 200, body = Vec<ExaminationJson>), Problems))]
pub(crate) async fn examine(
    center: State<Center>,
    caller: Caller,
    Body(given): Body<ToExamineJson>,
) -> Result<Json<Vec<ExaminationJson>>, Problem> {
    let found = match given {
        ToExamineJson { raw: Some(raw), picked: None } => {
            let raw = decoded(&raw)?;
            center.api().examine_raw(&caller.who, center.settings().host.as_deref(), &raw).await?
        }
        ToExamineJson { raw: None, picked: Some(picked) } => {
            vec![center.api().examine_picked(&caller.who, &picked.into()).await?]
        }
        _ => return Err(Problem::bad_request("give either `raw` or `picked`")),
    };
    let simulations = &center.api().site().investigations.simulations;
    Ok(Json(found.into_iter().map(|features| ExaminationJson::new(features, simulations)).collect()))
}

/// Returns a message in a mailbox as it was sent, byte for byte. It is searched for in the mailbox. Requires the role
/// `examiner` and a role that may search, and is recorded as an event of the history; an answer is not kept under an
/// `Idempotency-Key`.
#[utoipa::path(post, path = "/api/v1/messages", tag = "site", request_body = PickedJson,
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), Problems))]
pub(crate) async fn read(
    State(center): State<Center>,
    caller: Caller,
    Body(picked): Body<PickedJson>,
) -> Result<Response, Problem> {
    let raw = center.api().read_picked(&caller.who, &picked.into()).await?;
    let mut response = message_file("message", raw);
    let detail = "the message was given out with the first answer; read it again with another key";
    response.extensions_mut().insert(NotRepeatable(Problem::new(StatusCode::CONFLICT, "told-once", detail)));
    Ok(response)
}

/// The message in a field `raw`.
pub(super) fn decoded(raw: &str) -> Result<Vec<u8>, Problem> {
    let raw =
        BASE64.decode(raw.as_bytes()).map_err(|error| Problem::bad_request(format!("raw is not base64: {error}")))?;
    if raw.len() > LARGEST_MESSAGE {
        return Err(Problem::bad_request(format!("raw: a message has at most {} MiB here", LARGEST_MESSAGE >> 20)));
    }
    Ok(raw)
}
