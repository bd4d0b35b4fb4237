//! The triggers of a playbook.

use std::time::Duration;

use clawback_model::{Cron, InvalidCron, Misfire, Overlap, Timetable};
use clawback_scripting::parse_duration;

use crate::diagnostic::Report;
use crate::yaml::Node;

/// The longest delay that spreads the load.
const LONGEST_JITTER: Duration = Duration::from_hours(6);

/// The triggers of a playbook.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Triggers {
    /// Whether a person may submit it.
    pub manual: bool,
    /// Whether reports of people start it.
    pub report: bool,
    /// Verdicts of an investigation for which it may be suggested.
    pub suggestion: Vec<String>,
    /// The timetable of its schedule.
    pub schedule: Option<Timetable>,
}

/// Checks that a text is a cron expression; fails with the reason.
pub(crate) fn check_cron(text: &str) -> Result<(), String> {
    Cron::parse(text, "UTC").map(|_| ()).map_err(|error| error.to_string())
}

/// Checks that a text names a time zone.
pub(crate) fn check_zone(text: &str) -> Result<(), String> {
    match Cron::parse("0 0 0 * * *", text) {
        Err(error @ InvalidCron::Zone) => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// Reads the `on:` of a playbook whose shape has been checked.
pub(crate) fn read(node: Option<&Node>, report: &Report) -> Triggers {
    let Some(node) = node else { return Triggers::default() };
    let verdicts = node.get("suggestion").and_then(|body| body.get("verdict")).map(Node::items).unwrap_or_default();
    Triggers {
        manual: node.get("manual").is_some(),
        report: node.get("report").is_some(),
        suggestion: verdicts.iter().filter_map(Node::text).map(str::to_owned).collect(),
        schedule: node.get("schedule").and_then(|body| timetable(body, report)),
    }
}

fn timetable(body: &Node, report: &Report) -> Option<Timetable> {
    let word = |key: &str| body.get(key).and_then(Node::text);
    let jitter = match body.get("jitter") {
        None => Duration::ZERO,
        Some(node) => {
            let jitter = parse_duration(node.text()?)?;
            if jitter > LONGEST_JITTER {
                report
                    .error("out-of-range", node.span.clone(), "`jitter` must be at most 6h", "out of range")
                    .help("a slot is delayed by up to this; for another time, change `cron`");
            }
            jitter
        }
    };
    let overlap = match word("overlap") {
        Some("queue") => Overlap::Queue,
        Some("replace") => Overlap::Replace,
        _ => Overlap::Skip,
    };
    let most = body.get("backfill").and_then(Node::integer);
    let misfire = match word("misfire") {
        Some("run-once") => Misfire::RunOnce,
        Some("backfill") => Misfire::Backfill(most.and_then(|most| u32::try_from(most).ok()).unwrap_or(1)),
        _ => Misfire::Skip,
    };
    if let (Some(node), false) = (body.get("backfill"), matches!(misfire, Misfire::Backfill(_))) {
        report
            .error("trigger", node.span.clone(), "`backfill` goes with `misfire: backfill` only", "here")
            .help("write misfire: backfill, or leave this out");
    }
    if let (Some(node), Overlap::Replace, Misfire::Backfill(_)) = (body.get("misfire"), overlap, misfire) {
        report
            .error("trigger", node.span.clone(), "`misfire: backfill` does not go with `overlap: replace`", "here")
            .help("each run would cancel the one before it; write run-once");
    }
    Some(Timetable {
        cron: word("cron")?.to_owned(),
        time_zone: word("time-zone").unwrap_or("UTC").to_owned(),
        jitter,
        overlap,
        misfire,
    })
}
