//! Requests whose body is a list of commands, each with the name of the mailbox that it is for among its parameters: as
//! `doveadm` over HTTP has them. The key of such an API reaches every mailbox, so the host holds each command to the
//! mailbox of the call, and to the commands and parameters that the manifest names.

use serde_json::{Map, Value};

use crate::manifest;

/// The most commands of one request.
const MOST_COMMANDS: usize = 1_000;
/// Characters that stand for others in the name of a user: such a name is that of several.
const WILDCARDS: [char; 2] = ['*', '?'];

/// Checks the body of a request of a call for `mailbox`, or for the whole store.
pub(crate) fn check(allowed: &manifest::Commands, mailbox: Option<&str>, body: &[u8]) -> Result<(), String> {
    let wrong = || {
        "the body is a JSON list of commands, each a list of its name, an object of its parameters and a tag; \
         parameters are texts or lists of texts"
            .to_owned()
    };
    let commands: Vec<(String, Map<String, Value>, String)> = serde_json::from_slice(body).map_err(|_| wrong())?;
    // The parser keeps the last of two equal keys, and a server may read the first: what is read here is sent.
    if serde_json::to_vec(&commands).is_ok_and(|again| keys(&again) != keys(body)) {
        return Err("a command has each parameter once".to_owned());
    }
    if commands.len() > MOST_COMMANDS {
        return Err(format!("a request has at most {MOST_COMMANDS} commands"));
    }
    if mailbox.is_some_and(|mailbox| mailbox.is_empty() || mailbox.contains(WILDCARDS)) {
        return Err("the name of the mailbox has a wildcard, so a command could reach others".to_owned());
    }
    let of_call = if mailbox.is_some() { &allowed.of_mailbox } else { &allowed.of_store };
    for (name, mut parameters, _) in commands {
        let shown = clawback_model::visible_line(&name, 60);
        let Some(known) = of_call.get(&name) else {
            return Err(format!("the manifest does not name the command `{shown}` for this call"));
        };
        if let Some(mailbox) = mailbox {
            let owner = parameters.remove(&allowed.owner);
            if owner.as_ref().and_then(Value::as_str) != Some(mailbox) {
                return Err(format!("the command `{shown}` is not for the mailbox of the call"));
            }
        }
        for (key, value) in &parameters {
            if !known.contains(key) {
                let key = clawback_model::visible_line(key, 60);
                return Err(format!("the manifest does not name the parameter `{key}` of the command `{shown}`"));
            }
            let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.contains('\0'));
            if !is_text(value) && !value.as_array().is_some_and(|texts| texts.iter().all(is_text)) {
                return Err(wrong());
            }
        }
    }
    Ok(())
}

/// Returns the number of keys in a JSON text: of colons outside of strings.
pub(crate) fn keys(json: &[u8]) -> usize {
    let (mut count, mut is_text, mut is_escaped) = (0, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b':' if !is_text => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Option<&str> = Some("ann@x.test");

    fn allowed() -> manifest::Commands {
        toml::from_str(
            "path = \"/doveadm/v1\"\nowner = \"user\"\n\
             [of-mailbox]\nfetch = [\"field\", \"query\"]\nmove = [\"destinationMailbox\", \"query\"]\n\
             [of-store]\nuser = [\"userMask\"]",
        )
        .unwrap()
    }

    #[test]
    fn a_call_reaches_its_mailbox() {
        let two = r#"[["fetch",{"field":["uid"],"query":["all"],"user":"ann@x.test"},"0"],
            ["move",{"destinationMailbox":"a:b","query":["uid","1"],"user":"ann@x.test"},"1"]]"#;
        assert_eq!(check(&allowed(), ANN, two.as_bytes()), Ok(()));
        assert_eq!(check(&allowed(), None, br#"[["user",{"userMask":["*"]},"0"]]"#), Ok(()));
        assert_eq!(check(&allowed(), ANN, b"[]"), Ok(()));
    }

    #[test]
    fn ways_into_another_mailbox_are_closed() {
        let command = |parameters: &str| format!(r#"[["fetch",{{{parameters}}},"0"]]"#);
        let ann = r#""user":"ann@x.test""#;
        let bodies = [
            command(r#""query":["all"],"user":"ben@x.test""#),
            command(r#""query":["all"]"#),
            command(r#""query":["all"],"user":"*""#),
            command(r#""query":["all"],"user":"ann@x.tes?""#),
            command(r#""query":["all"],"user":["ann@x.test"]"#),
            command(r#""query":["all"],"user":"ANN@x.test""#),
            command(r#""query":["all"],"user":"ann@x.test ""#),
            command(r#""query":["all"],"user":"ann@x.test\u0000""#),
            command(r#""query":["all"],"user":null"#),
            command(r#""query":["all"],"User":"ann@x.test""#),
            command(&format!(r#"{ann},"user":"ben@x.test""#)),
            command(&format!(r#""user":"ben@x.test",{ann}"#)),
            command(&format!(r#"{ann},"\u0075ser":"ben@x.test""#)),
            command(&format!(r#"{ann},"User":"ben@x.test""#)),
            command(&format!(r#"{ann},"allUsers":true"#)),
            command(&format!(r#"{ann},"userFile":"/etc/passwd""#)),
            command(&format!(r#"{ann},"socketPath":"/tmp/other""#)),
            command(&format!(r#"{ann},"sourceUser":"ben@x.test""#)),
            command(&format!(r#"{ann},"query":[["all"]]"#)),
            command(&format!(r#"{ann},"query":{{"user":"ben@x.test"}}"#)),
            command(&format!(r#"{ann},"query":true"#)),
            command(&format!(r#"{ann},"query":["a\u0000b"]"#)),
            format!(r#"[["fetch",{{{ann}}},"0"],["fetch",{{"user":"ben@x.test"}},"1"]]"#),
            format!(r#"[["save",{{{ann},"file":"/etc/passwd"}},"0"]]"#),
            format!(r#"[["Fetch",{{{ann}}},"0"]]"#),
            format!(r#"[["fetch",{{{ann}}},"0","x"]]"#),
            format!(r#"[["fetch",{{{ann}}}]]"#),
            format!(r#"[["fetch",{{{ann}}},{{"user":"ben@x.test"}}]]"#),
            r#"[["stop",{},"0"]]"#.to_owned(),
            r#"[["user",{"userMask":["ben@x.test"]},"0"]]"#.to_owned(),
            r#"{"user":"ann@x.test"}"#.to_owned(),
            format!("[{}]", vec![r#"["fetch",{"user":"ann@x.test"},"0"]"#; 1_001].join(",")),
            String::new(),
        ];
        assert!(bodies.len() >= 20);
        for body in &bodies {
            assert!(check(&allowed(), ANN, body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_call_for_the_store_reaches_no_mailbox() {
        for body in [r#"[["fetch",{"user":"ann@x.test"},"0"]]"#, r#"[["user",{"userMask":["*"],"user":"ann"},"0"]]"#] {
            assert!(check(&allowed(), None, body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_mailbox_whose_name_is_a_mask_is_refused() {
        for mailbox in ["*", "*@x.test", "ann@x.tes?", ""] {
            let body = format!(r#"[["fetch",{{"user":"{mailbox}"}},"0"]]"#);
            assert!(check(&allowed(), Some(mailbox), body.as_bytes()).is_err(), "{mailbox}");
        }
    }
}
