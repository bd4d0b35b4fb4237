//! `$batch`: at most twenty requests, each with an answer of its own, in any order.

use data_encoding::BASE64;
use serde_json::{Map, Value, json};

use super::app::Right;
use super::request::{Answer, Body, Request};
use super::routes;
use super::site::Site;
use super::traffic::AT_ONCE;

/// The most parts.
const MOST: usize = 20;

fn refuse(message: &str) -> Answer {
    Answer::error(400, "BadRequest", message)
}

/// Reads the parts: their ids, requests, and the ids on which they depend.
pub(super) fn parts(body: &Value) -> Result<Vec<(String, Request, Vec<String>)>, Answer> {
    let requests = body["requests"].as_array().ok_or_else(|| refuse("Invalid batch payload format."))?;
    if requests.is_empty() || requests.len() > MOST {
        return Err(refuse("Number of batch request steps exceeds the maximum value of 20."));
    }
    let mut parts: Vec<(String, Request, Vec<String>)> = Vec::new();
    for part in requests {
        let text =
            |key: &str| part[key].as_str().map(str::to_owned).ok_or_else(|| refuse("Invalid batch payload format."));
        let (id, method, url) = (text("id")?, text("method")?, text("url")?);
        if parts.iter().any(|(known, ..)| *known == id) {
            return Err(refuse("The ids of requests in a batch must be unique."));
        }
        let empty = Map::new();
        let headers = part["headers"].as_object().unwrap_or(&empty).iter();
        let headers: Vec<_> =
            headers.map(|(name, value)| (name.to_lowercase(), value.as_str().unwrap_or_default().to_owned())).collect();
        let body = part.get("body").cloned();
        let is_json = headers.iter().any(|(name, value)| name == "content-type" && value.contains("application/json"));
        if body.is_some() && !is_json {
            return Err(refuse("A request with a body needs the header Content-Type."));
        }
        let request = Request::new(&method, &format!("/v1.0{url}"), headers, body);
        let request = request.filter(|_| url.starts_with('/')).ok_or_else(|| refuse("Invalid URL in a batch."))?;
        let depends = part["dependsOn"].as_array().into_iter().flatten();
        let depends = depends.filter_map(|id| id.as_str().map(str::to_owned)).collect();
        parts.push((id, request, depends));
    }
    Ok(parts)
}

/// Returns how many parts run at once in each mailbox.
pub(super) fn load(parts: &[(String, Request, Vec<String>)]) -> Vec<(String, usize)> {
    let mut load: Vec<(String, usize)> = Vec::new();
    for user in parts.iter().filter_map(|(_, request, _)| request.user()) {
        match load.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(user)) {
            Some((_, count)) => *count = (*count + 1).min(AT_ONCE),
            None => load.push((user.to_owned(), 1)),
        }
    }
    load
}

/// Answers all parts. Those of mailboxes in `busy` are throttled, and all are refused if the token is.
pub(super) fn answer(
    site: &mut Site,
    rights: &[Right],
    parts: Vec<(String, Request, Vec<String>)>,
    busy: &[String],
    is_refused: bool,
) -> Answer {
    let mut answers: Vec<(String, Answer)> = Vec::new();
    for (id, request, depends) in parts {
        let has_failed =
            |depend: &String| answers.iter().any(|(known, answer)| known == depend && answer.status >= 400);
        let answer = if is_refused {
            Answer::unauthorized()
        } else if depends.iter().any(has_failed) {
            Answer::error(424, "FailedDependency", "A request on which this one depends has failed.")
        } else {
            one(site, rights, &request, busy)
        };
        answers.push((id, answer));
    }
    // The order of answers is not that of the requests.
    for at in (1..answers.len()).rev() {
        let other = usize::try_from(site.random() % (at as u64 + 1)).unwrap_or(0);
        answers.swap(at, other);
    }
    let responses: Vec<Value> = answers.into_iter().map(|(id, answer)| shown(&id, answer)).collect();
    Answer::json(200, json!({ "responses": responses }))
}

fn one(site: &mut Site, rights: &[Right], request: &Request, busy: &[String]) -> Answer {
    site.traffic.came(request);
    let is_busy = request.user().is_some_and(|user| busy.iter().any(|busy| busy.eq_ignore_ascii_case(user)));
    if is_busy || site.throttles() {
        let seconds = site.options.retry_after;
        return site.traffic.throttle(request, true, seconds);
    }
    if let Err(why) = site.schema.check_request(request) {
        return refuse(&why);
    }
    let answer = routes::answer(site, rights, request);
    site.schema.check_answer(request, &answer);
    answer
}

fn shown(id: &str, answer: Answer) -> Value {
    let mut headers: Map<String, Value> =
        answer.headers.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    let mut shown = json!({ "id": id, "status": answer.status });
    match answer.body {
        Body::Nothing => {}
        Body::Json(body) => {
            headers.insert("Content-Type".into(), json!("application/json"));
            shown["body"] = body;
        }
        Body::Bytes(bytes) => shown["body"] = json!(BASE64.encode(&bytes)),
    }
    shown["headers"] = Value::Object(headers);
    shown
}
