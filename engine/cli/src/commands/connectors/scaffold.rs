//! `clawback connectors new`: writes a crate for a connector.

use std::path::Path;

use crate::args::ConnectorsNewArgs;
use crate::failure::{Exit, Failure, chain};
use crate::output;

/// The smallest connector, which the SDK compiles as its example.
const LIB: &str = include_str!("../../../../../plugins/sdk/examples/empty.rs");

const CARGO: &str = r#"[package]
name = "@NAME@"
version = "0.1.0"
edition = "2024"
publish = false

[lib]
# The component, and the library for tests that run natively.
crate-type = ["cdylib", "rlib"]

[dependencies]
clawback-connector-sdk = { path = @SDK@ }

[profile.release]
opt-level = 3
lto = true
panic = "abort"
strip = "debuginfo"

[workspace]
"#;

const MANIFEST: &str = r#"# What the connector asks for. In force is only what the operator grants as well.
id = "@NAME@"
version = "0.1.0"
wit = "clawback:mail-store@0.2.0"
# Of `mail-stream`, `folder` and `http`, those that it uses; `http` needs `[endpoints.NAME]` as well.
imports = []

[settings]
mailbox = "The one mailbox of this store."
"#;

const README: &str = r"# @NAME@

A connector for Clawback. The contract is `../wit/mail-store.wit` beside the SDK, and its guide the README above it.

```sh
cargo test                                                    # natively
rustup target add wasm32-unknown-unknown                      # once
cargo build --release --target wasm32-unknown-unknown
wasm-tools component new target/wasm32-unknown-unknown/release/@FILE@.wasm -o @NAME@.wasm
clawback connectors test @NAME@.wasm --against STORE --mailbox MAILBOX --write-messages messages
# deliver the files of `messages` into MAILBOX, then
clawback connectors test @NAME@.wasm --against STORE --mailbox MAILBOX
```
";

pub(crate) fn run(args: &ConnectorsNewArgs) -> Result<Exit, Failure> {
    let name = &args.name;
    let is_name = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.len() <= 40
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_name {
        return Err(Failure::misuse(format!("`{}` is not a name", clawback_model::visible_line(name, 60)))
            .hint("take 1 to 40 of the characters a-z, 0-9 and -, the first of them a letter"));
    }
    if !args.sdk.join("src/connector.rs").is_file() {
        return Err(Failure::misuse(format!("`{}` does not contain the SDK", args.sdk.display()))
            .hint("name the folder `plugins/sdk` of a checkout of Clawback"));
    }
    let sdk = std::path::absolute(&args.sdk).map_err(|error| Failure::failed(chain(&error)))?;
    let folder = Path::new(name);
    if folder.exists() {
        return Err(Failure::misuse(format!("`{name}` is there already")));
    }
    clawback_files::create_folder(&folder.join("src"))?;
    let filled = |text: &str| {
        text.replace("@FILE@", &name.replace('-', "_"))
            .replace("@NAME@", name)
            .replace("@SDK@", &toml::Value::from(sdk.display().to_string()).to_string())
    };
    for (file, text) in [
        ("Cargo.toml", filled(CARGO)),
        ("src/lib.rs", LIB.replace("\"empty\"", &format!("{name:?}"))),
        (&*format!("{name}.toml"), filled(MANIFEST)),
        ("README.md", filled(README)),
    ] {
        let path = folder.join(file);
        std::fs::write(&path, text)
            .map_err(|error| Failure::failed(format!("`{}` cannot be written: {error}", path.display())))?;
        output::line(&path.display().to_string())?;
    }
    Ok(Exit::Done)
}
