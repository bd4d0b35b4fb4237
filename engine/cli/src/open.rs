//! Opens a site as the configuration describes it: database, stores, library, notifiers; and authenticates the caller.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use clawback_app::Api;
use clawback_connectors::{Host, HostOptions, MailStore};
use clawback_model::{
    AlertId, ApprovalId, Clock, FeatureRequest, InvalidId, InvestigationId, Principal, RemediationId, THREAD_FIELDS,
    Timestamp,
};
use clawback_playbooks::Playbook;
use clawback_runtime::{
    AnswerTexts, Checkpoints, Evidence, Gated, HeadBucket, KeyError, Library, Metrics, Notifier, Site, SiteKey, Tuning,
    Witnesses, node_name,
};
use clawback_scripting::{Lists, SECOPS_MAILBOXES};
use clawback_store::{Access, Store};

use crate::args::{Global, Leave};
use crate::config::Config;
use crate::failure::{Failure, chain};
use crate::shipped;

/// The real clock; the only place that reads it.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// 64 random bits of the operating system.
pub(crate) fn random() -> u64 {
    getrandom::u64().expect("the operating system has random numbers")
}

/// Which of the stores a command needs: opening one compiles its connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stores {
    /// It only reads the history.
    None,
    /// It examines messages that it gives, in a built-in connector.
    Examiner,
    /// It searches or acts.
    All,
}

impl Stores {
    /// No stores where a worker does the work; `like` is a message to examine.
    pub(crate) fn unless(leave: Leave, like: Option<&str>) -> Self {
        match (leave.no_run || leave.watch, like) {
            (false, _) => Self::All,
            (true, Some(_)) => Self::Examiner,
            (true, None) => Self::None,
        }
    }
}

/// An open site and the principal who calls.
pub(crate) struct Session {
    pub(crate) api: Api,
    pub(crate) who: Principal,
    /// The token that shows who calls.
    pub(crate) token: String,
    /// The host of the built-in connectors, where messages are examined.
    pub(crate) host: Option<Arc<Host>>,
}

impl Session {
    /// Opens everything that the configuration names.
    pub(crate) async fn open(global: &Global, stores: Stores) -> Result<Self, Failure> {
        let config = Config::find(global.config.as_deref())?;
        let (site, host) = site_and_host(&config, stores).await?;
        let api = Api::new(Arc::new(site));
        let token = secret(global, &config)?;
        let who = api.authenticate(&token).await?;
        Ok(Self { api, who, token, host })
    }

    /// The open site.
    pub(crate) fn site(&self) -> &Arc<Site> {
        self.api.site()
    }
}

/// The ID of a remediation, approval, investigation or alert as it was typed, for a path of the API.
pub(crate) fn any_id(id: &str) -> Result<String, Failure> {
    let beside = [
        id.parse::<ApprovalId>().map(|id| id.to_string()),
        id.parse::<InvestigationId>().map(|id| id.to_string()),
        id.parse::<AlertId>().map(|id| id.to_string()),
    ];
    match beside.into_iter().find_map(Result::ok) {
        Some(id) => Ok(id),
        None => Ok(typed_id::<RemediationId>(id)?.to_string()),
    }
}

/// An ID as it was typed.
pub(crate) fn typed_id<T: FromStr<Err = InvalidId>>(id: &str) -> Result<T, Failure> {
    id.parse().map_err(|error: InvalidId| Failure::misuse(error.to_string()))
}

/// A site as configured.
pub(crate) async fn site(config: &Config, stores: Stores) -> Result<Site, Failure> {
    Ok(site_and_host(config, stores).await?.0)
}

