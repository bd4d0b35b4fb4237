//! Searches of the pages. Each runs in a task of its own, so that a page can show its progress, cancel it and be loaded
//! again: requests of one caller for the same conditions share one search. Its result is kept for a short time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clawback_model::{Clock, Timestamp};
use clawback_runtime::{DryRun, Observer, Seen};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::problem::Problem;

/// How long a result is kept. A page that is loaded again within it shows the same.
const KEPT: Duration = Duration::from_mins(2);
/// A search whose page is not loaded for so long ends.
const LEFT: Duration = Duration::from_mins(1);
/// Searches of one caller: the oldest gives way to another.
const EACH: usize = 3;

/// The searches of all callers of this node.
#[derive(Default)]
pub(crate) struct Searches(Mutex<Vec<Arc<Search>>>);

/// One search.
pub(crate) struct Search {
    who: String,
    conditions: String,
    begun: Instant,
    mailboxes: AtomicU64,
    found: AtomicU64,
    seen: Mutex<Instant>,
    end: watch::Sender<Option<Arc<End>>>,
    task: Mutex<Option<AbortHandle>>,
    clock: Arc<dyn Clock>,
}

/// What a search found, and when.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) found: Result<DryRun, Problem>,
    pub(crate) at: Timestamp,
    ended: Instant,
}

/// How far a search is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    pub(crate) mailboxes: u64,
    pub(crate) found: u64,
    pub(crate) takes: Duration,
}

impl Searches {
    /// Returns the caller's search for these conditions, if there is one.
    pub(crate) fn of(&self, who: &str, conditions: &str) -> Option<Arc<Search>> {
        let mut all = locked(&self.0);
        all.retain(|search| search.is_current());
        let search = all.iter().find(|search| search.who == who && search.conditions == conditions)?;
        *locked(&search.seen) = Instant::now();
        Some(Arc::clone(search))
    }

    /// Begins a search: `work` makes it, with an observer of its progress.
    pub(crate) fn begin<W: Future<Output = Result<DryRun, Problem>> + Send + 'static>(
        &self,
        who: &str,
        conditions: String,
        clock: Arc<dyn Clock>,
        work: impl FnOnce(Observer) -> W,
    ) -> Arc<Search> {
        self.forget(who, &conditions);
        let search = Arc::new(Search {
            who: who.to_owned(),
            conditions,
            begun: Instant::now(),
            mailboxes: AtomicU64::default(),
            found: AtomicU64::default(),
            seen: Mutex::new(Instant::now()),
            end: watch::Sender::new(None),
            task: Mutex::new(None),
            clock,
        });
        let task = tokio::spawn(run(Arc::clone(&search), work(observer(&search))));
        *locked(&search.task) = Some(task.abort_handle());
        let mut all = locked(&self.0);
        let own: Vec<usize> = (0..all.len()).filter(|at| all[*at].who == who).collect();
        if own.len() >= EACH {
            all.remove(own[0]).abort();
        }
        all.push(Arc::clone(&search));
        search
    }

    /// Ends the caller's search for these conditions, and forgets its result. Returns how far it was, if it was running.
    pub(crate) fn forget(&self, who: &str, conditions: &str) -> Option<Progress> {
        let mut all = locked(&self.0);
        let at = all.iter().position(|search| search.who == who && search.conditions == conditions)?;
        let search = all.remove(at);
        let running = search.end.borrow().is_none().then(|| search.progress());
        search.abort();
        running
    }
}

impl Search {
    /// Waits for the result, at most so long.
    pub(crate) async fn end(&self, within: Duration) -> Option<Arc<End>> {
        let mut end = self.end.subscribe();
        let end = timeout(within, end.wait_for(Option::is_some)).await.ok()?.ok()?;
        end.clone()
    }

    pub(crate) fn progress(&self) -> Progress {
        let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
        Progress { mailboxes: count(&self.mailboxes), found: count(&self.found), takes: self.begun.elapsed() }
    }

    fn is_current(&self) -> bool {
        self.end.borrow().as_ref().is_none_or(|end| end.ended.elapsed() < KEPT)
    }

    fn abort(&self) {
        if let Some(task) = &*locked(&self.task) {
            task.abort();
        }
        self.finish(Err(Problem::bad_request("the search was cancelled; search again")));
    }

    /// Sets the result, unless there is one.
    fn finish(&self, found: Result<DryRun, Problem>) {
        self.end.send_if_modified(|end| {
            let is_running = end.is_none();
            if is_running {
                *end = Some(Arc::new(End { found, at: self.clock.now(), ended: Instant::now() }));
            }
            is_running
        });
    }

    /// Waits until no page has shown the search for a time.
    async fn left(&self) {
        loop {
            let until = *locked(&self.seen) + LEFT;
            if Instant::now() >= until {
                return;
            }
            sleep_until(until).await;
        }
    }
}

fn observer(search: &Arc<Search>) -> Observer {
    let search = Arc::clone(search);
    Arc::new(move |seen| {
        if let Seen::Searching { mailboxes, found } = seen {
            search.mailboxes.store(mailboxes, Ordering::Relaxed);
            search.found.store(found, Ordering::Relaxed);
        }
    })
}

async fn run(search: Arc<Search>, work: impl Future<Output = Result<DryRun, Problem>>) {
    let found = tokio::select! {
        found = work => found,
        () = search.left() => Err(Problem::bad_request("no page waited for this search; search again")),
    };
    search.finish(found);
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
