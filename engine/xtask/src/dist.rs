//! The release files: the program, its bill of materials, and checksums of both.
//!
//! The bill of materials is `CycloneDX` 1.5, derived from `cargo metadata` and the lock files. It contains no time and
//! no random number, so the same source gives the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::test::{root, say};

const PROGRAM: &str = "clawback";
const BOM: &str = "clawback.cdx.json";
const SUMS: &str = "SHA256SUMS";

/// The workspaces: folder, packages that are in the program, target.
const ENGINE: (&str, &[&str], Option<&str>) = (".", &[PROGRAM], None);
const GUESTS: (&str, &[&str], Option<&str>) =
    ("plugins", &["clawback-connector-imap", "clawback-connector-maildir"], Some("wasm32-unknown-unknown"));

/// Options of `cargo xtask dist`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The destination; default: target/dist
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Do not build the program
    #[arg(long)]
    bom_only: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let root = root()?;
    let folder = options.folder.clone().unwrap_or_else(|| root.join("target/dist"));
    fs::create_dir_all(&folder)?;
    let mut made = vec![BOM];
    fs::write(folder.join(BOM), format!("{:#}\n", bill_of_materials(&root)?))?;
    if !options.bom_only {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // With the whole workspace: with the features of one package alone, every dependency would be built again.
        cargo.current_dir(&root).args(["build", "--release", "--locked", "--workspace", "--bin", PROGRAM]);
        if !cargo.status()?.success() {
            return Err("the program does not build".into());
        }
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        fs::copy(target.join("release").join(PROGRAM), folder.join(PROGRAM))?;
        made.push(PROGRAM);
    }
    made.sort_unstable();
    let mut sums = String::new();
    for name in made {
        sums.push_str(&HEXLOWER.encode(&Sha256::digest(fs::read(folder.join(name))?)));
        sums.push_str("  ");
        sums.push_str(name);
        sums.push('\n');
    }
    fs::write(folder.join(SUMS), &sums)?;
    say(&format!("{sums}in {}", folder.display()));
    Ok(ExitCode::SUCCESS)
}

/// A component of the bill of materials, by its reference.
struct Part {
    described: Value,
    needs: BTreeSet<String>,
}

/// Returns the bill of materials of the program, including the connectors inside it.
fn bill_of_materials(root: &Path) -> Result<Value, Box<dyn Error>> {
    let mut parts = BTreeMap::new();
    let program = add(root, ENGINE, &mut parts)?.pop_first().ok_or("the program is not a package")?;
    let inside = add(root, GUESTS, &mut parts)?;
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

/// Adds the packages of a workspace that these need at run time, and returns their references.
fn add(
    root: &Path,
    (folder, packages, target): (&str, &[&str], Option<&str>),
    parts: &mut BTreeMap<String, Part>,
) -> Result<BTreeSet<String>, Box<dyn Error>> {
    let folder = root.join(folder);
    let metadata = metadata(&folder, target)?;
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

fn metadata(folder: &Path, target: Option<&str>) -> Result<Value, Box<dyn Error>> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(folder).args(["metadata", "--format-version", "1", "--locked", "--filter-platform"]);
    let host = host()?;
    let output = cargo.arg(target.unwrap_or(&host)).output()?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim()).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Returns the target that the program is built for.
fn host() -> Result<String, Box<dyn Error>> {
    let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-vV").output()?;
    let said = String::from_utf8(output.stdout)?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc does not say its host")?;
    Ok(host.to_owned())
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
