//! A submission, and the request that is made of it.

use clawback_model::{
    Action, ActionSource, AlertId, ApprovalId, Inputs, InvestigationId, LONGEST_NAME, LONGEST_TEXT, Origin, Picked,
    Principal, PrincipalKind, Request, Root, SelectionMode, Severity, Timestamp, TooLong, check_inputs, check_length,
    check_picked, check_principal_name, visible_line,
};

use super::playbook::load;
use crate::error::Error;
use crate::evidence;
use crate::site::Site;

/// The input of a playbook that takes a root.
pub(super) const LIKE: &str = "like";
/// Characters of the subject in the name of an investigation.
const SUBJECT: usize = 80;

/// What a front end submits.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Name of the playbook.
    pub playbook: String,
    /// Its inputs, as given.
    pub inputs: Inputs,
    /// Name of the remediation; default: the playbook's.
    pub name: Option<String>,
    /// Default: the playbook's.
    pub severity: Option<Severity>,
    /// Why it is submitted. Default: the playbook's for schedules and detectors, and empty otherwise.
    pub description: Option<String>,
    /// Where it comes from.
    pub source: ActionSource,
    /// The name of the AI agent that submits it on behalf of the caller: such a plan always waits for votes.
    pub agent: Option<String>,
    /// How the messages are selected.
    pub mode: SelectionMode,
    /// Handpicked messages, or exclusions.
    pub picked: Vec<Picked>,
}

impl Submission {
    /// An investigation whose root is this message, by a playbook with an input `like`. It is named after the subject.
    pub fn investigation(playbook: String, root: &Root, source: ActionSource) -> Self {
        let subject = visible_line(root.subject(), SUBJECT);
        let mut inputs = Inputs::default();
        inputs.push(LIKE, root.to_string());
        Self {
            playbook,
            inputs,
            name: (!subject.is_empty()).then(|| format!("Investigate \"{subject}\"")),
            severity: None,
            description: None,
            source,
            agent: None,
            mode: SelectionMode::Query,
            picked: Vec::new(),
        }
    }
}

/// Checks a submission and makes a request of it. In its playbook `now` means `as_of`, if given.
pub fn request(
    site: &Site,
    who: &Principal,
    submission: Submission,
    as_of: Option<Timestamp>,
) -> Result<Request, Error> {
    // The history records these as `automation`, so a person must not be able to submit them.
    let automatic = matches!(submission.source, ActionSource::Schedule | ActionSource::Air);
    if automatic && who.kind != PrincipalKind::Service {
        return Err(Error::NotAService { name: who.name.clone(), source_given: submission.source });
    }
    check_lengths(&submission)?;
    let (path, source) = site.library.playbook_source(&submission.playbook)?;
    let playbook = load(site, &path, &source)?;
    let bound = playbook.bind(&submission.inputs, as_of.unwrap_or(site.now()))?;
    check_agent(submission.agent.as_deref(), bound.action())?;
    evidence::check(site, &bound)?;
    clawback_model::check_picks(submission.mode, &submission.picked)?;
    let picked = u64::try_from(submission.picked.len()).unwrap_or(u64::MAX);
    match submission.mode {
        SelectionMode::Handpicked => site.limits.check_messages(submission.mode, picked)?,
        SelectionMode::QueryWithExclusions => site.limits.check_exclusions(picked)?,
        SelectionMode::Query => {}
    }
    Ok(Request {
        name: submission.name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| playbook.name().to_owned()),
        severity: submission.severity.unwrap_or_else(|| playbook.severity()),
        description: match submission.description {
            Some(description) => description,
            // It would look like the words of a person who wrote none.
            None if !automatic => String::new(),
            None => playbook.description().to_owned(),
        },
        action: bound.action(),
        delete_senders_copy: bound.delete_senders_copy(),
        source: submission.source,
        mode: submission.mode,
        playbook: playbook.name().to_owned(),
        playbook_source: source,
        inputs: playbook.stored_inputs(&submission.inputs),
        in_words: bound.in_words(submission.mode, submission.picked.len()),
        picked: submission.picked,
        requested_by: who.name.clone(),
        owner: who.owner.clone(),
        agent: submission.agent,
        reported: false,
        origin: Origin::Fresh,
        as_of,
        approval_id: ApprovalId::from_random((site.random)()),
        investigation_id: InvestigationId::from_random((site.random)()),
        alert_id: AlertId::from_random((site.random)()),
    })
}

/// Refuses to an agent everything but moves that can be undone, and a name that could be mistaken for another.
fn check_agent(agent: Option<&str>, action: Action) -> Result<(), Error> {
    let Some(agent) = agent else { return Ok(()) };
    check_principal_name(agent, []).map_err(Error::AgentName)?;
    let is_move = action.is_reversible() && action.destination().is_some();
    if is_move { Ok(()) } else { Err(Error::NotForAgents { agent: agent.to_owned(), action }) }
}

/// Limits the texts of a submission, which are shown in lists.
fn check_lengths(submission: &Submission) -> Result<(), TooLong> {
    check_length("the name", LONGEST_NAME, submission.name.as_deref().unwrap_or_default())?;
    check_length("the description", LONGEST_TEXT, submission.description.as_deref().unwrap_or_default())?;
    check_inputs(&submission.inputs)?;
    check_picked(&submission.picked)
}
