//! Starting a playbook by hand: a form of its inputs, a preview that changes nothing, and the button that starts it.
//! The form of the preview is a GET, as that of a search: its address has the inputs, and can be loaded again.

use std::time::Duration;

use clawback_model::{Action, ActionSource, ApprovalRule, Inputs, Permission, SelectionMode, Target, visible_line};
use clawback_playbooks::{Input, Playbook};
use clawback_runtime::{DryRun, Error, Submission, silent};
use maud::{Markup, html};

use super::fields::Fields;
use super::frame::Frame;
use super::{findings, layout};
use crate::access::encoded;
use crate::center::Center;
use crate::design::empty::empty;
use crate::design::field::{self, Mistake};
use crate::design::icon::Icon;
use crate::design::numbers::{Number, numbers};
use crate::design::pill::Tone;
use crate::design::table::{Column, Row, Table};
use crate::design::words::{counted, spoken};
use crate::design::{facts, text, toast};
use crate::problem::Problem;

/// The word of the address that a preview is asked for.
const PREVIEW: &str = "preview";
/// What the field of an input begins with, so that none is taken for another field.
const INPUT: &str = "input-";
/// What the name of a type that takes several values begins with.
const LIST: &str = "list of ";
/// Messages of a preview.
const SAMPLE: usize = 20;
/// The most optional inputs that are not folded.
const UNFOLDED: usize = 6;
/// The longest value of an input with several lines.
const LONGEST: u32 = 20_000;
const DAY: u64 = 86_400;
const COLUMNS: [Column; 5] = [
    Column::lead("Subject"),
    Column::long("From"),
    Column::long("Mailbox"),
    Column::time("Received").at_960(),
    Column::short("Location").at_1240(),
];

/// The form of a playbook that starts by hand, with its preview if that is asked for, for callers who may submit. After
/// a refused start it has what was `sent`, and the problem.
pub(super) async fn section(
    center: &Center,
    frame: &Frame,
    playbook: &Playbook,
    sent: &Fields,
    refused: Option<Problem>,
) -> (Markup, Option<Problem>) {
    if !frame.may(Permission::Submit) || !playbook.triggers().manual {
        return (html! {}, None);
    }
    let result = match refused {
        Some(problem) => Some(Err(problem)),
        None if sent.filled(PREVIEW).is_some() => Some(preview(center, frame, playbook, sent).await),
        None => None,
    };
    let problem = result.as_ref().and_then(|result| result.as_ref().err()).cloned();
    let (mistakes, rest) = problem.as_ref().map(mistakes).unwrap_or_default();
    let shown = html! {
        section #start aria-label="Start" {
            h2 { "Start" }
            @for says in &rest { (toast::problem(says)) }
            (form(playbook, sent, &mistakes))
            @if let Some(Ok(found)) = &result { (results(frame, playbook, sent, found)) }
        }
    };
    (shown, problem)
}

async fn preview(center: &Center, frame: &Frame, playbook: &Playbook, sent: &Fields) -> Result<DryRun, Problem> {
    center.preview(&frame.who, submission(playbook, sent), SAMPLE, &silent()).await
}

/// What the form submits.
pub(super) fn submission(playbook: &Playbook, sent: &Fields) -> Submission {
    Submission {
        playbook: playbook.name().to_owned(),
        inputs: inputs(playbook, sent),
        name: sent.filled("name").map(str::to_owned),
        severity: None,
        description: sent.filled("description").map(str::to_owned),
        source: ActionSource::Manual,
        agent: None,
        mode: SelectionMode::Query,
        picked: Vec::new(),
    }
}

/// The inputs that are filled in. A list has a value in each line.
fn inputs(playbook: &Playbook, sent: &Fields) -> Inputs {
    let mut given = Inputs::default();
    for input in playbook.inputs() {
        let value = sent.get(&field_of(input)).to_owned();
        match input.kind.to_string() {
            list if list.starts_with(LIST) => value
                .lines()
                .map(|line| line.trim_end_matches('\r'))
                .filter(|line| !line.trim().is_empty())
                .for_each(|line| given.push(&input.name, line)),
            _ if value.trim().is_empty() => {}
            _ => given.push(&input.name, value),
        }
    }
    given
}

fn field_of(input: &Input) -> String {
    format!("{INPUT}{}", input.name)
}

/// The mistakes of a problem by their fields, and those that no field has.
fn mistakes(problem: &Problem) -> (Vec<Mistake>, Vec<String>) {
    let Some(Error::Inputs(error)) = problem.error.as_deref() else {
        return (Vec::new(), vec![layout::in_words(problem)]);
    };
    let (mut found, mut rest) = (Vec::new(), Vec::new());
    for wrong in &error.wrong {
        let of = wrong.strip_prefix("input `").and_then(|rest| rest.split_once('`'));
        match of {
            Some((name, says)) => {
                let says = says.trim_start_matches([':', ' ']);
                found.push(Mistake { field: format!("{INPUT}{name}"), says: visible_line(says, 300) });
            }
            None => rest.push(visible_line(wrong, 300)),
        }
    }
    (found, rest)
}

