//! The connectors inside the binary. Their digests are committed beside them; a binary whose components do not have them
//! was put together wrongly and refuses them.

/// One connector of the house.
#[derive(Debug)]
pub(crate) struct Embedded {
    pub(crate) name: &'static str,
    pub(crate) bytes: &'static [u8],
    pub(crate) manifest: &'static str,
}

/// All of them.
pub(crate) const EMBEDDED: [Embedded; 2] = [
    Embedded {
        name: "imap",
        bytes: include_bytes!("../../../plugins/dist/imap.wasm"),
        manifest: include_str!("../../../plugins/dist/imap.toml"),
    },
    Embedded {
        name: "maildir",
        bytes: include_bytes!("../../../plugins/dist/maildir.wasm"),
        manifest: include_str!("../../../plugins/dist/maildir.toml"),
    },
];

const SUMS: &str = include_str!("../../../plugins/dist/SHA256SUMS");

/// The digest that this connector must have, in hexadecimal.
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
