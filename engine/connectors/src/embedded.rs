//! The connectors inside the binary. Their digests are committed next to them; a binary with other components was built
//! incorrectly and refuses them.

use std::io::Read as _;

use flate2::read::ZlibDecoder;

/// A built-in connector.
#[derive(Debug)]
pub(crate) struct Embedded {
    pub(crate) name: &'static str,
    /// The component, compressed by the build script of this crate.
    compressed: &'static [u8],
    pub(crate) manifest: &'static str,
}

impl Embedded {
    /// Returns the component.
    ///
    /// # Errors
    ///
    /// If the program was changed after it was built.
    pub(crate) fn component(&self) -> std::io::Result<Vec<u8>> {
        let mut component = Vec::new();
        ZlibDecoder::new(self.compressed).read_to_end(&mut component)?;
        Ok(component)
    }
}

macro_rules! embedded {
    ($name:literal) => {
        Embedded {
            name: $name,
            compressed: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".wasm.zlib")),
            manifest: include_str!(concat!("../../../plugins/dist/", $name, ".toml")),
        }
    };
}

/// All built-in connectors.
pub(crate) const EMBEDDED: [Embedded; 6] = [
    embedded!("doveadm"),
    embedded!("gmail"),
    embedded!("graph"),
    embedded!("imap"),
    embedded!("jmap"),
    embedded!("maildir"),
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
            assert_eq!(pinned(connector.name), Some(Digest::of(&connector.component().unwrap()).to_string().as_str()));
        }
        assert_eq!(pinned("nothing"), None);
    }
}
