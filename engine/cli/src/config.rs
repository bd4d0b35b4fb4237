//! `clawback.toml`: one struct, defaults written in it, unknown keys refused with the line they stand in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clawback_action_center::{Oidc, OidcConfig};
use clawback_connectors::StoreConfig;
use clawback_model::{
    BlockListRules, Digest, Investigations, Limits, NodeSetup, PublicUrl, SignedVotes, Throttles, Timestamp,
    WithoutAVote, parse_network, visible_line,
};
use clawback_runtime::{Approvals, BucketConfig, NotifierConfig, Reports, VoteRules, WitnessConfig};
use clawback_store::{CONNECTIONS, FEWEST_CONNECTIONS};
use serde::Deserialize;

use crate::failure::Failure;

/// The configuration file. Relative paths start at its folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Config {
    /// `sqlite:FILE` or `postgres://…`. `CLAWBACK_DATABASE` overrides it.
    pub(crate) database: String,
    /// Connections of each node to PostgreSQL.
    pub(crate) database_connections: u32,
    /// Whether connections to a database on another machine may lack TLS, or the verification of its certificate.
    pub(crate) database_allow_cleartext: bool,
    /// Folder of playbooks.
    pub(crate) workflows: PathBuf,
    /// Folder of scripts.
    pub(crate) scripts: PathBuf,
    /// Token used when neither `--token-file` nor `CLAWBACK_TOKEN` names another.
    pub(crate) token_file: PathBuf,
    /// The key that checkpoints of the history are signed with.
    pub(crate) key_file: PathBuf,
    /// Folder for compiled connectors.
    pub(crate) cache: PathBuf,
    /// Largest selections and batches.
    pub(crate) limits: Limits,
    /// Limits of what runs at once.
    pub(crate) throttles: Throttles,
    /// Limits of what is done without a vote.
    pub(crate) without_a_vote: WithoutAVote,
    /// Rules for roles.
    pub(crate) principals: PrincipalsConfig,
    /// Rules for suggestions.
    pub(crate) suggestions: SuggestionsConfig,
    /// Which investigations run without a vote, and what they leave out.
    pub(crate) investigations: Investigations,
    /// How reports of people are counted and answered.
    pub(crate) reports: Reports,
    /// What block lists have, and for how long.
    pub(crate) block_lists: BlockListRules,
    /// How messages are examined.
    pub(crate) examination: ExaminationConfig,
    /// Lists that scripts and guards read.
    pub(crate) lists: BTreeMap<String, Vec<String>>,
    /// Where people reach the Action Center; links in exports and notifications begin with it.
    pub(crate) public_url: Option<PublicUrl>,
    /// The identity provider for the Action Center, in addition to local accounts.
    pub(crate) oidc: Option<OidcConfig>,
    /// Mail stores by name.
    pub(crate) stores: BTreeMap<String, StoreConfig>,
    /// Notifiers by name.
    pub(crate) notifiers: BTreeMap<String, NotifierConfig>,
    /// Notifications of remediations that wait for votes.
    pub(crate) approvals: Approvals,
    /// Which votes must be signed, and whose keys count.
    pub(crate) signed_votes: SignedVotesConfig,
    /// Receivers of checkpoints.
    pub(crate) checkpoints: CheckpointsConfig,
    /// Where and when messages are kept before they are deleted for good.
    pub(crate) evidence: Option<EvidenceConfig>,
    /// How long messages are kept in the history.
    pub(crate) retention: RetentionConfig,
    /// Where the file is.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
    /// The file itself.
    #[serde(skip)]
    pub(crate) file: PathBuf,
    /// The digests of its parts.
    #[serde(skip)]
    pub(crate) setup: NodeSetup,
    /// Whether the file holds the password of the database.
    #[serde(skip)]
    pub(crate) holds_a_password: bool,
}

/// `[signed-votes]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct SignedVotesConfig {
    /// Which votes must be signed.
    pub(crate) required: SignedVotes,
    /// Since when, for `verify`: RFC 3339 or a date.
    pub(crate) since: Option<String>,
    /// The file of approvers' keys.
    pub(crate) keys: Option<PathBuf>,
}

