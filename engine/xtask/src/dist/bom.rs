//! The bill of materials of the program and of the connectors inside it: `CycloneDX` 1.5.
//!
//! It is derived from `cargo metadata` and the lock files. It contains no time and no random number, so the same source
//! gives the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::PROGRAM;
use super::release::host;
use crate::plugins::{EMBEDDED, TARGET};

/// A component of the bill of materials, by its reference.
struct Part {
    described: Value,
    needs: BTreeSet<String>,
}

/// Returns the bill of materials of the program, including the connectors inside it.
pub(super) fn bill_of_materials(root: &Path) -> Result<Value, Box<dyn Error>> {
    let mut parts = BTreeMap::new();
    let host = host()?;
    let program = add(root, &[PROGRAM], &host, &mut parts)?.pop_first().ok_or("the program is not a package")?;
    let guests: Vec<&str> = EMBEDDED.iter().map(|guest| guest.package).collect();
    let inside = add(&root.join("plugins"), &guests, TARGET, &mut parts)?;
    if inside.len() != guests.len() {
        return Err(format!("the workspace `plugins` has {} of the {} connectors", inside.len(), guests.len()).into());
    }
    let whole = parts.get_mut(&program).ok_or("the program is missing from its bill of materials")?;
    whole.needs.extend(inside);
    let described = whole.described.clone();
    let needs: Vec<Value> =
        parts.iter().map(|(part, Part { needs, .. })| json!({ "ref": part, "dependsOn": needs })).collect();
    parts.remove(&program);
    let components: Vec<Value> = parts.into_values().map(|part| part.described).collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": described },
        "components": components,
        "dependencies": needs,
    }))
}

/// Adds these packages of a workspace with all that they need at run time on the target. Returns the references of
/// these packages.
fn add(
    folder: &Path,
    packages: &[&str],
    target: &str,
    parts: &mut BTreeMap<String, Part>,
) -> Result<BTreeSet<String>, Box<dyn Error>> {
    let metadata = metadata(folder, target)?;
    let hashes = hashes(&folder.join("Cargo.lock"))?;
    let known: BTreeMap<&str, &Value> =
        list(&metadata["packages"]).map(|package| (text(&package["id"]), package)).collect();
    let nodes: BTreeMap<&str, &Value> =
        list(&metadata["resolve"]["nodes"]).map(|node| (text(&node["id"]), node)).collect();
    let mut waiting: Vec<&str> =
        known.iter().filter(|(_, package)| packages.contains(&text(&package["name"]))).map(|(id, _)| *id).collect();
    let reference = |id: &str| known.get(id).map(|package| reference(package)).ok_or("a package without a name");
    let asked = waiting.iter().map(|id| reference(id)).collect::<Result<BTreeSet<_>, _>>()?;
    let mut seen = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !seen.insert(id) {
            continue;
        }
        let needed: Vec<&str> = list(&nodes.get(id).ok_or("a package without a node")?["deps"])
            .filter(|dependency| list(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null()))
            .map(|dependency| text(&dependency["pkg"]))
            .collect();
        let needs = needed.iter().map(|id| reference(id)).collect::<Result<_, _>>()?;
        parts.insert(reference(id)?, Part { described: describe(known[id], &hashes), needs });
        waiting.extend(needed);
    }
    Ok(asked)
}

fn metadata(folder: &Path, target: &str) -> Result<Value, Box<dyn Error>> {
    let mut cargo = crate::cargo::cargo();
    cargo.current_dir(folder).args(["metadata", "--format-version", "1", "--locked", "--filter-platform", target]);
    let output = cargo.output()?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim()).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Returns the sha256 of the packages in a lock file, by name and version. Our own packages have none.
fn hashes(lock: &Path) -> Result<BTreeMap<(String, String), String>, Box<dyn Error>> {
    let lock: toml::Table = toml::from_str(&fs::read_to_string(lock)?)?;
    let packages = lock.get("package").and_then(toml::Value::as_array).ok_or("the lock names no package")?;
    let field = |package: &toml::Value, name| package.get(name).and_then(toml::Value::as_str).map(str::to_owned);
    let pinned = packages.iter().filter_map(|package| {
        Some(((field(package, "name")?, field(package, "version")?), field(package, "checksum")?))
    });
    Ok(pinned.collect())
}

/// Returns the package URL, which is also the reference.
fn reference(package: &Value) -> String {
    format!("pkg:cargo/{}@{}", text(&package["name"]), text(&package["version"]).replace('+', "%2B"))
}

fn describe(package: &Value, hashes: &BTreeMap<(String, String), String>) -> Value {
    let (name, version) = (text(&package["name"]), text(&package["version"]));
    let reference = reference(package);
    let kind = if name == PROGRAM { "application" } else { "library" };
    let mut part = json!({
        "type": kind, "bom-ref": reference, "name": name, "version": version, "purl": reference,
    });
    if let Some(license) = package["license"].as_str() {
        // `/` is the old spelling of `OR`.
        part["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
    }
    if let Some(hash) = hashes.get(&(name.to_owned(), version.to_owned())) {
        part["hashes"] = json!([{ "alg": "SHA-256", "content": hash }]);
    }
    part
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::root;

    /// The list of the program itself is in a crate that this one does not use.
    #[test]
    fn the_bill_has_every_connector_that_the_program_embeds() {
        let source = root().unwrap().join("engine/connectors/src/embedded.rs");
        let embedded = fs::read_to_string(source).unwrap();
        let components: Vec<String> = embedded
            .lines()
            .filter_map(|line| line.trim().strip_prefix("embedded!(\"")?.strip_suffix("\"),"))
            .map(|name| format!("{name}.wasm"))
            .collect();
        assert_eq!(components, EMBEDDED.map(|guest| guest.place));
        let bom = bill_of_materials(&root().unwrap()).unwrap();
        for guest in EMBEDDED {
            let is_there = list(&bom["components"]).any(|part| part["name"] == guest.package);
            assert!(is_there, "{}", guest.package);
        }
    }

    #[test]
    fn everything_in_the_program_is_named_once_with_its_hash_and_licence() {
        let bom = bill_of_materials(&root().unwrap()).unwrap();
        assert_eq!(bom["metadata"]["component"]["name"], PROGRAM);
        let names: Vec<&str> = list(&bom["components"]).map(|part| text(&part["name"])).collect();
        for there in ["wasmtime", "sqlx-postgres", "rustls", "clawback-store", "clawback-connector-imap", "imap-codec"]
        {
            assert!(names.contains(&there), "{there}");
        }
        for not in [PROGRAM, "clawback-tests", "clawback-xtask", "clawback-connector-hostile", "proptest", "insta"] {
            assert!(!names.contains(&not), "{not}");
        }
        for part in list(&bom["components"]) {
            let is_ours = text(&part["name"]).starts_with("clawback");
            assert!(part["licenses"][0]["expression"].is_string(), "{part}");
            assert!(is_ours || part["hashes"][0]["content"].as_str().is_some_and(|hash| hash.len() == 64), "{part}");
        }
        let references: BTreeSet<&str> = list(&bom["dependencies"]).map(|entry| text(&entry["ref"])).collect();
        assert_eq!(references.len(), names.len() + 1, "each once");
        let all = list(&bom["dependencies"]).flat_map(|entry| list(&entry["dependsOn"])).map(text);
        for needed in all {
            assert!(references.contains(needed), "{needed} is needed and not described");
        }
    }
}
