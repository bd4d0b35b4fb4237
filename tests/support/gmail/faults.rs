//! What goes wrong on request: throttling, servers that fail, a search that lags.

use std::time::Duration;

/// What goes wrong.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// How many of 100 requests are refused as too many, in turn as 403 and as 429, and in each form of waiting time.
    pub throttled: u64,
    /// How many of 100 requests fail with 503.
    pub failing: u64,
    /// The seed of the choice.
    pub seed: u64,
    /// The units of a user in each window of this length.
    pub quota: Option<(u64, Duration)>,
    /// The latency of each request.
    pub latency: Duration,
    /// Answers changes with success, and changes nothing.
    pub is_lying: bool,
}

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Served,
    /// A number that chooses the form.
    Throttled(u64),
    Failing,
}

impl Faults {
    /// Draws the fate of the next request.
    pub(super) fn draw(&mut self) -> Fate {
        if self.throttled == 0 && self.failing == 0 {
            return Fate::Served;
        }
        // SplitMix64.
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        match mixed % 100 {
            drawn if drawn < self.throttled => Fate::Throttled(mixed / 100),
            drawn if drawn < self.throttled + self.failing => Fate::Failing,
            _ => Fate::Served,
        }
    }
}
