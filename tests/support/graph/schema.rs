//! Compares requests and answers, parts of batches too, with the OpenAPI document of `tests/data/graph-mail.json`, which
//! was made from Microsoft's own schema (CSDL) of Graph v1.0.

use serde_json::{Value, json};

use super::request::{Answer, Body, Request};

/// The document, and what did not fit.
#[derive(Debug)]
pub(super) struct Schema {
    document: Value,
    pub(super) violations: Vec<String>,
}

impl Schema {
    pub(super) fn read() -> Self {
        let document = serde_json::from_str(include_str!("../../data/graph-mail.json")).expect("the document is JSON");
        Self { document, violations: Vec::new() }
    }

    /// Returns the operation for a request.
    fn operation(&self, request: &Request) -> Option<&Value> {
        // Links of delta queries name users as `users('ID')`.
        let mut path: Vec<&str> = if request.path == ["$batch"] { vec!["$batch"] } else { vec!["users"] };
        if let Some(user) = request.user() {
            path.push(user);
            path.extend(request.rest());
        }
        let fits = |template: &str| {
            let parts: Vec<&str> = template.trim_start_matches("/v1.0/").split('/').collect();
            parts.len() == path.len()
                && parts.iter().zip(&path).all(|(part, given)| part.starts_with('{') || part == given)
        };
        // A fixed part is closer than a variable one.
        let paths = self.document["paths"].as_object()?.iter().filter(|(template, _)| fits(template));
        let (_, item) = paths.min_by_key(|(template, _)| template.matches('{').count())?;
        item.get(request.method.to_lowercase())
    }

    /// Checks a request. What does not fit is kept, too, so that a test sees it.
    pub(super) fn check_request(&mut self, request: &Request) -> Result<(), String> {
        let checked = self.fits_request(request);
        if let Err(why) = &checked {
            self.violations.push(format!("{} {}: {why}", request.method, request.target));
        }
        checked
    }

    fn fits_request(&self, request: &Request) -> Result<(), String> {
        let operation = self.operation(request).ok_or("the document has no such operation")?;
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        for (name, value) in &request.query {
            let known = parameters.iter().find(|known| known["name"] == json!(name) && known["in"] == "query");
            let known = known.ok_or_else(|| format!("no parameter `{name}`"))?;
            let value = match known["schema"]["type"].as_str() {
                Some("integer") => json!(value.parse::<i64>().map_err(|_| format!("`{name}` is no number"))?),
                _ => json!(value),
            };
            self.fits(&known["schema"], &value, name)?;
        }
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        match &request.body {
            Some(body) if !schema.is_null() => self.fits(schema, body, "body"),
            Some(body) if *body != json!({}) => Err("it takes no body".into()),
            None if operation["requestBody"]["required"] == true => Err("the body is missing".into()),
            _ => Ok(()),
        }
    }

    /// Checks an answer.
    pub(super) fn check_answer(&mut self, request: &Request, answer: &Answer) {
        if let Err(why) = self.fits_answer(request, answer) {
            self.violations.push(format!("{} of {} {}: {why}", answer.status, request.method, request.target));
        }
    }

    fn fits_answer(&self, request: &Request, answer: &Answer) -> Result<(), String> {
        let operation = self.operation(request).ok_or("the document has no such operation")?;
        let response = operation["responses"].get(answer.status.to_string()).ok_or("no such status")?;
        let schema = &response["content"]["application/json"]["schema"];
        match &answer.body {
            Body::Json(body) if !schema.is_null() => self.fits(schema, body, "body"),
            _ => Ok(()),
        }
    }

    /// Checks a value: the part of JSON Schema that the document uses.
    fn fits(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        if value.is_null() && schema["nullable"] == true {
            return Ok(());
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let pointer = reference.trim_start_matches('#');
            return self.fits(self.document.pointer(pointer).ok_or("a reference to nothing")?, value, at);
        }
        for all in schema["allOf"].as_array().into_iter().flatten() {
            self.fits(all, value, at)?;
        }
        let is_type = match schema["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("boolean") => value.is_boolean(),
            _ => true,
        };
        if !is_type {
            return Err(format!("`{at}` is not of type {}", schema["type"]));
        }
        if schema["enum"].as_array().is_some_and(|known| !known.contains(value)) {
            return Err(format!("`{at}` has the unknown value {value}"));
        }
        if schema["pattern"] == "^/" && !value.as_str().is_some_and(|text| text.starts_with('/')) {
            return Err(format!("`{at}` does not begin with a slash"));
        }
        if let (Some(most), Some(number)) = (schema["maximum"].as_i64(), value.as_i64())
            && number > most
        {
            return Err(format!("`{at}` is above {most}"));
        }
        if let (Some(least), Some(number)) = (schema["minimum"].as_i64(), value.as_i64())
            && number < least
        {
            return Err(format!("`{at}` is below {least}"));
        }
        if let Some(items) = value.as_array() {
            if schema["maxItems"].as_u64().is_some_and(|most| items.len() as u64 > most) {
                return Err(format!("`{at}` has too many items"));
            }
            for item in items {
                self.fits(&schema["items"], item, at)?;
            }
        }
        if let Some(object) = value.as_object() {
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !object.contains_key(name) {
                    return Err(format!("`{at}` has no `{name}`"));
                }
            }
            for (name, value) in object {
                match schema["properties"].get(name) {
                    Some(known) => self.fits(known, value, name)?,
                    None if schema["additionalProperties"] == false => return Err(format!("`{at}` has `{name}`")),
                    None => {}
                }
            }
        }
        Ok(())
    }
}
