//! The connectors inside the binary. Their digests are committed next to them; a binary with other components was built
//! incorrectly and refuses them.

/// A built-in connector.
#[derive(Debug)]
pub(crate) struct Embedded {
    pub(crate) name: &'static str,
    pub(crate) bytes: &'static [u8],
    pub(crate) manifest: &'static str,
}

/// All built-in connectors.
pub(crate) const EMBEDDED: [Embedded; 6] = [
    Embedded {
        name: "doveadm",
        bytes: include_bytes!("../../../plugins/dist/doveadm.wasm"),
        manifest: include_str!("../../../plugins/dist/doveadm.toml"),
    },
    Embedded {
        name: "gmail",
        bytes: include_bytes!("../../../plugins/dist/gmail.wasm"),
        manifest: include_str!("../../../plugins/dist/gmail.toml"),
    },
    Embedded {
        name: "graph",
        bytes: include_bytes!("../../../plugins/dist/graph.wasm"),
        manifest: include_str!("../../../plugins/dist/graph.toml"),
    },
    Embedded {
        name: "imap",
        bytes: include_bytes!("../../../plugins/dist/imap.wasm"),
        manifest: include_str!("../../../plugins/dist/imap.toml"),
    },
    Embedded {
        name: "jmap",
        bytes: include_bytes!("../../../plugins/dist/jmap.wasm"),
        manifest: include_str!("../../../plugins/dist/jmap.toml"),
    },
    Embedded {
        name: "maildir",
        bytes: include_bytes!("../../../plugins/dist/maildir.wasm"),
        manifest: include_str!("../../../plugins/dist/maildir.toml"),
    },
];

const SUMS: &str = include_str!("../../../plugins/dist/SHA256SUMS");

/// Returns the digest that this connector must have, in hexadecimal.
pub(crate) fn pinned(name: &str) -> Option<&'static str> {
    let file = format!("{name}.wasm");
    SUMS.lines().find_map(|line| line.split_once("  ").filter(|(_, known)| *known == file).map(|(digest, _)| digest))
}

#[cfg(test)]
mod tests {
    use clawback_model::Digest;

    use super::*;

    #[test]
    fn what_is_embedded_is_what_was_committed() {
        for connector in &EMBEDDED {
            assert_eq!(pinned(connector.name), Some(Digest::of(connector.bytes).to_string().as_str()));
        }
        assert_eq!(pinned("nothing"), None);
    }
}
