//! The verdict of a filter on one message.

use rhai::{Dynamic, Map};

use crate::error::ScriptFault;

/// The longest reason or tag that is kept.
const LONGEST_REASON: usize = 200;

/// The verdict of a filter on one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the message stays in the plan.
    pub keep: bool,
    /// The reason, in the script's words.
    pub reason: Option<String>,
    /// The tag for grouping.
    pub tag: Option<String>,
}

/// Converts the result of `keep`.
pub(crate) fn verdict(answer: Dynamic) -> Result<Verdict, ScriptFault> {
    if let Ok(keep) = answer.as_bool() {
        return Ok(Verdict { keep, reason: None, tag: None });
    }
    let kind = answer.type_name();
    let Some(mut map) = answer.try_cast::<Map>() else {
        return Err(ScriptFault::plain(format!(
            "`keep` returned a {kind}; it must return true, false or #{{ keep, reason, tag }}"
        )));
    };
    let keep = map
        .remove("keep")
        .and_then(|keep| keep.as_bool().ok())
        .ok_or_else(|| ScriptFault::plain("`keep` returned a map without a boolean `keep`"))?;
    let mut text = |name: &str| match map.remove(name) {
        None => Ok(None),
        Some(value) if value.is_unit() => Ok(None),
        Some(value) => match value.into_immutable_string() {
            // A text has at least as many bytes as characters, and almost every text is short.
            Ok(text) if text.len() <= LONGEST_REASON => Ok(Some(text.as_str().to_owned())),
            Ok(text) => Ok(Some(text.chars().take(LONGEST_REASON).collect())),
            Err(found) => Err(ScriptFault::plain(format!("`{name}` must be a text, not a {found}"))),
        },
    };
    Ok(Verdict { keep, reason: text("reason")?, tag: text("tag")? })
}