/// A site as configured, and the host of its connectors if the command needs one.
async fn site_and_host(config: &Config, stores: Stores) -> Result<(Site, Option<Arc<Host>>), Failure> {
    let access = Access { connections: config.database_connections, allow_cleartext: config.database_allow_cleartext };
    let history = Store::open_with(&config.database_url(), access).await.map_err(|error| {
        Failure::failed(format!("the action history {}: {}", config.database_shown(), chain(&error)))
    })?;
    let mut site = Site {
        history,
        stores: std::collections::BTreeMap::new(),
        library: library(config)?,
        notifiers: std::collections::BTreeMap::new(),
        evidence: evidence(config, stores)?,
        approvals: config.approvals.clone(),
        vote_rules: config.vote_rules(),
        checkpoints: checkpoints(config, stores)?,
        // Callers that need the key report that it is missing.
        signer: site_key(config).ok().map(|key| key.public().clone()),
        public_url: config.public_url.clone(),
        examination: examination(config),
        examiner: None,
        limits: config.limits,
        throttles: config.throttles,
        without_a_vote: config.without_a_vote,
        second_administrator: config.principals.second_administrator,
        suggestions_without_a_vote: config.suggestions.without_a_vote,
        investigations: config.investigations.clone(),
        reports: config.reports.clone(),
        block_lists: config.block_lists.clone(),
        answers: answers(config)?,
        clock: Arc::new(SystemClock),
        random,
        node: node_name(random()),
        configuration: config.setup.clone(),
        tuning: Tuning::default(),
        metrics: Metrics::default(),
    };
    for (name, notifier) in &config.notifiers {
        site.notifiers.insert(name.clone(), Notifier::open(name, notifier, &config.folder)?);
    }
    let host = if stores == Stores::None { None } else { Some(Arc::new(host(config)?)) };
    if let (Stores::All, Some(host)) = (stores, &host) {
        if config.reports.mailbox.is_some() {
            let examiner = host.examiner().await;
            site.examiner = Some(examiner.map_err(|error| clawback_runtime::Error::NoExaminer(Some(Box::new(error))))?);
        }
        for (name, store) in open_stores(config, host).await? {
            let gated =
                Gated::new(store, site.history.clone(), Arc::clone(&site.clock), site.node.clone(), site.tuning.lease);
            site.stores.insert(name.into(), Arc::new(gated));
        }
    }
    Ok((site, host))
}

/// The receivers of checkpoints, and the key that signs these. Commands that only read need neither.
fn checkpoints(config: &Config, stores: Stores) -> Result<Option<Checkpoints>, Failure> {
    let notify = config.checkpoints.notify.clone();
    let witnesses = witnesses(config)?;
    let bucket = config.head_bucket();
    if (notify.is_empty() && witnesses.is_empty() && bucket.is_none()) || stores == Stores::None {
        return Ok(None);
    }
    if let Some(bucket) = &bucket {
        bucket.check_keys()?;
    }
    let bucket = bucket.as_ref().map(HeadBucket::open).transpose()?;
    Ok(Some(Checkpoints { key: site_key(config)?, notify, bucket, witnesses }))
}

/// The key of the configuration, which checkpoints are signed with.
pub(crate) fn site_key(config: &Config) -> Result<SiteKey, Failure> {
    SiteKey::read(&config.resolve(&config.key_file)).map_err(|error| Failure::misuse(chain(&error)))
}

/// How messages are examined. Without a site's key the hashes of features are not secret. A key that cannot be read is
/// replaced by a random one, under which every root is refused.
pub(crate) fn examination(config: &Config) -> FeatureRequest {
    let key = match SiteKey::read(&config.resolve(&config.key_file)) {
        Ok(key) => key.features(),
        Err(KeyError::Unreadable(error)) if error.is_missing() => (0, 0),
        Err(error) => {
            tracing::debug!(%error, "The site's key cannot be read, so no root can be compared.");
            (random(), random())
        }
    };
    FeatureRequest {
        key,
        authentication_servers: config.examination.authentication_servers.clone(),
        own_relays: config.examination.own_relays.clone(),
        headers: THREAD_FIELDS
            .map(str::to_owned)
            .into_iter()
            .chain(config.investigations.simulations.fields())
            .collect(),
        ..FeatureRequest::default()
    }
}

/// The witnesses, which cosign checkpoints.
pub(crate) fn witnesses(config: &Config) -> Result<Witnesses, Failure> {
    let opened = Witnesses::open(&config.checkpoints.witnesses, config.checkpoints.quorum);
    opened.map_err(|said| Failure::misuse(format!("{} is not right: [checkpoints] {said}", config.file.display())))
}

