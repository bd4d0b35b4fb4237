//! The kill switch of the site.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// A halt in force: nothing is planned, started or acted on until an administrator lifts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Halt {
    /// The person who halted the site.
    pub by: String,
    /// The reason, in their words.
    pub reason: String,
    /// The time of the halt.
    pub since: Timestamp,
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "halted since {} by {}: {}", self.since, self.by, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_halt_says_who_when_and_why() {
        let halt = Halt { by: "ann".into(), reason: "wrong campaign".into(), since: Timestamp(0) };
        assert_eq!(halt.to_string(), "halted since 1970-01-01T00:00:00Z by ann: wrong campaign");
    }
}
