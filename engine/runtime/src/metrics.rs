//! The metrics of a node. Names and units follow Prometheus; no metric is about a single message, mailbox or person.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use clawback_model::{Outcome, OutcomeKind, Reason, Remediation, Status, Timestamp};
use clawback_store::Queue;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

/// The counters and durations of one node, and the gauges of the site, which are read for each scrape.
pub struct Metrics {
    registry: Registry,
    outcomes: Family<OutcomeLabels, Counter>,
    throttles: Family<StoreLabels, Counter>,
    stops: Family<RuleLabels, Counter>,
    notices: Family<NoticeLabels, Counter>,
    batch_duration: Histogram,
    approval_wait: Histogram,
    lanes_ready: Gauge,
    queue_age: Gauge<f64, AtomicU64>,
    remediations: Family<StatusLabels, Gauge>,
    notices_waiting: Gauge,
    halted: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    kind: &'static str,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StoreLabels {
    store: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RuleLabels {
    rule: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NoticeLabels {
    notifier: String,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    status: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("clawback");
        // A batch takes from milliseconds to the longest wait for a store that throttles; a vote from minutes to a
        // week.
        let new = Self {
            outcomes: Family::default(),
            throttles: Family::default(),
            stops: Family::default(),
            notices: Family::default(),
            batch_duration: Histogram::new(exponential_buckets(0.05, 2.5, 12)),
            approval_wait: Histogram::new(exponential_buckets(15.0, 3.0, 10)),
            lanes_ready: Gauge::default(),
            queue_age: Gauge::default(),
            remediations: Family::default(),
            notices_waiting: Gauge::default(),
            halted: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register("outcomes", "Messages with an outcome, by kind and reason", new.outcomes.clone());
        registry.register("throttles", "Calls that a store throttled", new.throttles.clone());
        registry.register("stops", "Remediations paused, held or refused, by rule", new.stops.clone());
        registry.register(
            "notices",
            "Tries to notify of a change of status, by notifier and result",
            new.notices.clone(),
        );
        let seconds = || Unit::Seconds;
        let help = "Time from a batch's start to its end on this node";
        registry.register_with_unit("batch_duration", help, seconds(), new.batch_duration.clone());
        let help = "Time from the request for votes to the last vote that was needed";
        registry.register_with_unit("approval_wait", help, seconds(), new.approval_wait.clone());
        let help = "Mailboxes of the open batch that wait for a free call on this node";
        registry.register("lanes_ready", help, new.lanes_ready.clone());
        let help = "Time for which the oldest due remediation of the site has waited for a worker";
        registry.register_with_unit("queue_age", help, seconds(), new.queue_age.clone());
        let help = "Remediations of the site that have not ended, by status";
        registry.register("remediations", help, new.remediations.clone());
        let help = "Notifications of the site that have not been delivered yet";
        registry.register("notices_waiting", help, new.notices_waiting.clone());
        registry.register("halted", "1 while the site is halted", new.halted.clone());
        Self { registry, ..new }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Counts outcomes that were written.
    pub fn recorded(&self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            self.outcome(outcome.kind, outcome.reason, 1);
        }
    }

    /// Counts a call that a store throttled.
    pub fn throttled(&self, store: &str) {
        self.throttles.get_or_create(&StoreLabels { store: store.to_owned() }).inc();
    }

    /// Marks the start of a batch; the result goes into [`Metrics::batch_ended`].
    pub fn batch_began(&self) -> Instant {
        Instant::now()
    }

    /// Observes the duration of a batch that has ended.
    pub fn batch_ended(&self, began: Instant) {
        self.batch_duration.observe(began.elapsed().as_secs_f64());
    }

    /// Counts a remediation that a rule paused, held or refused.
    pub fn stopped(&self, rule: &'static str) {
        self.stops.get_or_create(&RuleLabels { rule }).inc();
    }

    /// Counts a try to deliver a notification: `sent`, `failed`, or `given-up` for the last that failed.
    pub fn notice(&self, notifier: &str, result: &'static str) {
        self.notices.get_or_create(&NoticeLabels { notifier: notifier.to_owned(), result }).inc();
    }

    /// Counts one step of a remediation, from its state `before` to its state `after`.
    pub fn stepped(&self, before: &Remediation, after: &Remediation) {
        if let Some(reason) = after.stop.as_ref().filter(|_| before.stop != after.stop) {
            self.stopped(reason.rule());
        }
        let cancelled = after.counts.cancelled.saturating_sub(before.counts.cancelled);
        if after.status == Status::Cancelled && cancelled > 0 {
            self.outcome(OutcomeKind::Cancelled, Reason::CancelledByPerson, cancelled);
        }
        if before.status == Status::Approved
            && after.status == Status::InProgress
            && let (Some(asked), Some(at)) = (&after.approval, after.approved_at)
        {
            self.approval_wait.observe(at.since(asked.deadline.minus(asked.rule.expires)).as_secs_f64());
        }
    }

    /// Sets the gauges to what the site's database says at `now`.
    pub fn site(&self, queue: &Queue, now: Timestamp) {
        self.lanes_ready.set(i64::try_from(queue.lanes_ready).unwrap_or(i64::MAX));
        self.queue_age.set(queue.oldest_due.map_or(Duration::ZERO, |due| now.since(due)).as_secs_f64());
        for status in Status::ALL.into_iter().filter(|status| !status.is_final()) {
            let found = queue.remediations.iter().find(|(known, _)| *known == status);
            let number = found.map_or(0, |(_, number)| i64::try_from(*number).unwrap_or(i64::MAX));
            self.remediations.get_or_create(&StatusLabels { status: status.as_str() }).set(number);
        }
        self.notices_waiting.set(i64::try_from(queue.notices).unwrap_or(i64::MAX));
        self.halted.set(i64::from(queue.halted));
    }

    /// All metrics in the text format that Prometheus reads.
    pub fn exposition(&self) -> String {
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("a String takes any text");
        text
    }

    fn outcome(&self, kind: OutcomeKind, reason: Reason, number: u64) {
        self.outcomes.get_or_create(&OutcomeLabels { kind: kind.as_str(), reason: reason.as_str() }).inc_by(number);
    }
}