/// The texts of the answers to reporters.
fn answers(config: &Config) -> Result<AnswerTexts, Failure> {
    AnswerTexts::read(&config.reports.answers, &config.folder)
        .map_err(|said| Failure::misuse(format!("{} is not right: [reports.answers] {said}", config.file.display())))
}

/// The place where messages are kept before they are deleted for good. Commands that only read need no keys of a bucket.
fn evidence(config: &Config, stores: Stores) -> Result<Option<Evidence>, Failure> {
    let Some(evidence) = &config.evidence else { return Ok(None) };
    if let Some(bucket) = config.bucket() {
        if stores == Stores::All {
            bucket.check_keys()?;
        }
        return Ok(Some(Evidence::bucket(&bucket, evidence.keep)?));
    }
    let folder = evidence.folder.as_deref().map(|folder| Evidence::folder(&config.resolve(folder), evidence.keep));
    Ok(folder.transpose()?)
}

/// The connector host, with its cache in the folder of the configuration.
pub(crate) fn host(config: &Config) -> Result<Host, Failure> {
    let options = HostOptions {
        cache: Some(config.resolve(&config.cache)),
        base: config.folder.clone(),
        clock: Arc::new(SystemClock),
        ..HostOptions::default()
    };
    Host::new(options).map_err(|error| Failure::misuse(chain(&error)))
}

async fn open_stores(config: &Config, host: &Host) -> Result<Vec<(String, Arc<dyn MailStore>)>, Failure> {
    let mut stores = Vec::new();
    for (name, store) in &config.stores {
        let loaded = host
            .load(name, store)
            .await
            .map_err(|error| Failure::misuse(chain(&error)).hint("`clawback doctor` tests every store"))?;
        stores.push((name.clone(), loaded));
    }
    Ok(stores)
}

/// Playbooks, scripts and lists. They need neither database nor store.
pub(crate) fn library(config: &Config) -> Result<Library, Failure> {
    let mut lists = Lists::new(config.lists.clone()).map_err(|error| Failure::misuse(format!("[lists]: {error}")))?;
    // What people report is evidence.
    if let Some(abuse) = &config.reports.mailbox {
        lists = lists.with(SECOPS_MAILBOXES, &abuse.mailbox);
    }
    Ok(Library {
        workflows: config.resolve(&config.workflows),
        scripts: config.resolve(&config.scripts),
        shipped_workflows: shipped::by_name(&shipped::WORKFLOWS),
        shipped_scripts: shipped::by_name(&shipped::SCRIPTS),
        lists,
    })
}

/// Checks the text of a playbook against the configuration; opens neither stores nor history.
pub(crate) fn check(
    library: &Library,
    config: &Config,
    path: &str,
    source: &str,
) -> Result<Playbook, clawback_runtime::Error> {
    let stores = Some(config.stores.keys().cloned().collect());
    let notifiers = Some(config.notifiers.keys().cloned().collect());
    library.check(path, source, stores, notifiers, config.limits)
}

/// The caller's token: of `--token-file`, else of `CLAWBACK_TOKEN`, else of the configuration's `token-file`.
fn secret(global: &Global, config: &Config) -> Result<String, Failure> {
    named_secret(global)?.map_or_else(|| read_token(&config.resolve(&config.token_file)), Ok)
}

/// The token that `--token-file` or `CLAWBACK_TOKEN` names.
pub(crate) fn named_secret(global: &Global) -> Result<Option<String>, Failure> {
    match &global.token_file {
        Some(path) => read_token(path).map(Some),
        None => Ok(std::env::var("CLAWBACK_TOKEN").ok()),
    }
}

fn read_token(path: &Path) -> Result<String, Failure> {
    clawback_files::read_secret(path).map_err(|error| {
        Failure::misuse(format!("token file {error}"))
            .hint("`clawback init` makes the first administrator's; CLAWBACK_TOKEN or --token-file names another")
    })
}

/// Writes a file that only its owner may read; refuses to replace one.
pub(crate) fn write_secret(path: &Path, secret: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    Ok(writeln!(clawback_files::create(path)?, "{secret}")?)
}
