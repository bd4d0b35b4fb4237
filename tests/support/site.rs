//! A site in the test's own process: any stores, any playbook, a real history.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clawback_app::Api;
use clawback_connectors::MailStore;
use clawback_model::{
    ActionSource, BlockListRules, Clock, Credential, CredentialKind, FeatureRequest, Investigations, Limits,
    ManualClock, NodeSetup, Principal, PrincipalKind, Role, SelectionMode, Throttles, Timestamp, WithoutAVote,
};
use clawback_runtime::{AnswerTexts, Approvals, Gated, Library, Metrics, Reports, Site, Submission, Tuning, VoteRules};
use clawback_store::Store;

/// 2026-11-23T12:00:00Z: the time of tests.
pub const NOON: Timestamp = Timestamp(1_795_435_200_000_000);

/// A site with these stores, whose playbooks are `playbooks` (name and text).
pub fn site(
    history: Store,
    stores: Vec<Arc<dyn MailStore>>,
    playbooks: &[(&str, &str)],
    clock: Arc<dyn Clock>,
) -> Site {
    site_of(history, stores, playbooks, clock, "test-node", Tuning::default().lease)
}

/// The same on a node of this name, whose leases last for `lease`.
pub fn site_of(
    history: Store,
    stores: Vec<Arc<dyn MailStore>>,
    playbooks: &[(&str, &str)],
    clock: Arc<dyn Clock>,
    node: &str,
    lease: Duration,
) -> Site {
    let shipped = |folder: &str, ending: &str| -> BTreeMap<String, String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
        let files = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        files
            .filter_map(|file| {
                let name = file.file_name().into_string().ok()?;
                let text = name.ends_with(ending).then(|| std::fs::read_to_string(file.path()).ok())??;
                Some((name, text))
            })
            .collect()
    };
    let mut workflows: BTreeMap<String, String> =
        shipped("workflows", ".yaml").into_iter().map(|(name, text)| (name.replace(".yaml", ""), text)).collect();
    workflows.extend(playbooks.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
    let tuning = Tuning { backoff: Duration::from_millis(5), lease, ..Tuning::default() };
    let gated = |store| Arc::new(Gated::new(store, history.clone(), Arc::clone(&clock), node.to_owned(), tuning.lease));
    let stores = stores.into_iter().map(gated).map(|store| (Arc::clone(store.name()), store)).collect();
    Site {
        history,
        stores,
        library: Library {
            shipped_workflows: workflows,
            shipped_scripts: shipped("scripts", ".rhai"),
            ..Library::default()
        },
        notifiers: [("soc".to_owned(), clawback_runtime::Notifier::LOG)].into(),
        approvals: Approvals::default(),
        vote_rules: VoteRules::default(),
        checkpoints: None,
        signer: None,
        public_url: None,
        evidence: None,
        examination: FeatureRequest::default(),
        examiner: None,
        limits: Limits::default(),
        throttles: Throttles::default(),
        without_a_vote: WithoutAVote::unlimited(),
        second_administrator: true,
        suggestions_without_a_vote: false,
        investigations: Investigations::default(),
        reports: Reports::default(),
        block_lists: BlockListRules::default(),
        answers: AnswerTexts::default(),
        clock,
        random,
        node: node.to_owned(),
        configuration: NodeSetup::default(),
        tuning,
        metrics: Metrics::default(),
    }
}

/// The system's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "several processes share one history: their clocks are the machine's"
    )]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// A clock that is off by a fixed time.
#[derive(Debug, Clone, Copy)]
pub struct SkewedClock {
    /// Microseconds that it is ahead; negative if behind.
    pub ahead: i64,
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        Timestamp(SystemClock.now().0 + self.ahead)
    }
}

/// A manual clock at [`NOON`].
pub fn noon() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(NOON))
}

/// Random bits, different in every call.
pub fn random() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// A token that its owner made.
pub fn own(name: &str) -> Credential {
    Credential { kind: CredentialKind::Token, label: "test".to_owned(), issued_by: name.to_owned(), issued_at: NOON }
}

/// A principal with these roles, authenticated by a token of their own.
pub fn person(name: &str, roles: &[Role]) -> Principal {
    Principal { credential: Some(own(name)), ..Principal::new(name, PrincipalKind::Person, roles.to_vec()) }
}

/// The same, recorded in the site: a vote counts at the start only if its voter may still decide then.
pub async fn known(history: &Store, name: &str, roles: &[Role]) -> Principal {
    let person = person(name, roles);
    if history.principal(name).await.is_err() {
        history.add_principal(&person, "root", NOON).await.expect("a principal is added once");
    }
    person
}

/// A whole query of a playbook.
pub fn submission(playbook: &str, inputs: &[(&str, &str)]) -> Submission {
    Submission {
        playbook: playbook.to_owned(),
        inputs: inputs.iter().copied().collect(),
        name: None,
        severity: None,
        description: None,
        source: ActionSource::Manual,
        agent: None,
        mode: SelectionMode::Query,
        picked: Vec::new(),
    }
}

/// The application layer of a site.
pub fn api(site: Site) -> Api {
    Api::new(Arc::new(site))
}
