//! The API against its own description: Schemathesis sends it thousands of valid and invalid requests, as each role. No
//! answer may be a server error, have an undocumented status or media type, or differ from its schema; and what the
//! description does not allow must be refused.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use clawback_model::{PrincipalKind, Role};
use serde_json::{Value, json};
use tokio::process::Command;

use super::served::{Seed, Served, seed};
use super::{SENDER, desk};

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,negative_data_rejection,\
                      unsupported_method,ignored_auth";
/// Requests to each address of the fuzzing phase, in addition to some thousand of the phase that tests the limits of
/// each field.
const EXAMPLES: &str = "25";
/// More than a run takes, so that a request that hangs fails the run.
const RUN_TIMEOUT: Duration = Duration::from_mins(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_gets_what_is_described() {
    // Detectors read and suggest.
    drive("viewer", &[Role::Viewer, Role::Suggester]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analyst_who_approves_gets_what_is_described() {
    drive("analyst", &[Role::Analyst, Role::Approver]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_gets_what_is_described() {
    drive("admin", &[Role::Admin]).await;
}

async fn drive(name: &str, roles: &[Role]) {
    let desk = desk().await;
    let seeds = seed(&desk).await;
    let description = description(&seeds);
    // Only people vote, and only services suggest.
    let kind = if roles.contains(&Role::Approver) { PrincipalKind::Person } else { PrincipalKind::Service };
    let token = desk.center.add(name, kind, roles).await;
    let served = Served::start(&desk).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openapi.json");
    std::fs::write(&file, serde_json::to_string(&description).unwrap()).unwrap();
    let run = Command::new(program())
        .current_dir(folder.path())
        .args(["--no-color", "run"])
        .arg(&file)
        .args(["--url", &format!("http://{}", served.address), "--header", &format!("Authorization: Bearer {token}")])
        .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES])
        .args(["--seed", "1", "--generation-database", "none", "--suppress-health-check", "all"])
        .args(["--warnings", "off", "--request-timeout", "20", "--continue-on-failure"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(RUN_TIMEOUT, run).await.expect("the run ends").unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    served.stop().await;
    // Requests that match nothing would pass every check.
    let path = format!("/api/v1/remediations/{}", seeds[0].id);
    let shown = desk.center.call(&desk.ben, "GET", &path, None).await.json();
    let voted = if roles.contains(&Role::Approver) { json!(name) } else { Value::Null };
    assert_eq!(shown["remediation"]["decided_by"], voted, "{shown}");
    assert!(desk.center.api.site().history.verify(None, |_| {}).await.is_ok(), "the history verifies after all of it");
}

/// Where `cargo xtask test` installs it.
fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/python/bin/st");
    assert!(program.is_file(), "Schemathesis is not installed: `cargo xtask test --install-only`");
    program
}

/// The description, with objects of this site as examples and as values.
fn description(seeds: &[Seed]) -> Value {
    let mut description = serde_json::to_value(clawback_action_center::openapi()).unwrap();
    let any_or = |known: &[&str]| json!({ "anyOf": [{ "enum": known }, { "type": "string" }] });
    let playbooks = ["purge", "manual", "sweep-junk-worthy"];
    let everything: Vec<&str> = seeds.iter().map(|seed| seed.id.as_str()).collect();
    for (path, item) in description["paths"].as_object_mut().unwrap() {
        let own = seeds.iter().find(|seed| path.ends_with(seed.address)).unwrap_or(&seeds[0]);
        for operation in item.as_object_mut().unwrap().values_mut() {
            if let Some(body) = operation.pointer_mut("/requestBody/content/application~1json") {
                body["example"] = match path.rsplit('/').next().unwrap() {
                    "approve" | "reject" => json!({ "plan_digest": own.digest, "comment": "seen" }),
                    "halt" => json!({ "reason": "a test" }),
                    "suggestions" => {
                        json!({ "playbook": "purge", "verdict": "malicious", "inputs": { "sender": SENDER } })
                    }
                    _ => json!({ "playbook": "purge", "inputs": { "sender": SENDER } }),
                };
            }
            let Some(Value::Array(parameters)) = operation.get_mut("parameters") else { continue };
            // A wait for what no worker carries out while the site is halted would take a minute per request.
            parameters.retain(|parameter| parameter["name"] != "wait");
            for parameter in parameters.iter_mut().filter(|parameter| parameter["in"] == "path") {
                let by_name = parameter["name"] == "name";
                parameter["example"] = if by_name { playbooks[2].into() } else { own.id.as_str().into() };
                parameter["schema"] = any_or(if by_name { &playbooks } else { &everything });
            }
        }
    }
    let schemas = &mut description["components"]["schemas"];
    for body in ["SubmissionJson", "SuggestionJson"] {
        schemas[body]["properties"]["playbook"] = any_or(&playbooks);
        schemas[body]["properties"]["inputs"]["properties"] = json!({ "sender": any_or(&[SENDER]) });
    }
    schemas["SuggestionJson"]["properties"]["verdict"] = any_or(&["malicious"]);
    description
}
