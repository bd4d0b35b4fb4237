//! The playbooks and scripts in the binary, so that `init` and `demo` need no other file.

use std::collections::BTreeMap;

/// Playbooks: file name and text.
pub(crate) const WORKFLOWS: [(&str, &str); 8] = [
    ("indicators", include_str!("../../../workflows/indicators.yaml")),
    ("investigate", include_str!("../../../workflows/investigate.yaml")),
    ("purge-phish-campaign", include_str!("../../../workflows/purge-phish-campaign.yaml")),
    ("purge-like", include_str!("../../../workflows/purge-like.yaml")),
    ("remove-handpicked", include_str!("../../../workflows/remove-handpicked.yaml")),
    ("restore-false-positive", include_str!("../../../workflows/restore-false-positive.yaml")),
    ("sweep-junk-worthy", include_str!("../../../workflows/sweep-junk-worthy.yaml")),
    ("manual", include_str!("../../../workflows/manual.yaml")),
];

/// The JSON Schema of playbooks, for editors.
pub(crate) const SCHEMA: &str = include_str!("../../../workflows/playbook.schema.json");

/// Scripts: file name and text.
pub(crate) const SCRIPTS: [(&str, &str); 5] = [
    ("remediable-location.rhai", include_str!("../../../scripts/remediable-location.rhai")),
    ("exclude-secops-and-simulation.rhai", include_str!("../../../scripts/exclude-secops-and-simulation.rhai")),
    ("vip-guard.rhai", include_str!("../../../scripts/vip-guard.rhai")),
    ("lookalike-sender.rhai", include_str!("../../../scripts/lookalike-sender.rhai")),
    ("keep-newsletters.rhai", include_str!("../../../scripts/keep-newsletters.rhai")),
];

/// The texts by file name.
pub(crate) fn by_name(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}