impl SignedVotesConfig {
    /// What is wrong with it.
    fn check(&self) -> Result<(), &'static str> {
        if self.required != SignedVotes::Optional && self.keys.is_none() {
            return Err("[signed-votes] asks for signatures and names no file of keys: set `keys`");
        }
        match &self.since {
            Some(since) if Timestamp::parse(since).is_none() => {
                Err("[signed-votes] since is no time: write it as 2026-11-23 or 2026-11-23T12:00:00Z")
            }
            _ => Ok(()),
        }
    }
}

/// `[evidence]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct EvidenceConfig {
    /// The folder that raw messages are kept in; made if missing.
    pub(crate) folder: Option<PathBuf>,
    /// Or the bucket.
    pub(crate) bucket: Option<BucketConfig>,
    /// Before every hard delete, unless the playbook says otherwise.
    #[serde(default)]
    pub(crate) keep: bool,
}

/// `[retention]`. Without a value, everything is kept.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct RetentionConfig {
    /// Days after its end that the messages of a remediation are kept.
    pub(crate) messages: Option<u32>,
}

/// `[principals]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct PrincipalsConfig {
    /// Whether giving the roles approver and admin takes two administrators, once there are two.
    pub(crate) second_administrator: bool,
}

impl Default for PrincipalsConfig {
    fn default() -> Self {
        Self { second_administrator: true }
    }
}

/// `[suggestions]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct SuggestionsConfig {
    /// Whether a suggestion may run without a vote, where its playbook asks for none.
    pub(crate) without_a_vote: bool,
}

/// `[examination]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct ExaminationConfig {
    /// Servers whose `Authentication-Results` are believed, by the name that they write first.
    pub(crate) authentication_servers: Vec<String>,
    /// Networks of the site's own relays.
    pub(crate) own_relays: Vec<String>,
}

impl ExaminationConfig {
    /// What is wrong with it.
    fn check(&self) -> Result<(), String> {
        match self.own_relays.iter().find(|network| parse_network(network).is_none()) {
            Some(wrong) => {
                Err(format!("[examination] own-relays: `{}` is no network; write 10.0.0.0/8", visible_line(wrong, 60)))
            }
            None => Ok(()),
        }
    }
}

/// `[checkpoints]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct CheckpointsConfig {
    /// Notifiers that receive a checkpoint each hour, and before messages are deleted for good.
    pub(crate) notify: Vec<String>,
    /// Witnesses, which sign every checkpoint that continues those they have signed.
    pub(crate) witnesses: Vec<WitnessConfig>,
    /// How many witnesses must sign; all by default.
    pub(crate) quorum: Option<usize>,
    /// A bucket that keeps each checkpoint.
    pub(crate) bucket: Option<BucketConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database: "sqlite:clawback.db".to_owned(),
            database_connections: CONNECTIONS,
            database_allow_cleartext: false,
            workflows: "workflows".into(),
            scripts: "scripts".into(),
            token_file: "admin.token".into(),
            key_file: "site.key".into(),
            cache: "cache".into(),
            limits: Limits::default(),
            throttles: Throttles::default(),
            without_a_vote: WithoutAVote::default(),
            principals: PrincipalsConfig::default(),
            suggestions: SuggestionsConfig::default(),
            investigations: Investigations::default(),
            reports: Reports::default(),
            block_lists: BlockListRules::default(),
            examination: ExaminationConfig::default(),
            lists: BTreeMap::new(),
            public_url: None,
            oidc: None,
            stores: BTreeMap::new(),
            notifiers: BTreeMap::new(),
            approvals: Approvals::default(),
            signed_votes: SignedVotesConfig::default(),
            checkpoints: CheckpointsConfig::default(),
            evidence: None,
            retention: RetentionConfig::default(),
            folder: PathBuf::new(),
            file: PathBuf::new(),
            setup: NodeSetup::default(),
            holds_a_password: false,
        }
    }
}

/// The keys that may differ between the nodes of a site: how the node reaches its database, and where its files are. The
/// lists are compared as they are read.
const OF_THE_NODE: [&str; 9] = [
    "cache",
    "database",
    "database-allow-cleartext",
    "database-connections",
    "key-file",
    "lists",
    "scripts",
    "token-file",
    "workflows",
];
/// The tables whose entries are parts of their own.
const BY_NAME: [&str; 2] = ["notifiers", "stores"];

