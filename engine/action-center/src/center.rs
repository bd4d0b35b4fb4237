//! The state that every request of the Action Center shares: the site, the settings, limits for costly work, and
//! caches.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use clawback_app::Api;
use clawback_connectors::Host;
use clawback_model::{Principal, Rate, Timestamp};
use clawback_runtime::{AuditError, DryRun, Error, Observer, Site, Submission};
use clawback_store::{Head, TrustedHeads, Verified, VerifyError};
use tokio::sync::Semaphore;

use crate::limiter::Limiter;
use crate::oidc::Oidc;
use crate::password::Turns;
use crate::problem::Problem;
use crate::refusals::Refusals;
use crate::searches::Searches;
use crate::source::Source;
use crate::status_cache::StatusCache;
use crate::uses::Uses;

/// Passwords checked at once, of strangers and of known callers each: a check takes 19 MiB and a processor.
const PASSWORDS_AT_ONCE: usize = 1;
/// Playbooks checked at once: a check takes some milliseconds of a processor.
const CHECKS_AT_ONCE: usize = 2;
/// Previews at once, over all callers: each searches every mailbox.
const PREVIEWS_AT_ONCE: usize = 4;
/// Checks of the whole history, or of all evidence, at once: each reads everything.
const VERIFYING_AT_ONCE: usize = 1;
/// Sign-ins per address, over all names. Twenty people behind one address may sign in at once.
const BY_ADDRESS: Rate = Rate { burst: 20, every: Duration::from_secs(30) };

/// How the Action Center is served.
#[derive(Clone, Default)]
pub struct Settings {
    /// Whether browsers reach it over TLS (a proxy in front of it counts): cookies are for TLS only.
    pub secure: bool,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub proxies: Vec<IpAddr>,
    /// The identity provider for sign-in, in addition to local accounts.
    pub oidc: Option<Arc<Oidc>>,
    /// The host of the built-in connectors, which describes them; `None`: they cannot be listed.
    pub host: Option<Arc<Host>>,
    /// The version of the program, as every page shows it; with the commit, if the build names it.
    pub version: &'static str,
}

/// The Action Center of one site.
#[derive(Clone)]
pub struct Center(Arc<Inner>);

struct Inner {
    api: Api,
    settings: Settings,
    passwords: Passwords,
    addresses: Limiter<Source>,
    refusals: Refusals,
    checks: Arc<Semaphore>,
    previews: Semaphore,
    verifying: Semaphore,
    verifying_evidence: Semaphore,
    searches: Searches,
    status_cache: StatusCache,
    uses: Uses,
}

/// Turns to check passwords. Known callers do not wait behind strangers.
#[derive(Debug)]
pub(crate) struct Passwords {
    pub(crate) strangers: Turns,
    pub(crate) known: Turns,
}

impl Center {
    /// The Action Center of a site.
    pub fn new(api: Api, settings: Settings) -> Self {
        Self(Arc::new(Inner {
            api,
            settings,
            passwords: Passwords { strangers: Turns::new(PASSWORDS_AT_ONCE), known: Turns::new(PASSWORDS_AT_ONCE) },
            addresses: Limiter::new(BY_ADDRESS),
            refusals: Refusals::default(),
            checks: Arc::new(Semaphore::new(CHECKS_AT_ONCE)),
            previews: Semaphore::new(PREVIEWS_AT_ONCE),
            verifying: Semaphore::new(VERIFYING_AT_ONCE),
            verifying_evidence: Semaphore::new(VERIFYING_AT_ONCE),
            searches: Searches::default(),
            status_cache: StatusCache::default(),
            uses: Uses::default(),
        }))
    }

    pub(crate) fn api(&self) -> &Api {
        &self.0.api
    }

    pub(crate) fn site(&self) -> &Arc<Site> {
        self.0.api.site()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.site().now()
    }

    /// Turns to check a password.
    pub(crate) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    /// Addresses that tried passwords recently.
    pub(crate) fn addresses(&self) -> &Limiter<Source> {
        &self.0.addresses
    }

    /// Recent refusals.
    pub(crate) fn refusals(&self) -> &Refusals {
        &self.0.refusals
    }

    /// Permits to check a playbook.
    pub(crate) fn checks(&self) -> &Arc<Semaphore> {
        &self.0.checks
    }

    /// Makes a dry run, once there is a permit, and keeps nothing.
    pub(crate) async fn preview(
        &self,
        who: &Principal,
        submission: Submission,
        sample: usize,
        observer: &Observer,
    ) -> Result<DryRun, Problem> {
        let _turn = self.0.previews.acquire().await.map_err(|_| Problem::internal())?;
        Ok(self.api().dry_run(who, submission, sample, observer).await?)
    }

    /// Searches of the pages.
    pub(crate) fn searches(&self) -> &Searches {
        &self.0.searches
    }

    /// Checks the history, once there is a permit. Returns it as verified, or the first fault.
    pub(crate) async fn verified(&self, known: Option<Head>) -> Result<Result<Verified, String>, Problem> {
        let _turn = self.0.verifying.acquire().await.map_err(|_| Problem::internal())?;
        let noted = TrustedHeads { head: known, now: Some(self.now()), log: None };
        match self.site().verify(noted).await {
            Ok(verified) => Ok(Ok(verified)),
            Err(AuditError::History(VerifyError::Store(error))) => Err(error.into()),
            Err(AuditError::History(VerifyError::Broken(found))) => Ok(Err(found.to_string())),
            Err(broken @ AuditError::Votes { .. }) => Ok(Err(broken.to_string())),
            Err(AuditError::Keys(error)) => Err(Error::from(error).into()),
        }
    }

    /// Permits to check all evidence.
    pub(crate) fn verifying_evidence(&self) -> &Semaphore {
        &self.0.verifying_evidence
    }

    /// The state that all pages show.
    pub(crate) fn status_cache(&self) -> &StatusCache {
        &self.0.status_cache
    }

    /// Sessions whose use is to be recorded.
    pub(crate) fn uses(&self) -> &Uses {
        &self.0.uses
    }
}
