//! Automatic remediation: which investigations the site lets run without a vote.

use serde::{Deserialize, Serialize};

use crate::action::{Action, ActionSource};
use crate::counts::Counts;
use crate::event::Request;
use crate::guard::{Guards, PlanFacts};
use crate::not_automatic::{AutomaticRule, NotAutomatic};
use crate::simulation::Simulations;
use crate::verdict::Verdict;

/// The most messages that a site can let an investigation remove without a vote.
const MOST: u64 = 10_000;

/// Whether investigations run without a vote, and what they leave out: `[investigations]` in the configuration. The rule
/// is for plans that are made of clusters and that no person started, whatever their playbook asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Investigations {
    /// Whether any runs without a vote.
    pub automatic: bool,
    /// The most messages of one that does, with the late copies that its sweep finds.
    pub at_most: u64,
    /// Which messages are phishing simulations.
    pub simulations: Simulations,
}

impl Default for Investigations {
    fn default() -> Self {
        Self { automatic: false, at_most: 100, simulations: Simulations::default() }
    }
}

/// What is asked about: a plan that is made of clusters and that no person started.
#[derive(Debug, Clone, Copy)]
pub struct Investigated<'a> {
    /// The request; of the late copies that a sweep found, that of the first remediation.
    pub request: &'a Request,
    /// Whether suggestions may run without a vote.
    pub suggestions_without_a_vote: bool,
    /// The batches of the playbook.
    pub guards: &'a Guards,
    /// What is known of the plan, summed over the family of a sweep.
    pub facts: &'a PlanFacts,
    /// The counts of the plan, summed over the family of a sweep.
    pub counts: &'a Counts,
}

impl Investigations {
    /// Returns what is wrong with the values.
    pub fn check(&self) -> Result<(), String> {
        if (1..=MOST).contains(&self.at_most) {
            return self.simulations.check();
        }
        Err(format!("[investigations] at-most = {}: write a number from 1 to {MOST}", self.at_most))
    }

    /// Returns every rule that a plan does not meet, with the reason. If there is one, a person decides.
    pub fn not_automatic(&self, asked: &Investigated<'_>) -> Vec<NotAutomatic> {
        let broken = AutomaticRule::ALL.into_iter().filter_map(|rule| Some((rule, self.reason(rule, asked)?)));
        broken.map(|(rule, detail)| NotAutomatic { rule, detail }).collect()
    }

    /// Returns why a plan does not meet this rule; `None` if it does.
    fn reason(&self, rule: AutomaticRule, asked: &Investigated<'_>) -> Option<String> {
        let Investigated { request, suggestions_without_a_vote, guards, facts, counts } = asked;
        let is_suggested = request.source == ActionSource::Air && !request.reported;
        let found = counts.submitted;
        let (is_broken, why) = match rule {
            AutomaticRule::SwitchedOn => {
                (!self.automatic, "automatic remediation is off: see `automatic` under [investigations]".to_owned())
            }
            AutomaticRule::Reports => {
                (request.reported, "reports of people asked for it, and anybody can send a report".to_owned())
            }
            AutomaticRule::Agent => (request.agent.is_some(), "an AI agent asked for it".to_owned()),
            AutomaticRule::Suggestion => (
                is_suggested && !suggestions_without_a_vote,
                "a suggestion asked for it: see `without-a-vote` under [suggestions]".to_owned(),
            ),
            AutomaticRule::Verdict => (facts.verdict != Some(Verdict::Malicious), verdict(facts.verdict)),
            AutomaticRule::Action => (
                request.action != Action::SoftDelete,
                format!("the action is {}, and only {} is automatic", request.action, Action::SoftDelete),
            ),
            AutomaticRule::AtMost => (
                found > self.at_most,
                format!("it has {found} messages, and `at-most` under [investigations] is {}", self.at_most),
            ),
            AutomaticRule::Canary => {
                (guards.canary == 0, "the playbook acts without a canary: see `canary` of `remediate`".to_owned())
            }
            AutomaticRule::Vips => (facts.vips > 0, format!("messages in mailboxes of VIPs: {}", facts.vips)),
            AutomaticRule::Answered => {
                (facts.answered > 0, format!("messages that their owners have answered: {}", facts.answered))
            }
            AutomaticRule::Sure => (
                facts.sure < found,
                format!("messages that are in no sure cluster: {}", found.saturating_sub(facts.sure)),
            ),
            AutomaticRule::Gaps => (!facts.is_complete(), "not everything could be searched and examined".to_owned()),
        };
        is_broken.then_some(why)
    }
}

