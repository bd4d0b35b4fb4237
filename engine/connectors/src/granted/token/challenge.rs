//! What a refusal says of the token: the claims that the next one must have, as Microsoft's continuous access evaluation
//! demands them (`error="insufficient_claims"` with `claims` in `WWW-Authenticate`).

use std::collections::BTreeMap;

use data_encoding::BASE64_NOPAD;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The most bytes of a challenge, and of the claims in it. Real ones have some hundred.
const MOST_BYTES: usize = 8 << 10;
const MOST_CLAIMS: usize = 4 << 10;
/// The status of a part of a batch whose token was refused.
const UNAUTHORIZED: u16 = 401;

/// The claims that a server demands of a token: a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claims(String);

impl Claims {
    /// The JSON text, for the parameter `claims` of a request for a token (OpenID Connect Core 5.5).
    pub(crate) fn json(&self) -> &str {
        &self.0
    }

    /// Reads base64, with either alphabet, with or without padding.
    fn decode(text: &str) -> Option<Self> {
        if text.len() > MOST_BYTES {
            return None;
        }
        let text = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
        let bytes = BASE64_NOPAD.decode(text.as_bytes()).ok().filter(|bytes| bytes.len() <= MOST_CLAIMS)?;
        let json = String::from_utf8(bytes).ok()?;
        serde_json::from_str::<Map<String, Value>>(&json).ok()?;
        Some(Self(json))
    }

    /// Reads the challenges of one field value (RFC 9110 11.6.1).
    fn of_challenge(value: &str) -> Option<Self> {
        if value.len() > MOST_BYTES {
            return None;
        }
        let (mut is_bearer, mut is_demand, mut claims) = (false, false, None);
        let mut rest = value.trim_start_matches([' ', ',']);
        while !rest.is_empty() {
            let end = rest.find([' ', '=', ',']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            match after.strip_prefix('=') {
                None => {
                    if is_bearer && is_demand && claims.is_some() {
                        break;
                    }
                    // A scheme begins the next challenge.
                    (is_bearer, is_demand, claims) = (name.eq_ignore_ascii_case("bearer"), false, None);
                    rest = after;
                }
                Some(after) => {
                    let (text, left) = parameter(after)?;
                    match name.to_ascii_lowercase().as_str() {
                        "error" => is_demand = text == "insufficient_claims",
                        "claims" => claims = Some(text),
                        _ => {}
                    }
                    rest = left;
                }
            }
            rest = rest.trim_start_matches([' ', ',']);
        }
        claims.filter(|_| is_bearer && is_demand).and_then(|text| Self::decode(&text))
    }
}

/// Splits the value of a parameter, a token or a quoted string, from what follows it.
fn parameter(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find([' ', ',']).unwrap_or(text.len()));
        return Some((value.to_owned(), rest));
    };
    let (mut value, mut is_escaped) = (String::new(), false);
    for (at, letter) in quoted.char_indices() {
        match letter {
            _ if is_escaped => {
                value.push(letter);
                is_escaped = false;
            }
            '\\' => is_escaped = true,
            '"' => return Some((value, &quoted[at + 1..])),
            letter => value.push(letter),
        }
    }
    None
}

/// Returns the claims that a refusal demands, if it demands any that can be read.
pub(crate) fn demanded(headers: &HeaderMap) -> Option<Claims> {
    headers.get_all(WWW_AUTHENTICATE).iter().find_map(|value| Claims::of_challenge(value.to_str().ok()?))
}

#[derive(Deserialize)]
struct Batch {
    responses: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
}

/// The token of parts of a batch was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RefusedParts {
    /// The claims that they demand.
    pub(crate) claims: Option<Claims>,
}

