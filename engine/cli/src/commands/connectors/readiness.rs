//! The result of a check of a store, in words, rows and JSON. Decides what is wrong; does no I/O.

use std::collections::BTreeMap;

use clawback_connectors::{CalendarReadiness, CallError, CredentialTrial, Readiness, Survey, Visit};
use clawback_model::visible_line;
use serde::Serialize;

use crate::failure::{Failure, clean};

/// Characters of a server's text in a line at most.
const TEXT: usize = 300;
/// The word for calendar entries, beside those of the actions.
const CALENDAR: &str = "calendar-entries";

/// One store.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the JSON")]
pub(crate) struct Looked {
    store: String,
    ok: bool,
    /// Why the store could not be checked at all.
    problem: Option<String>,
    /// How many mailboxes it has; null from a server, which does not return it.
    mailboxes: Option<usize>,
    /// The tokens for all mailboxes that were requested.
    credentials: Vec<CredentialTrial>,
    looked_at: Vec<Mailbox>,
    /// Mailboxes that the store could not name.
    gaps: Vec<String>,
}

#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the JSON")]
struct Mailbox {
    mailbox: String,
    milliseconds: u64,
    problem: Option<String>,
    /// The tokens of this mailbox that were requested.
    credentials: Vec<CredentialTrial>,
    actions: Vec<Known>,
    /// Whether calendar entries go with their invitations; null if the connector does not reach calendars.
    calendar: Option<Calendar>,
}

/// Why calendar entries stay; null if they go with their invitations.
#[derive(Debug, Serialize)]
struct Calendar {
    obstacle: Option<String>,
}

impl Calendar {
    fn of(readiness: CalendarReadiness) -> Option<Self> {
        match readiness {
            CalendarReadiness::Unknown => None,
            CalendarReadiness::Ready => Some(Self { obstacle: None }),
            CalendarReadiness::Obstacle(why) => Some(Self { obstacle: Some(why) }),
        }
    }

    /// As it is shown. Acts on messages do not need the calendar, so nothing is wrong.
    fn words(&self) -> String {
        match &self.obstacle {
            Some(obstacle) => format!("they stay: {}", visible_line(obstacle, TEXT)),
            None => "removed with their invitations".to_owned(),
        }
    }
}

/// The readiness of one action in one mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Known {
    action: String,
    obstacle: Option<String>,
    creates: Option<String>,
    visible: Option<String>,
}

impl Known {
    fn of(readiness: Readiness) -> Self {
        let Readiness { action, obstacle, creates, visible } = readiness;
        Self { action: action.as_str().to_owned(), obstacle, creates, visible }
    }

    /// As it is shown.
    fn words(&self) -> String {
        if let Some(obstacle) = &self.obstacle {
            return format!("OBSTACLE: {}", visible_line(obstacle, TEXT));
        }
        let creates = self.creates.as_ref().map(|path| format!("would create folder `{}`", visible_line(path, TEXT)));
        let visible = self.visible.as_ref().map(|path| format!("the owner can open `{}`", visible_line(path, TEXT)));
        let parts: Vec<String> = creates.into_iter().chain(visible).collect();
        if parts.is_empty() { "ready".to_owned() } else { format!("ready; {}", parts.join("; ")) }
    }
}

impl Mailbox {
    fn of(visit: Visit) -> Self {
        let (problem, actions) = match visit.seen {
            Ok(known) => (None, known.into_iter().map(Known::of).collect()),
            Err(error) => {
                let hint = if matches!(error.source, CallError::NotFound { .. }) {
                    "\n  hint: a mailbox of that name is listed, but holds no mail where the connector looks: see `settings` of \
                     the store; `clawback connectors list` names those that there are"
                } else {
                    ""
                };
                (Some(format!("{}{hint}", clean(&error.to_string()))), Vec::new())
            }
        };
        let milliseconds = u64::try_from(visit.took.as_millis()).unwrap_or(u64::MAX);
        let Visit { mailbox, credentials, calendar, .. } = visit;
        let (mailbox, calendar) = (mailbox.to_string(), Calendar::of(calendar));
        Self { mailbox, milliseconds, problem, credentials, actions, calendar }
    }
}

