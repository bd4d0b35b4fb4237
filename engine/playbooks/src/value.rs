//! Checks of single values: addresses, domains, locations, actions.

use clawback_model::{Action, LocationKind};

pub(crate) fn check_address(text: &str) -> Result<(), String> {
    match text.split_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() && !domain.contains('@') => {
            if text.chars().any(|c| c.is_whitespace() || c.is_control() || "<>,;".contains(c)) {
                return Err("it has a space, a bracket or a comma in it".to_owned());
            }
            Ok(())
        }
        _ => Err("it needs one @ with something on both sides".to_owned()),
    }
}

pub(crate) fn check_domain(text: &str) -> Result<(), String> {
    if text.is_empty()
        || text.contains('@')
        || text.chars().any(|c| c.is_whitespace() || c.is_control() || "/<>,;".contains(c))
    {
        return Err("it has characters that a domain has not".to_owned());
    }
    let name = text.strip_prefix("*.").unwrap_or(text);
    if name.is_empty() || name.contains('*') {
        return Err("a `*` is only for all sub-domains, as in *.domain.example".to_owned());
    }
    Ok(())
}

/// Checks an address of the web.
pub(crate) fn check_url(text: &str) -> Result<(), String> {
    let is_web = ["http://", "https://"].iter().any(|scheme| {
        text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)) && text.len() > scheme.len()
    });
    if is_web && !text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Ok(());
    }
    Err("it does not begin with http:// or https://, or has blanks".to_owned())
}

pub(crate) fn check_action(text: &str) -> Result<(), String> {
    text.parse::<Action>().map(|_| ()).map_err(|unknown| unknown.to_string())
}

pub(crate) fn check_location(text: &str) -> Result<(), String> {
    text.parse::<LocationKind>().map(|_| ()).map_err(|unknown| unknown.to_string())
}
