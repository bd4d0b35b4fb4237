//! What starts a playbook.

use std::str::FromStr;

use crate::yaml::Node;

/// Whether a run waits for the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// The new run is left out.
    Skip,
    /// The new run waits.
    Queue,
}

/// What happens to a time at which no node was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfire {
    /// Nothing.
    Skip,
    /// One run makes up for all that were missed.
    RunOnce,
}

/// When a playbook runs by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Six fields, seconds first.
    pub cron: String,
    /// Name in the IANA database.
    pub time_zone: String,
    /// What to do if the last run is not done.
    pub overlap: Overlap,
    /// What to do about a missed time.
    pub misfire: Misfire,
}

/// What starts a playbook.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Triggers {
    /// A person may submit it.
    pub manual: bool,
    /// Verdicts of an investigation that suggest it.
    pub suggestion: Vec<String>,
    /// When it runs by itself.
    pub schedule: Option<Schedule>,
}

/// Six fields: the crate also takes seven, and five would be read as something else than the author means.
pub(crate) fn check_cron(text: &str) -> Result<(), String> {
    let fields = text.split_whitespace().count();
    if fields != 6 {
        return Err(format!("it has {fields} fields"));
    }
    cron::Schedule::from_str(text).map(|_| ()).map_err(|error| {
        // The crate draws its own caret; its last line says what is wrong.
        let text = error.to_string();
        text.lines().last().unwrap_or_default().trim().trim_end_matches('.').to_owned()
    })
}

/// Reads the `on:` of a playbook, whose shape has been checked.
pub(crate) fn read(node: Option<&Node>) -> Triggers {
    let Some(node) = node else { return Triggers::default() };
    let word = |body: &Node, key: &str| body.get(key).and_then(Node::text).map(str::to_owned);
    let schedule = node.get("schedule").and_then(|body| {
        Some(Schedule {
            cron: word(body, "cron")?,
            time_zone: word(body, "time-zone").unwrap_or_else(|| "UTC".to_owned()),
            overlap: if word(body, "overlap").as_deref() == Some("queue") { Overlap::Queue } else { Overlap::Skip },
            misfire: if word(body, "misfire").as_deref() == Some("run-once") {
                Misfire::RunOnce
            } else {
                Misfire::Skip
            },
        })
    });
    let verdicts = node.get("suggestion").and_then(|body| body.get("verdict")).map(Node::items).unwrap_or_default();
    Triggers {
        manual: node.get("manual").is_some(),
        suggestion: verdicts.iter().filter_map(Node::text).map(str::to_owned).collect(),
        schedule,
    }
}