impl Looked {
    pub(super) fn of(store: &str, survey: Survey) -> Self {
        let looked_at: Vec<Mailbox> = survey.visits.into_iter().map(Mailbox::of).collect();
        let gaps: Vec<String> =
            survey.gaps.into_iter().map(|gap| visible_line(&format!("{}: {}", gap.item, gap.reason), TEXT)).collect();
        let opens = looked_at.iter().all(|one| one.problem.is_none());
        let acts = looked_at.iter().flat_map(|one| &one.actions).all(|known| known.obstacle.is_none());
        let credentials = survey.credentials;
        let of_mailboxes = looked_at.iter().flat_map(|one| &one.credentials);
        let has_tokens = credentials.iter().chain(of_mailboxes).all(|one| one.problem.is_none());
        let ok = opens && acts && has_tokens && gaps.is_empty();
        let mailboxes = Some(survey.mailboxes);
        Self { store: store.to_owned(), ok, problem: None, mailboxes, credentials, looked_at, gaps }
    }

    pub(super) fn failed(store: &str, failure: &Failure) -> Self {
        let problem = failure.render();
        let problem = problem.strip_prefix("error: ").unwrap_or(&problem).to_owned();
        Self { ok: false, problem: Some(problem), ..Self::new(store) }
    }

    /// The result that a server returns for the first mailbox.
    pub(super) fn at_one(store: &str, mailbox: Option<String>, milliseconds: u64) -> Self {
        let (credentials, actions) = (Vec::new(), Vec::new());
        let (problem, calendar) = (None, None);
        let looked_at =
            mailbox.map(|mailbox| Mailbox { mailbox, milliseconds, problem, credentials, actions, calendar });
        Self { looked_at: looked_at.into_iter().collect(), ..Self::new(store) }
    }

    /// A store about which nothing is known yet.
    fn new(store: &str) -> Self {
        let (credentials, looked_at, gaps) = (Vec::new(), Vec::new(), Vec::new());
        Self { store: store.to_owned(), ok: true, problem: None, mailboxes: None, credentials, looked_at, gaps }
    }

    pub(super) fn is_well(&self) -> bool {
        self.ok
    }

    /// The head line of `connectors check`.
    pub(super) fn line(&self) -> String {
        if self.ok { format!("ok     {}: {}", self.store, self.words()) } else { format!("WRONG  {}", self.store) }
    }

    fn words(&self) -> String {
        let slowest = self.looked_at.iter().map(|one| one.milliseconds).max().unwrap_or_default();
        match (self.looked_at.as_slice(), self.mailboxes) {
            ([], _) => "it answers, and has no mailbox".to_owned(),
            ([one], _) => {
                format!("{} answers in {slowest} ms, login included", visible_line(&one.mailbox, TEXT))
            }
            (several, of) => {
                let of = of.map_or(String::new(), |of| format!(" of {of}"));
                format!(
                    "{}{of} mailboxes looked at; each answers in {slowest} ms or less, login included",
                    several.len()
                )
            }
        }
    }

    /// A line for each token, and for each action and each finding about it, with the mailboxes that it applies to.
    pub(crate) fn details(&self) -> Vec<String> {
        let mut issued: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for one in self.all_credentials().map(|(_, one)| one) {
            let (tried, obtained) = issued.entry(&one.what).or_default();
            *tried += 1;
            *obtained += usize::from(one.problem.is_none());
        }
        let tokens = issued.into_iter().map(|(what, (tried, obtained))| match tried {
            1 if obtained == 1 => format!("         token of {what}: obtained"),
            _ => format!("         token of {what}: {obtained} of {tried} obtained"),
        });
        let mut found: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
        for one in &self.looked_at {
            for known in &one.actions {
                found.entry((&known.action, known.words())).or_default().push(&one.mailbox);
            }
            if let Some(calendar) = &one.calendar {
                found.entry((CALENDAR, calendar.words())).or_default().push(&one.mailbox);
            }
        }
        let opened = self.looked_at.iter().filter(|one| !one.actions.is_empty()).count();
        let line = |((action, words), mailboxes): ((&str, String), Vec<&str>)| {
            let part = if mailboxes.len() == opened {
                String::new()
            } else {
                let example = visible_line(mailboxes[0], TEXT);
                format!(" ({} of {opened} mailboxes, e.g. {example})", mailboxes.len())
            };
            format!("         {action:<22} {words}{part}")
        };
        tokens.chain(found.into_iter().map(line)).collect()
    }

    /// Returns all tokens that were requested, with the mailbox of each that has one.
    fn all_credentials(&self) -> impl Iterator<Item = (Option<&str>, &CredentialTrial)> {
        let of_mailboxes =
            self.looked_at.iter().flat_map(|one| one.credentials.iter().map(|token| (Some(&*one.mailbox), token)));
        self.credentials.iter().map(|token| (None, token)).chain(of_mailboxes)
    }

