//! How many files and connections the process may have open at once.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// Connections of browsers and programs at once, however many descriptors there are: some 20 KB each.
const MOST: u64 = 2_048;
/// Descriptors that are kept back for the database, playbooks, scripts, evidence, notifiers and the log.
const KEPT_BACK: u64 = 256;

/// Raises the limit of the process to its hard limit, and returns it.
pub(crate) fn raise() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    let current = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    current.unwrap_or(u64::MAX)
}

/// Connections to the Action Center that leave enough for the work.
pub(crate) fn for_connections(limit: u64, config: &Config) -> usize {
    let stores: u64 = config.stores.values().map(|store| u64::from(store.limits.connections)).sum();
    usize::try_from(share(limit, stores)).unwrap_or(usize::MAX)
}

/// At least a quarter, so that connections remain under a low limit.
fn share(limit: u64, stores: u64) -> u64 {
    limit.saturating_sub(KEPT_BACK + stores).max(limit / 4).clamp(1, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_has_its_descriptors_first() {
        assert_eq!(share(1_024, 64), 704);
        assert_eq!(share(256, 32), 64);
        assert_eq!((share(65_536, 32), share(u64::MAX, 32)), (2_048, 2_048));
    }
}
