//! The tools that an agent is offered. Nothing else of the API can be reached through them.

use std::sync::Arc;

use rmcp::handler::server::common::schema_for_type;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};

use super::asked::{Explain, Investigate, ListOf, Nothing, Plan, Propose, Search};

/// A tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// Messages that match conditions.
    Search,
    /// One remediation.
    Explain,
    /// One message, or the investigation of a remediation.
    Investigate,
    /// What a playbook would do.
    Plan,
    /// A remediation that waits for a vote.
    Propose,
    /// Remediations.
    Status,
    /// Whether the history is whole.
    Verify,
}

impl Name {
    const ALL: [Self; 7] =
        [Self::Search, Self::Explain, Self::Investigate, Self::Plan, Self::Propose, Self::Status, Self::Verify];

    /// The tool of this name.
    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.as_str() == name)
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Explain => "explain",
            Self::Investigate => "investigate",
            Self::Plan => "plan",
            Self::Propose => "propose",
            Self::Status => "status",
            Self::Verify => "verify",
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Self::Search => {
                "Searches mailboxes for messages that match all conditions; returns counts and the first 50 messages, \
                 without their content. Never stores, moves or deletes anything."
            }
            Self::Explain => {
                "Describes one remediation: status, counts, outcomes by reason, what was not searched, and its last \
                 events. Never votes, starts, pauses, cancels or undoes it."
            }
            Self::Investigate => {
                "With `message`, examines the bytes of a message: senders, links, attachments, and the root by which \
                 its copies are found. With `id`, returns the investigation of a remediation and its first 50 messages. \
                 Never reads a message from a mailbox, never returns a body, and keeps nothing."
            }
            Self::Plan => {
                "Shows what a playbook would do with these inputs: counts, votes needed, the first 50 messages. A dry \
                 run. Never stores, moves or deletes anything; refuses hard-delete."
            }
            Self::Propose => {
                "Submits a remediation that waits for the vote of a person other than the requester, whatever the \
                 playbook and the site ask for. Soft delete and moves only. Never acts on a message itself, never \
                 votes; refuses hard-delete."
            }
            Self::Status => "Lists the last 50 remediations that match the filters. Never changes one of them.",
            Self::Verify => {
                "Checks whether the action history is as it was recorded, and names the first fault. Never changes or \
                 repairs it."
            }
        }
    }

    fn schema(self) -> Arc<JsonObject> {
        match self {
            Self::Search => schema_for_type::<Search>(),
            Self::Explain => schema_for_type::<Explain>(),
            Self::Investigate => schema_for_type::<Investigate>(),
            Self::Plan => schema_for_type::<Plan>(),
            Self::Propose => schema_for_type::<Propose>(),
            Self::Status => schema_for_type::<ListOf>(),
            Self::Verify => schema_for_type::<Nothing>(),
        }
    }
}

/// The description of each tool.
pub(super) fn all() -> Vec<Tool> {
    let described = |tool: Name| {
        let hints = ToolAnnotations::new().read_only(tool != Name::Propose).destructive(false).open_world(false);
        Tool::new(tool.as_str(), tool.description(), tool.schema()).with_annotations(hints)
    };
    Name::ALL.into_iter().map(described).collect()
}
