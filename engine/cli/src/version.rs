//! The version of this program, with the commit where the build names it.

use std::sync::LazyLock;

/// What `clawback --version` prints. The variable `CLAWBACK_COMMIT` of the build names the commit; `cargo xtask dist`
/// sets it. A build without it does not ask git, so that a commit alone compiles nothing again.
pub(crate) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| shown(option_env!("CLAWBACK_COMMIT")));
    &VERSION
}

fn shown(commit: Option<&str>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    match commit {
        Some(commit) if !commit.is_empty() => format!("{version} ({commit})"),
        _ => version.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn the_commit_is_shown_where_the_build_names_it() {
        assert_eq!(shown(Some("0123456789ab")), concat!(env!("CARGO_PKG_VERSION"), " (0123456789ab)"));
        assert_eq!(shown(Some("")), env!("CARGO_PKG_VERSION"));
        assert_eq!(shown(None), env!("CARGO_PKG_VERSION"));
    }
}