/// Returns the refusal of parts of a batch, if the answer has such parts. An answer that is not whole has none.
pub(crate) fn in_batch(body: &[u8]) -> Option<RefusedParts> {
    // Most answers have no such status, and are not parsed twice.
    body.windows(3).any(|text| text == b"401").then_some(())?;
    let batch: Batch = serde_json::from_slice(body).ok()?;
    let mut refused = batch.responses.iter().filter(|part| part.status == UNAUTHORIZED).peekable();
    refused.peek()?;
    let claims = refused.find_map(|part| {
        let fields = part.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(WWW_AUTHENTICATE.as_str()));
        fields.filter_map(|(_, value)| value.as_str()).find_map(Claims::of_challenge)
    });
    Some(RefusedParts { claims })
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    /// The example of Microsoft's documentation.
    const GIVEN: &str = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwgInZhbHVlIjoiMTYwNDEwNjY1MSJ9fX0=";
    const MEANT: &str = r#"{"access_token":{"nbf":{"essential":true, "value":"1604106651"}}}"#;

    fn read(value: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap())]);
        demanded(&headers).map(|claims| claims.json().to_owned())
    }

    #[test]
    fn the_claims_of_a_challenge() {
        let uri = "authorization_uri=\"https://login.example/common/oauth2/authorize\"";
        for value in [
            format!("Bearer {uri}, error=\"insufficient_claims\", claims=\"{GIVEN}\""),
            format!("bearer realm=\"\", {uri}, error=insufficient_claims, claims=\"{}\"", GIVEN.trim_end_matches('=')),
            format!("Bearer claims=\"{GIVEN}\",error=\"insufficient_claims\", Negotiate"),
            format!("PoP {uri}, Bearer realm=\"a \\\"b\\\", c\", error=\"insufficient_claims\", claims=\"{GIVEN}\""),
        ] {
            assert_eq!(read(&value).as_deref(), Some(MEANT), "{value}");
        }
        let mut headers = HeaderMap::new();
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Negotiate"));
        let value = format!("Bearer error=\"insufficient_claims\", claims=\"{GIVEN}\"");
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(&value).unwrap());
        assert_eq!(demanded(&headers).unwrap().json(), MEANT);
    }

    #[test]
    fn what_is_no_demand_has_none() {
        let large = data_encoding::BASE64.encode(format!("{{\"a\":\"{}\"}}", "x".repeat(MOST_CLAIMS)).as_bytes());
        let list = data_encoding::BASE64.encode(b"[1]");
        for value in [
            "Bearer".to_owned(),
            String::new(),
            format!("Bearer error=\"invalid_token\", claims=\"{GIVEN}\""),
            format!("Basic error=\"insufficient_claims\", claims=\"{GIVEN}\""),
            format!("Bearer error=\"insufficient_claims\", Basic claims=\"{GIVEN}\""),
            "Bearer error=\"insufficient_claims\"".to_owned(),
            format!("Bearer error=\"insufficient_claims\", claims=\"{GIVEN}"),
            "Bearer error=\"insufficient_claims\", claims=\"%%%\"".to_owned(),
            "Bearer error=\"insufficient_claims\", claims=\"eyJh\"".to_owned(),
            format!("Bearer error=\"insufficient_claims\", claims=\"{list}\""),
            format!("Bearer error=\"insufficient_claims\", claims=\"{large}\""),
        ] {
            assert_eq!(read(&value), None, "{value}");
        }
    }

    #[test]
    fn parts_of_a_batch_that_were_refused() {
        let batch = |parts: &str| in_batch(format!("{{\"responses\":[{parts}]}}").as_bytes());
        assert_eq!(batch(r#"{"id":"1","status":200,"body":{"subject":"401"}}"#), None);
        assert_eq!(batch(r#"{"id":"1","status":200},{"id":"2","status":401}"#), Some(RefusedParts { claims: None }));
        let value = format!(r#"Bearer error=\"insufficient_claims\", claims=\"{GIVEN}\""#);
        let demand = format!(r#"{{"id":"1","status":401,"headers":{{"WWW-Authenticate":"{value}"}}}}"#);
        assert_eq!(batch(&demand).unwrap().claims.unwrap().json(), MEANT);
        assert_eq!(in_batch(b"401"), None);
    }
}