    /// Returns the tokens that could not be obtained, unless the failure of their mailbox says so.
    fn refusals(&self) -> impl Iterator<Item = String> {
        let fails = |mailbox: Option<&str>| {
            self.looked_at.iter().any(|one| Some(&*one.mailbox) == mailbox && one.problem.is_some())
        };
        self.all_credentials().filter(move |(mailbox, _)| !fails(*mailbox)).filter_map(|(mailbox, one)| {
            let of = mailbox.map_or(String::new(), |mailbox| format!("mailbox `{}`: ", visible_line(mailbox, TEXT)));
            one.problem.as_ref().map(|problem| format!("error: {of}{}", clean(problem)))
        })
    }

    /// Everything that is wrong, as it goes to standard error.
    pub(super) fn problems(&self) -> Vec<String> {
        let mailboxes = self.looked_at.iter().filter_map(|one| one.problem.as_ref());
        let errors = self.problem.iter().chain(mailboxes).map(|problem| format!("error: {problem}"));
        let gaps = self.gaps.iter().map(|gap| format!("error: a mailbox cannot be named: {gap}"));
        errors.chain(self.refusals()).chain(gaps).chain(self.obstacles()).collect()
    }

    fn obstacles(&self) -> impl Iterator<Item = String> {
        self.looked_at.iter().filter_map(|one| {
            let refused: Vec<&str> = one
                .actions
                .iter()
                .filter(|known| known.obstacle.is_some())
                .map(|known| known.action.as_str())
                .collect();
            let mailbox = visible_line(&one.mailbox, TEXT);
            (!refused.is_empty()).then(|| format!("error: mailbox `{mailbox}`: cannot do {}", refused.join(", ")))
        })
    }

    /// For `doctor`.
    pub(crate) fn summary(&self) -> Result<String, Failure> {
        if self.ok {
            return Ok(self.words());
        }
        let problems = self.problems().join("\n");
        Err(Failure::failed(problems.strip_prefix("error: ").unwrap_or(&problems)))
    }

