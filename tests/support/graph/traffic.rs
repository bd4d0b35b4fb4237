//! Throttling, and what it shows of a client: how many requests it has at once in one mailbox, and whether it waits.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::request::{Answer, Request};

/// The most requests at once of one application in one mailbox.
pub(super) const AT_ONCE: usize = 4;

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Requests of HTTP, batches included.
    pub requests: usize,
    /// Requests, each part of a batch as one.
    pub units: usize,
    /// Batches.
    pub batches: usize,
    /// Answers 429 to single requests.
    pub throttled: usize,
    /// Answers 429 to parts of batches.
    pub throttled_parts: usize,
    /// Requests that came again before the time that their `Retry-After` named.
    pub impatient: usize,
    /// The most at once in one mailbox.
    pub most_at_once: usize,
}

/// The requests in progress, and those that have to wait.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) counts: Counts,
    running: HashMap<String, usize>,
    waiting: HashMap<String, Instant>,
}

impl Traffic {
    /// Begins requests in a mailbox. Fails if that makes too many at once.
    pub(super) fn begin(&mut self, mailbox: &str, count: usize) -> bool {
        let running = self.running.entry(mailbox.to_lowercase()).or_default();
        *running += count;
        self.counts.most_at_once = self.counts.most_at_once.max(*running);
        *running <= AT_ONCE
    }

    pub(super) fn end(&mut self, mailbox: &str, count: usize) {
        if let Some(running) = self.running.get_mut(&mailbox.to_lowercase()) {
            *running = running.saturating_sub(count);
        }
    }

    /// Notes that a request came.
    pub(super) fn came(&mut self, request: &Request) {
        self.counts.units += 1;
        if let Some(until) = self.waiting.remove(&key(request))
            && Instant::now() < until
        {
            self.counts.impatient += 1;
        }
    }

    /// Throttles a request, and remembers when it may come again.
    pub(super) fn throttle(&mut self, request: &Request, is_part: bool, seconds: u64) -> Answer {
        if is_part {
            self.counts.throttled_parts += 1;
        } else {
            self.counts.throttled += 1;
        }
        self.waiting.insert(key(request), Instant::now() + Duration::from_secs(seconds));
        Answer::throttled(seconds)
    }
}

fn key(request: &Request) -> String {
    format!("{} {} {}", request.method, request.target, request.body.clone().unwrap_or_default())
}