fn verdict(verdict: Option<Verdict>) -> String {
    match verdict {
        Some(verdict) => format!("the verdict is {verdict}, and only {} is automatic", Verdict::Malicious),
        None => "the playbook gives no verdict".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    /// A plan of ten messages with the rules of its site.
    struct Plan {
        site: Investigations,
        request: Request,
        guards: Guards,
        facts: PlanFacts,
    }

    /// A change of a plan, and the rule that it breaks.
    type Case = (fn(&mut Plan), &'static str);

    /// The rules that a plan does not meet which met all of them before this change.
    fn broken(change: impl FnOnce(&mut Plan)) -> Vec<String> {
        let (verdict, searched) = (Some(Verdict::Malicious), Some(3));
        let mut plan = Plan {
            site: Investigations { automatic: true, at_most: 10, ..Investigations::default() },
            request: example::request(Action::SoftDelete, ActionSource::Schedule),
            guards: Guards { canary: 1, ..Guards::default() },
            facts: PlanFacts { verdict, searched, sure: 10, ..PlanFacts::default() },
        };
        change(&mut plan);
        let Plan { site, request, guards, facts } = &plan;
        let counts = &Counts::planned(9, 1);
        let asked = Investigated { request, suggestions_without_a_vote: false, guards, facts, counts };
        let all = site.not_automatic(&asked);
        all.into_iter().map(|one| format!("{}: {}", one.rule, one.detail)).collect()
    }

    #[test]
    fn a_plan_that_meets_every_rule_is_automatic() {
        assert_eq!(broken(|_| {}), [""; 0]);
    }

    #[test]
    fn each_rule_asks_for_a_person() {
        let cases: [Case; 13] = [
            (
                |plan| plan.site.automatic = false,
                "switched-on: automatic remediation is off: see `automatic` under [investigations]",
            ),
            (
                |plan| (plan.request.reported, plan.request.source) = (true, ActionSource::Air),
                "reports: reports of people asked for it, and anybody can send a report",
            ),
            (|plan| plan.request.agent = Some("desk".into()), "agent: an AI agent asked for it"),
            (
                |plan| plan.request.source = ActionSource::Air,
                "suggestion: a suggestion asked for it: see `without-a-vote` under [suggestions]",
            ),
            (
                |plan| plan.facts.verdict = Some(Verdict::Suspicious),
                "verdict: the verdict is suspicious, and only malicious is automatic",
            ),
            (|plan| plan.facts.verdict = None, "verdict: the playbook gives no verdict"),
            (
                |plan| plan.request.action = Action::MoveToJunk,
                "action: the action is move-to-junk, and only soft-delete is automatic",
            ),
            (|plan| plan.site.at_most = 9, "at-most: it has 10 messages, and `at-most` under [investigations] is 9"),
            (|plan| plan.guards.canary = 0, "canary: the playbook acts without a canary: see `canary` of `remediate`"),
            (|plan| plan.facts.vips = 2, "vips: messages in mailboxes of VIPs: 2"),
            (|plan| plan.facts.answered = 1, "answered: messages that their owners have answered: 1"),
            (|plan| plan.facts.sure = 7, "sure: messages that are in no sure cluster: 3"),
            (
                |plan| plan.facts.unsearched("ben", "no answer".into()),
                "gaps: not everything could be searched and examined",
            ),
        ];
        for (change, said) in cases {
            assert_eq!(broken(change), [said]);
        }
        let all = broken(|plan| (plan.site.automatic, plan.facts.vips) = (false, 1));
        assert_eq!(all.len(), 2, "{all:?}");
    }

    #[test]
    fn a_suggestion_is_automatic_where_suggestions_need_no_vote() {
        let request = example::request(Action::SoftDelete, ActionSource::Air);
        let (guards, counts) = (Guards::default(), Counts::planned(1, 0));
        let facts = PlanFacts { verdict: Some(Verdict::Malicious), sure: 1, ..PlanFacts::default() };
        let site = Investigations { automatic: true, ..Investigations::default() };
        let (request, guards, facts, counts) = (&request, &guards, &facts, &counts);
        let asked = Investigated { request, suggestions_without_a_vote: true, guards, facts, counts };
        assert_eq!(site.not_automatic(&asked), []);
    }

    #[test]
    fn the_most_messages_have_limits() {
        for at_most in [1, 100, MOST] {
            assert_eq!(Investigations { at_most, ..Investigations::default() }.check(), Ok(()));
        }
        for at_most in [0, MOST + 1] {
            let said = Investigations { at_most, ..Investigations::default() }.check().unwrap_err();
            assert_eq!(said, format!("[investigations] at-most = {at_most}: write a number from 1 to 10000"));
        }
        let default = Investigations::default();
        assert!(!default.automatic && default.at_most == 100 && !default.simulations.is_on());
    }
}
