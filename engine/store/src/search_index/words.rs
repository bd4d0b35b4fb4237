//! The words that can apply to a remediation, and the words of a filter.

use std::collections::BTreeSet;

use clawback_model::{Action, ActionSource, Remediation, Status};

use super::filter::HistoryFilter;

/// The most pieces of a name that are looked up; a longer name is compared with the names of the remediations found.
const PIECES: usize = 8;

/// Returns the words that never change.
pub(super) fn lasting(remediation: &Remediation) -> BTreeSet<String> {
    let request = &remediation.request;
    let mut words = BTreeSet::from([
        all(),
        source(request.source),
        action(request.action),
        requester(&request.requested_by),
        playbook(&request.playbook),
    ]);
    let name: Vec<char> = request.name.to_lowercase().chars().collect();
    for length in 1..=3 {
        words.extend(name.windows(length).map(piece));
    }
    words
}

/// Returns the words that change with the events.
pub(super) fn passing(remediation: &Remediation) -> BTreeSet<String> {
    let deciders = remediation.decided_by.iter().flat_map(|names| names.split(", ")).map(decider);
    deciders.chain([status(remediation.status)]).collect()
}

fn all() -> String {
    "all".to_owned()
}

fn status(status: Status) -> String {
    format!("status:{status}")
}

fn source(source: ActionSource) -> String {
    format!("source:{source}")
}

fn action(action: Action) -> String {
    format!("action:{action}")
}

fn decider(name: &str) -> String {
    format!("decided-by:{name}")
}

fn requester(name: &str) -> String {
    format!("requested-by:{name}")
}

fn playbook(name: &str) -> String {
    format!("playbook:{name}")
}

fn piece(letters: &[char]) -> String {
    letters.iter().fold("name:".to_owned(), |mut word, letter| {
        word.push(*letter);
        word
    })
}

/// Returns the words of a filter in groups: of every group at least one must apply.
pub(crate) fn asked(filter: &HistoryFilter) -> Vec<Vec<String>> {
    let mut groups: Vec<Vec<String>> = Vec::new();
    groups.extend((!filter.statuses.is_empty()).then(|| filter.statuses.iter().copied().map(status).collect()));
    groups.extend(filter.action_source.map(|one| vec![source(one)]));
    groups.extend(filter.action_type.map(|one| vec![action(one)]));
    groups.extend(filter.decided_by.as_deref().map(|name| vec![decider(name)]));
    groups.extend(filter.requested_by.as_deref().map(|name| vec![requester(name)]));
    groups.extend(filter.playbook.as_deref().map(|name| vec![playbook(name)]));
    groups.extend(filter.pending_only.then(|| vec![status(Status::PendingApproval), status(Status::Paused)]));
    let name: Vec<char> = filter.name.iter().flat_map(|name| name.to_lowercase().chars().collect::<Vec<_>>()).collect();
    let windows = name.windows(name.len().clamp(1, 3));
    let step = windows.len().div_ceil(PIECES).max(1);
    groups.extend(windows.step_by(step).map(|letters| vec![piece(letters)]));
    if groups.is_empty() {
        // Every other word applies to fewer remediations.
        groups.push(vec![all()]);
    }
    groups
}

/// Returns the words that together apply only to empty runs of schedules.
pub(crate) fn empty() -> [Vec<String>; 2] {
    [vec![source(ActionSource::Schedule)], vec![status(Status::NothingToDo)]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Vec<String> {
        let filter = HistoryFilter { name: Some(name.to_owned()), ..HistoryFilter::default() };
        asked(&filter).into_iter().flatten().collect()
    }

    #[test]
    fn a_name_is_asked_for_in_pieces() {
        assert_eq!(name(""), ["all"], "nothing is asked for");
        assert_eq!(name("Ä"), ["name:ä"]);
        assert_eq!(name("a%"), ["name:a%"]);
        assert_eq!(name("Purge"), ["name:pur", "name:urg", "name:rge"]);
        assert_eq!(name(&"x".repeat(500)).len(), PIECES);
        assert!(name("a campaign of many words").len() <= PIECES);
    }

    #[test]
    fn every_other_filter_is_a_word() {
        let filter = HistoryFilter {
            statuses: vec![Status::PartiallyCompleted, Status::Failed],
            action_source: Some(ActionSource::Air),
            action_type: Some(Action::HardDelete),
            decided_by: Some("ben".into()),
            requested_by: Some("ann".into()),
            playbook: Some("purge".into()),
            pending_only: true,
            ..HistoryFilter::default()
        };
        assert_eq!(
            asked(&filter),
            [
                vec!["status:partially-completed", "status:failed"],
                vec!["source:air"],
                vec!["action:hard-delete"],
                vec!["decided-by:ben"],
                vec!["requested-by:ann"],
                vec!["playbook:purge"],
                vec!["status:pending-approval", "status:paused"]
            ]
        );
    }
}
