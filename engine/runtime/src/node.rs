//! Names of nodes. They name host and process, so that a dead process of this machine is recognized.

/// The name of this process: `host-boot-namespace:pid:bits`.
pub fn node_name(random: u64) -> String {
    format!("{}:{}:{:04x}", host(), std::process::id(), random & 0xffff)
}

/// Whether this is the name of a process of this machine that no longer runs. A node of another machine never counts as
/// dead: its lease has to expire.
pub(crate) fn is_dead(node: &str) -> bool {
    let mut parts = node.rsplitn(3, ':');
    let (_bits, pid, name) = (parts.next(), parts.next(), parts.next());
    let (Some(pid), Some(name)) = (pid.and_then(|pid| pid.parse::<u32>().ok()), name) else { return false };
    // Where the processes of other users are hidden (no Linux, hidepid), this cannot be determined.
    let table = std::path::Path::new("/proc/1").exists();
    table && name == host() && !std::path::Path::new(&format!("/proc/{pid}")).exists()
}

/// This machine since its last boot, and its process namespace: two containers may share a host name, and process ids
/// start again with each boot.
fn host() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let boot: String = read("/proc/sys/kernel/random/boot_id").chars().take(8).collect();
    let space = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let space: String = space.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    format!("{}-{boot}-{space}", read("/proc/sys/kernel/hostname"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_processes_of_this_machine_count_as_dead() {
        assert!(!is_dead(&node_name(7)), "this very process is alive");
        assert!(is_dead(&format!("{}:4194305:0007", host())), "above the largest process id of Linux");
        assert!(!is_dead("elsewhere:4194305:0007"));
        assert!(!is_dead("nonsense"));
    }
}
