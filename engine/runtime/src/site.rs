//! Everything that one node works with, assembled once at start and passed down.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clawback_connectors::Examiner;
use clawback_model::{
    BlockListRules, Clock, FeatureRequest, Investigations, Limits, NodeSetup, PublicUrl, Throttles, Timestamp,
    VerificationKey, WithoutAVote,
};
use clawback_store::Store;

use crate::checkpoints::keepers::Checkpoints;
use crate::error::Error;
use crate::evidence::place::Evidence;
use crate::gate::Gated;
use crate::library::Library;
use crate::metrics::Metrics;
use crate::notifying::approvals::Approvals;
use crate::notifying::notifier::Notifier;
use crate::report_settings::{AnswerTexts, Reports};
use crate::vote_rules::VoteRules;

/// The surroundings of one node.
pub struct Site {
    /// The action history.
    pub history: Store,
    /// Mail stores by their configured names.
    pub stores: BTreeMap<Arc<str>, Arc<Gated>>,
    /// Playbooks, scripts and lists.
    pub library: Library,
    /// Notifiers by their configured names.
    pub notifiers: BTreeMap<String, Notifier>,
    /// Who is notified of what waits for votes.
    pub approvals: Approvals,
    /// Which votes must be signed, and whose keys count.
    pub vote_rules: VoteRules,
    /// Who receives checkpoints of the history.
    pub checkpoints: Option<Checkpoints>,
    /// The key that checkpoints of this history are signed with, as far as this node knows it.
    pub signer: Option<VerificationKey>,
    /// The base of links.
    pub public_url: Option<PublicUrl>,
    /// Where messages are kept before they are deleted for good.
    pub evidence: Option<Evidence>,
    /// The key of features, the servers whose results are believed, and the site's own relays.
    pub examination: FeatureRequest,
    /// Examines mails of the mailbox for reports; `None` if the site has none, or works on nothing.
    pub examiner: Option<Examiner>,
    /// Largest selections.
    pub limits: Limits,
    /// How much may run at once.
    pub throttles: Throttles,
    /// How much may be done without a vote.
    pub without_a_vote: WithoutAVote,
    /// Whether giving the roles approver and admin takes two administrators, once there are two.
    pub second_administrator: bool,
    /// Whether a suggestion from outside may run without a vote, if its playbook asks for none.
    pub suggestions_without_a_vote: bool,
    /// Which investigations run without a vote, and what they leave out.
    pub investigations: Investigations,
    /// How reports of people are counted and answered.
    pub reports: Reports,
    /// What block lists have, and for how long.
    pub block_lists: BlockListRules,
    /// The texts of the answers.
    pub answers: AnswerTexts,
    /// The source of the current time.
    pub clock: Arc<dyn Clock>,
    /// Random bits for identifiers.
    pub random: fn() -> u64,
    /// This node's name, as recorded in leases.
    pub node: String,
    /// What the configuration file of this node says, part by part.
    pub configuration: NodeSetup,
    /// Waits and limits.
    pub tuning: Tuning,
    /// The metrics of this node.
    pub metrics: Metrics,
}

/// Waits and limits of the scheduler. The defaults suit a server on the same network.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// Messages in one page of a search.
    pub page: u32,
    /// Outcomes written in one transaction.
    pub flush: usize,
    /// The longest time that an outcome waits for its transaction.
    pub flush_after: Duration,
    /// Tries of one call that fails with a passing error, including the first.
    pub attempts: u32,
    /// Wait before the second try; it doubles for each further one.
    pub backoff: Duration,
    /// Longest time that one chunk of a lane waits for a store that throttles.
    pub throttle_patience: Duration,
    /// How long a lane is left alone whose store did not answer in any of the tries.
    pub outage_pause: Duration,
    /// How often a lane may be left alone on a node that serves, before its targets fail. For a command in the
    /// foreground it never is: the person sees the failure, and can retry.
    pub outage_pauses: u64,
    /// How long a lease lasts without a heartbeat.
    pub lease: Duration,
    /// How often a running worker checks for a pause or a cancel.
    pub control: Duration,
    /// Looks of sweeps that may be under way at once.
    pub looks: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            page: 500,
            flush: 2_000,
            flush_after: Duration::from_millis(50),
            attempts: 5,
            backoff: Duration::from_millis(250),
            throttle_patience: Duration::from_mins(10),
            outage_pause: Duration::from_secs(30),
            outage_pauses: 20,
            lease: Duration::from_secs(30),
            control: Duration::from_millis(250),
            looks: 4,
        }
    }
}

impl Site {
    /// The store of that name.
    pub fn store(&self, name: &str) -> Result<&Arc<Gated>, Error> {
        self.stores.get(name).ok_or_else(|| Error::UnknownStore {
            name: name.to_owned(),
            known: self.stores.keys().map(|name| &**name).collect::<Vec<_>>().join(", "),
        })
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