fn form(playbook: &Playbook, sent: &Fields, mistakes: &[Mistake]) -> Markup {
    let (required, optional): (Vec<&Input>, Vec<&Input>) = playbook.inputs().iter().partition(|input| input.required);
    let is_used = |input: &&Input| {
        let field = field_of(input);
        sent.filled(&field).is_some() || mistakes.iter().any(|mistake| mistake.field == field)
    };
    let fields = |inputs: &[&Input]| html! { @for one in inputs { (self::input(one, sent, mistakes)) } };
    html! {
        form .form.card method="get" action={ "/playbooks/" (encoded(playbook.name())) "#start" } {
            input type="hidden" name=(PREVIEW) value="yes";
            (fields(&required))
            @if optional.len() > UNFOLDED {
                details open[optional.iter().any(is_used)] {
                    summary { "Optional inputs" }
                    div .form { (fields(&optional)) }
                }
            } @else { (fields(&optional)) }
            (field::text("name", "Remediation name", sent.get("name"), playbook.name(), None))
            (field::lines("description", "Description", sent.get("description"), 2_000))
            div .row { button .plain { "Preview" } span .hint { "A preview searches all mailboxes and changes nothing." } }
        }
    }
}

/// The field of an input, by its type.
fn input(input: &Input, sent: &Fields, mistakes: &[Mistake]) -> Markup {
    let name = field_of(input);
    let wrong = mistakes.iter().find(|mistake| mistake.field == name);
    let default = input.default.as_ref().map(ToString::to_string).unwrap_or_default();
    let value = sent.get(&name);
    let label = spoken(&input.name.replace('_', "-"));
    let kind = input.kind.to_string();
    let item = kind.strip_prefix(LIST);
    let takes = item.map_or_else(|| kind.clone(), |item| format!("{item}, one in each line"));
    let hint = if input.description.is_empty() { takes } else { format!("{} ({takes})", input.description) };
    let described = field::Described {
        name: &name,
        label: &label,
        value,
        example: &default,
        hint: &hint,
        is_required: input.required,
        wrong: wrong.map(|mistake| mistake.says.as_str()),
    };
    match kind.as_str() {
        "boolean" => described.choice(&["true", "false"]),
        "action" => described.choice(&Action::ALL.map(Action::as_str)),
        _ if item.is_some() => described.lines(LONGEST),
        _ => described.line(),
    }
}

fn results(frame: &Frame, playbook: &Playbook, sent: &Fields, found: &DryRun) -> Markup {
    let plan = match &found.plan {
        Ok(plan) => plan,
        Err(reason) => return toast::problem(reason.to_string()),
    };
    let (counts, plan_facts) = (&plan.counts, &plan.facts);
    let number = |label, count, tone| Number { label, count, remark: String::new(), tone };
    let rows: Vec<Row> = found.sample.iter().map(row).collect();
    let is_final = playbook.action() == Some(Action::HardDelete);
    html! {
        h3 { "Preview" }
        (numbers(&[
            number("Messages", counts.submitted, Tone::Quiet),
            number("Mailboxes", plan_facts.mailboxes, Tone::Quiet),
            number("Not remediable", counts.not_remediable, Tone::Quiet),
            number("VIP messages", plan_facts.vips, Tone::Quiet),
        ]))
        (facts::list(&[
            ("Selection", text::selection(&found.in_words)),
            ("Mailboxes searched", text::count(found.searched)),
            ("Approval", html! { (approval(found.approval.as_ref())) }),
        ]))
        (findings::of_search(plan_facts))
        @for obstacle in &found.obstacles { p .problem { "Cannot be done: " (text::mail(obstacle)) } }
        @if counts.submitted > rows.len() as u64 {
            p .quiet { "The first " (rows.len()) " of " (counted(counts.submitted, "message")) ":" }
        }
        (Table::new("Messages found", &COLUMNS, rows).or(empty(Icon::Search, "No messages match", "Change the inputs, and preview again.")))
        form method="post" action={ "/playbooks/" (encoded(playbook.name())) "/start" } {
            (layout::form_token(frame))
            @for (name, value) in sent.pairs().filter(|(name, _)| *name != PREVIEW && *name != "form_token") {
                input type="hidden" name=(name) value=(value);
            }
            div .row {
                button .danger[is_final] { "Start" }
                span .hint { "The search is made again at the start, and its plan is frozen then." }
            }
        }
    }
}

fn row(target: &Target) -> Row {
    Row::of([
        text::subject(&target.subject),
        text::cell(&target.from_address),
        text::cell(&target.mailbox),
        text::time(target.received_at),
        text::place(&target.location),
    ])
}

/// The votes that it needs, in words.
fn approval(rule: Option<&ApprovalRule>) -> String {
    let Some(rule) = rule else { return "None: messages are acted on at once".to_owned() };
    let roles = rule.from.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" or ");
    let others = if rule.two_step { ", by somebody else" } else { "" };
    format!("{} of role {roles}{others}, within {}", counted(rule.votes.into(), "vote"), within(rule.expires))
}

fn within(time: Duration) -> String {
    match time.as_secs() {
        days if days >= DAY && days.is_multiple_of(DAY) => counted(days / DAY, "day"),
        seconds => counted(seconds.div_ceil(3_600), "hour"),
    }
}