/// Returns the digests of the parts of a configuration file: of its values, so that comments and order do not count.
fn setup(text: &str) -> NodeSetup {
    let mut setup = NodeSetup::default();
    let digest = |value: &toml::Value| Digest::of(value.to_string().as_bytes());
    for (key, value) in toml::from_str::<toml::Table>(text).unwrap_or_default() {
        match value.as_table().filter(|_| BY_NAME.contains(&key.as_str())) {
            Some(named) => named.iter().for_each(|(name, value)| setup.add(format!("{key}.{name}"), digest(value))),
            None if OF_THE_NODE.contains(&key.as_str()) => {}
            None => setup.add(key, digest(&value)),
        }
    }
    setup
}

/// Whether a URL names a password.
fn has_password(url: &str) -> bool {
    let user = url.split_once("://").and_then(|(_, rest)| rest.split_once('@')).map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':')) || url.contains("password=")
}

impl Config {
    /// Reads the file that the command line names, else the one of this folder, else the user's, else the machine's.
    pub(crate) fn find(named: Option<&Path>) -> Result<Self, Failure> {
        let mut candidates: Vec<PathBuf> = Vec::new();
        match named {
            Some(path) if path.is_dir() => candidates.push(path.join("clawback.toml")),
            Some(path) => candidates.push(path.to_owned()),
            None => {
                candidates.push("clawback.toml".into());
                candidates.extend(std::env::home_dir().map(|home| home.join(".config/clawback/clawback.toml")));
                candidates.push("/etc/clawback/clawback.toml".into());
            }
        }
        for path in &candidates {
            match clawback_files::read_policy(path) {
                Ok(text) => return Self::parse(path, &text),
                Err(error) if error.is_missing() => {}
                Err(error) => return Err(Failure::misuse(error.to_string())),
            }
        }
        let looked = candidates.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        Err(Failure::misuse(format!("no configuration at {looked}"))
            .hint("`clawback init` makes one here; --config names another"))
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Failure> {
        let mut config: Self = toml::from_str(text)
            .map_err(|error| Failure::misuse(format!("{} is not right\n{error}", path.display())))?;
        config.setup = setup(text);
        if !(0.0..=1.0).contains(&config.throttles.recipients_ratio) {
            let said = format!("{} is not right: recipients-ratio must be between 0 and 1", path.display());
            return Err(Failure::misuse(said));
        }
        if config.database_connections < FEWEST_CONNECTIONS {
            let said =
                format!("{} is not right: database-connections must be {FEWEST_CONNECTIONS} at least", path.display());
            return Err(Failure::misuse(said));
        }
        if config.retention.messages == Some(0) {
            let said =
                format!("{} is not right: [retention] messages = 0 would remove everything at once", path.display());
            return Err(Failure::misuse(said).hint("1 or more days; leave it out to keep messages for ever"));
        }
        if config.evidence.as_ref().is_some_and(|evidence| evidence.folder.is_some() == evidence.bucket.is_some()) {
            let said = format!("{} is not right: [evidence] needs either `folder` or `bucket`", path.display());
            return Err(Failure::misuse(said));
        }
        if let Some(name) = config.checkpoints.notify.iter().find(|name| !config.notifiers.contains_key(*name)) {
            let said = format!(
                "{} is not right: [checkpoints] names the notifier `{name}`, and there is no [notifiers.{name}]",
                path.display()
            );
            return Err(Failure::misuse(said));
        }
        config
            .approvals
            .check(config.notifiers.keys().cloned())
            .map_err(|said| Failure::misuse(format!("{} is not right: {said}", path.display())))?;
        config
            .reports
            .check(
                &config.notifiers,
                |store| config.stores.contains_key(store),
                !config.examination.authentication_servers.is_empty(),
            )
            .map_err(|said| Failure::misuse(format!("{} is not right: {said}", path.display())))?;
        config
            .investigations
            .check()
            .map_err(|said| Failure::misuse(format!("{} is not right: {said}", path.display())))?;
        config
            .examination
            .check()
            .map_err(|said| Failure::misuse(format!("{} is not right: {said}", path.display())))?;
        config
            .signed_votes
            .check()
            .map_err(|said| Failure::misuse(format!("{} is not right: {said}", path.display())))?;
        config.file =
            std::path::absolute(path).map_err(|error| Failure::misuse(format!("{}: {error}", path.display())))?;
        config.folder = config.file.parent().map(Path::to_owned).unwrap_or_default();
        config.holds_a_password = has_password(&config.database);
        if let Ok(url) = std::env::var("CLAWBACK_DATABASE") {
            config.database = url;
        }
        Ok(config)
    }

    /// A path of the configuration, made absolute.
    pub(crate) fn resolve(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// The same of an optional path.
    fn resolved(&self, path: Option<PathBuf>) -> Option<PathBuf> {
        path.map(|path| self.resolve(&path))
    }

    /// Which votes must be signed, and whose keys count.
    pub(crate) fn vote_rules(&self) -> VoteRules {
        let SignedVotesConfig { required, since, keys } = &self.signed_votes;
        let since = since.as_deref().and_then(Timestamp::parse);
        VoteRules { required: *required, since, keys: self.resolved(keys.clone()) }
    }

    /// The folder of evidence.
    pub(crate) fn evidence_folder(&self) -> Option<PathBuf> {
        self.evidence.as_ref()?.folder.as_deref().map(|folder| self.resolve(folder))
    }

    /// The bucket of evidence.
    pub(crate) fn bucket(&self) -> Option<BucketConfig> {
        self.evidence.as_ref()?.bucket.clone().map(|bucket| self.with_files(bucket))
    }

    /// The bucket that keeps checkpoints.
    pub(crate) fn head_bucket(&self) -> Option<BucketConfig> {
        self.checkpoints.bucket.clone().map(|bucket| self.with_files(bucket))
    }

    fn with_files(&self, bucket: BucketConfig) -> BucketConfig {
        let (credentials_file, ca_file) = (self.resolved(bucket.credentials_file), self.resolved(bucket.ca_file));
        BucketConfig { credentials_file, ca_file, ..bucket }
    }

    /// The connections to other machines that carry credentials or mail without TLS, as the configuration allows: purpose and address.
    pub(crate) fn in_the_clear(&self) -> Vec<(String, String)> {
        let stores = self.stores.iter().flat_map(|(name, store)| {
            store.in_the_clear().into_iter().map(move |place| (format!("store {name}"), place))
        });
        let buckets = [("evidence", self.bucket()), ("checkpoints", self.head_bucket())];
        let buckets = buckets.into_iter().filter_map(|(what, bucket)| {
            let bucket = bucket.filter(|bucket| bucket.allow_cleartext)?;
            Some((what.to_owned(), bucket.in_the_clear()?.to_owned()))
        });
        stores.chain(buckets).collect()
    }

    /// The identity provider, with the address that it redirects to.
    pub(crate) fn oidc(&self) -> Result<Option<Oidc>, Failure> {
        let Some(oidc) = self.oidc.clone() else { return Ok(None) };
        let Some(public_url) = &self.public_url else {
            return Err(Failure::misuse("[oidc] needs `public-url`: the provider sends people back there"));
        };
        let (client_secret_file, ca_file) = (self.resolved(oidc.client_secret_file), self.resolved(oidc.ca_file));
        let oidc = Oidc::new(OidcConfig { client_secret_file, ca_file, ..oidc }, public_url);
        oidc.map(Some).map_err(|error| Failure::misuse(error.to_string()))
    }

    /// The URL of the database without its password.
    pub(crate) fn database_shown(&self) -> String {
        let url = self.database_url();
        match url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?))) {
            Some((scheme, (user, place))) => {
                let user = user.split(':').next().unwrap_or_default();
                format!("{scheme}://{user}@{place}")
            }
            None => url,
        }
    }

    /// The database's URL, with a relative SQLite path made absolute.
    pub(crate) fn database_url(&self) -> String {
        match self.database.strip_prefix("sqlite:") {
            Some(path) => format!("sqlite:{}", self.resolve(Path::new(path.trim_start_matches("//"))).display()),
            None => self.database.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
