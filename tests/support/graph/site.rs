//! The state of the whole fake.

use std::time::Duration;

use super::app::{Right, Tokens};
use super::mailbox::Mailbox;
use super::schema::Schema;
use super::traffic::Traffic;
use crate::mail::Random;

/// How the fake behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// The permissions of the application.
    pub rights: Vec<Right>,
    /// How many of 1,000 requests, and of 1,000 parts of batches, are throttled at random.
    pub throttled: u64,
    /// The `Retry-After` of these, in seconds.
    pub retry_after: u64,
    /// The seed of all randomness.
    pub seed: u64,
    /// Whether pages of messages are shorter than requested, or empty, at random.
    pub short_pages: bool,
    /// Whether the cloud has `permanentDelete`: those of governments and of China have not.
    pub has_permanent_delete: bool,
    /// Whether categories that are set are kept.
    pub keeps_categories: bool,
    /// How long a request takes.
    pub latency: Duration,
    /// How long a token is good.
    pub token_lifetime: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rights: vec![Right::MailReadWrite, Right::UserReadAll, Right::CalendarsReadWrite],
            throttled: 0,
            retry_after: 1,
            seed: 1,
            short_pages: false,
            has_permanent_delete: true,
            keeps_categories: true,
            latency: Duration::ZERO,
            token_lifetime: Duration::from_hours(1),
        }
    }
}

/// The state.
#[derive(Debug)]
pub(super) struct Site {
    /// `http://127.0.0.1:PORT`.
    pub(super) origin: String,
    /// What links to next pages of messages begin with instead.
    pub(super) links: Option<String>,
    pub(super) options: Options,
    /// Whether changes of calendars are answered by an error of the server, and not made.
    pub(super) is_calendar_down: bool,
    pub(super) mailboxes: Vec<Mailbox>,
    pub(super) tokens: Tokens,
    pub(super) traffic: Traffic,
    pub(super) schema: Schema,
    /// The users whose mailboxes were asked for, in lower case.
    pub(super) reached: Vec<String>,
    pub(super) next_number: usize,
    random: Random,
}

impl Site {
    pub(super) fn new(options: Options) -> Self {
        let random = Random::new(options.seed);
        Self {
            origin: String::new(),
            links: None,
            options,
            is_calendar_down: false,
            mailboxes: Vec::new(),
            tokens: Tokens::default(),
            traffic: Traffic::default(),
            schema: Schema::read(),
            reached: Vec::new(),
            next_number: 1,
            random,
        }
    }

    pub(super) fn random(&mut self) -> u64 {
        self.random.draw()
    }

    /// Returns whether the next request is throttled.
    pub(super) fn throttles(&mut self) -> bool {
        self.options.throttled > 0 && self.random() % 1_000 < self.options.throttled
    }

    pub(super) fn mailbox(&mut self, user: &str) -> &mut Mailbox {
        let found = self.mailboxes.iter_mut().find(|mailbox| mailbox.user.eq_ignore_ascii_case(user));
        found.unwrap_or_else(|| panic!("the fake has no user {user}"))
    }
}
