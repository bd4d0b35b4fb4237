//! Whether the nodes of a site work by the same configuration, playbooks, scripts and lists.

use clawback_model::{Digest, NodeSetup, visible_line};
use clawback_store::StoreError;

use crate::site::Site;

/// Parts named in one log line.
const NAMED: usize = 20;

/// A known node, compared with this one.
#[derive(Debug, Clone)]
pub struct ComparedNode {
    /// Its name.
    pub name: String,
    /// Whether its lease is current.
    pub alive: bool,
    /// The parts in which it differs from this node; `None` if an earlier version of the program runs it.
    pub differs: Option<Vec<String>>,
}

/// What this node works by: the configuration as it was read at start, and the version, lists, playbooks and scripts as
/// they are now.
pub(crate) fn setup(site: &Site) -> NodeSetup {
    let mut setup = site.configuration.clone();
    setup.add("version", Digest::of(env!("CARGO_PKG_VERSION").as_bytes()));
    for (name, digest) in site.library.lists.digests() {
        setup.add(format!("list {name}"), digest);
    }
    for name in site.library.playbook_names() {
        // An unreadable playbook differs from a readable one, by the digest of its error.
        let text = site.library.playbook_source(&name).map_or_else(|error| error.to_string(), |(_, source)| source);
        setup.add(format!("playbook {name}"), Digest::of(text.as_bytes()));
    }
    match site.library.scripts() {
        Ok(scripts) => {
            for (name, text) in scripts.sources.iter().chain(&scripts.unreadable) {
                setup.add(format!("script {name}"), Digest::of(text.as_bytes()));
            }
        }
        Err(error) => setup.add("scripts", Digest::of(error.to_string().as_bytes())),
    }
    setup
}

/// Compares every known node with this one.
pub async fn compare_nodes(site: &Site) -> Result<Vec<ComparedNode>, StoreError> {
    let (here, now) = (setup(site), site.now());
    let nodes = site.history.nodes().await?;
    let compared = nodes.into_iter().map(|node| ComparedNode {
        alive: node.alive_until > now,
        differs: node.setup.map(|there| here.differences(&there)),
        name: node.name,
    });
    Ok(compared.collect())
}

/// Logs how the living nodes differ from this one.
pub(crate) async fn report(site: &Site) -> Result<(), StoreError> {
    for node in compare_nodes(site).await? {
        let Some(differs) = node.differs.filter(|differs| node.alive && !differs.is_empty()) else { continue };
        let parts = visible_line(&differs[..differs.len().min(NAMED)].join(", "), 1_000);
        tracing::warn!(
            node = node.name,
            parts,
            more = differs.len().saturating_sub(NAMED),
            "Another node works by other files. Give both nodes the same ones: plans of one may be refused by the other."
        );
    }
    Ok(())
}