    /// A row for each mailbox and action, for CSV.
    pub(super) fn rows(&self) -> Vec<Vec<String>> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut rows = Vec::new();
        if self.problem.is_some() {
            rows.push(vec![self.store.clone(), String::new(), String::new(), text(&self.problem)]);
        }
        for one in &self.looked_at {
            let head = vec![self.store.clone(), one.mailbox.clone(), one.milliseconds.to_string(), text(&one.problem)];
            if one.actions.is_empty() {
                rows.push(head.clone());
            }
            for known in &one.actions {
                let known = [known.action.clone(), text(&known.obstacle), text(&known.creates), text(&known.visible)];
                rows.push([head.clone(), known.to_vec()].concat());
            }
            if let Some(calendar) = &one.calendar {
                rows.push([head.clone(), vec![CALENDAR.to_owned(), text(&calendar.obstacle)]].concat());
            }
        }
        for row in &mut rows {
            row.resize(8, String::new());
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clawback_connectors::ProbeError;
    use clawback_model::Action;

    use super::*;

    fn ready(action: Action) -> Readiness {
        Readiness { action, obstacle: None, creates: None, visible: None }
    }

    fn visit(mailbox: &str, seen: Result<Vec<Readiness>, CallError>) -> Visit {
        let seen = seen.map_err(|source| ProbeError { mailbox: Some(mailbox.into()), source });
        let (credentials, calendar) = (Vec::new(), CalendarReadiness::Unknown);
        Visit { mailbox: mailbox.into(), credentials, took: Duration::from_millis(7), calendar, seen }
    }

    fn looked(visits: Vec<Visit>) -> Looked {
        Looked::of("corp", Survey { credentials: Vec::new(), mailboxes: 9, gaps: Vec::new(), visits })
    }

    #[test]
    fn what_is_known_is_said_once_with_its_mailboxes() {
        let creates = Readiness { creates: Some("Junk".into()), ..ready(Action::MoveToJunk) };
        let open = Readiness { visible: Some("Quarantine".into()), ..ready(Action::MoveToQuarantine) };
        let seen = looked(vec![
            visit("a", Ok(vec![creates, open.clone()])),
            visit("b", Ok(vec![ready(Action::MoveToJunk), open])),
        ]);
        assert!(seen.is_well());
        assert_eq!(
            seen.line(),
            "ok     corp: 2 of 9 mailboxes looked at; each answers in 7 ms or less, login included"
        );
        let lines: Vec<String> = seen.details().iter().map(|line| line.trim().to_owned()).collect();
        assert_eq!(
            lines,
            [
                "move-to-junk           ready (1 of 2 mailboxes, e.g. b)",
                "move-to-junk           ready; would create folder `Junk` (1 of 2 mailboxes, e.g. a)",
                "move-to-quarantine     ready; the owner can open `Quarantine`",
            ]
        );
    }

    #[test]
    fn an_obstacle_in_one_mailbox_is_wrong() {
        let refused = Readiness { obstacle: Some("no UIDPLUS".into()), ..ready(Action::HardDelete) };
        let seen = looked(vec![visit("a", Ok(vec![ready(Action::HardDelete)])), visit("b", Ok(vec![refused]))]);
        assert!(!seen.is_well() && seen.summary().is_err());
        assert_eq!(seen.problems(), ["error: mailbox `b`: cannot do hard-delete"]);
        assert!(seen.details().iter().any(|line| line.contains("OBSTACLE: no UIDPLUS (1 of 2 mailboxes, e.g. b)")));
        let json = serde_json::to_value(&seen).unwrap();
        assert_eq!(json["looked_at"][1]["actions"][0]["obstacle"], "no UIDPLUS");
        assert_eq!(seen.rows()[1][5], "no UIDPLUS");
    }

    #[test]
    fn entries_that_stay_are_said_and_nothing_is_wrong() {
        let with = |mailbox: &str, calendar| Visit { calendar, ..visit(mailbox, Ok(vec![ready(Action::SoftDelete)])) };
        let seen = looked(vec![
            with("a", CalendarReadiness::Ready),
            with("b", CalendarReadiness::Obstacle("it needs a permission".into())),
        ]);
        assert!(seen.is_well());
        let lines: Vec<String> = seen.details().iter().map(|line| line.trim().to_owned()).collect();
        assert_eq!(
            lines[..2],
            [
                "calendar-entries       removed with their invitations (1 of 2 mailboxes, e.g. a)",
                "calendar-entries       they stay: it needs a permission (1 of 2 mailboxes, e.g. b)",
            ]
        );
        let json = serde_json::to_value(&seen).unwrap();
        assert_eq!(json["looked_at"][1]["calendar"]["obstacle"], "it needs a permission");
        assert_eq!(seen.rows()[3][4..6], ["calendar-entries", "it needs a permission"]);
    }

    #[test]
    fn a_mailbox_that_does_not_open_is_named_with_the_cure() {
        let denied = CallError::Denied { store: "corp".into(), detail: "[AUTHORIZATIONFAILED] no".into() };
        let missing = CallError::NotFound { store: "corp".into(), mailbox: "c".into(), detail: None };
        let seen = looked(vec![visit("a", Ok(Vec::new())), visit("b", Err(denied)), visit("c", Err(missing))]);
        assert!(!seen.is_well());
        let problems = seen.problems();
        assert!(problems[0].starts_with("error: mailbox `b`: store `corp` denies access"), "{problems:?}");
        assert!(problems[1].contains("mailbox `c`") && problems[1].contains("see `settings`"), "{problems:?}");
    }

    #[test]
    fn each_token_is_named_and_a_missing_one_is_wrong() {
        let token = |what: &str, problem: Option<&str>| CredentialTrial {
            what: what.into(),
            problem: problem.map(str::to_owned),
        };
        let of_mailbox = |mailbox: &str, problem| Visit {
            credentials: vec![token("endpoint `gmail`", problem)],
            ..visit(mailbox, Ok(vec![ready(Action::SoftDelete)]))
        };
        let survey = |problem| Survey {
            credentials: vec![token("endpoint `directory`", None)],
            mailboxes: 2,
            gaps: Vec::new(),
            visits: vec![of_mailbox("a", None), of_mailbox("b", problem)],
        };
        let well = Looked::of("cloud", survey(None));
        assert!(well.is_well());
        assert_eq!(
            well.details()[..2],
            ["         token of endpoint `directory`: obtained", "         token of endpoint `gmail`: 2 of 2 obtained",]
        );
        let refused = Looked::of("cloud", survey(Some("endpoint `gmail`: the scope is not delegated")));
        assert!(!refused.is_well());
        assert_eq!(refused.problems(), ["error: mailbox `b`: endpoint `gmail`: the scope is not delegated"]);
        assert_eq!(refused.details()[1], "         token of endpoint `gmail`: 1 of 2 obtained");
    }
}
