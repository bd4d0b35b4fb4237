//! Mistakes in `[stores.NAME]`: each error names the store, the key and what to do.

use clawback_connectors::{LoadError, SandboxLimits, StoreConfig};

use super::{config, host, hostile};

async fn refused(config: &StoreConfig) -> String {
    let error = host(SandboxLimits::default()).load("corp", config).await.err().expect("a mistake");
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}

#[tokio::test]
async fn mistakes_name_store_key_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("open");
    std::fs::write(&open, "hunter2").unwrap();
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let server = "server = { host = \"127.0.0.1\" }";
    for (text, key, cure) in [
        ("connector = \"exchange\"".to_owned(), "connector", "built in are doveadm, gmail, graph, imap, jmap, maildir"),
        ("connector = \"maildir\"".to_owned(), "directory", "name the directory"),
        ("connector = \"maildir\"\ndirectory = \"/nowhere\"".to_owned(), "directory", "cannot open"),
        ("connector = \"imap\"".to_owned(), "server", "name the mail server"),
        (format!("connector = \"imap\"\n{server}"), "auth", "say how to log in"),
        (
            format!("connector = \"imap\"\n{server}\nauth = {{ kind = \"plain\", user = \"a\" }}"),
            "auth.password",
            "either `auth.password-file` or `auth.password-env`",
        ),
        (
            format!(
                "connector = \"imap\"\n{server}\nauth = {{ kind = \"plain\", user = \"a\", password-file = {open:?} }}"
            ),
            "auth.password-file",
            "chmod 600",
        ),
        (
            format!("connector = \"maildir\"\ndirectory = {:?}\nsettings = {{ colour = \"red\" }}", folder.path()),
            "settings.colour",
            "its settings are archive-folder, junk-folder, maildir,",
        ),
        ("connector = \"maildir\"\nlimits = { connections = 0 }".to_owned(), "limits.connections", "1 to 10000"),
    ] {
        let error = refused(&config(&text)).await;
        assert!(error.contains("store `corp`") && error.contains(&format!("`{key}`")), "{text}: {error}");
        assert!(error.contains(cure) && !error.contains("hunter2"), "{text}: {error}");
    }
}

#[tokio::test]
async fn another_file_than_the_pinned_one_is_refused() {
    let mut config = hostile("");
    if let clawback_connectors::ConnectorChoice::File { sha256, .. } = &mut config.connector {
        sha256.replace_range(..4, "0000");
    }
    let error = host(SandboxLimits::default()).load("corp", &config).await.err().unwrap();
    assert!(matches!(error, LoadError::Digest { .. }), "{error}");
}

#[test]
fn unknown_keys_and_inline_secrets_are_refused() {
    for wrong in [
        "connector = \"imap\"\ncolour = 1",
        "connector = 5",
        "connector = { path = \"x\" }",
        "connector = \"imap\"\nauth = { kind = \"plain\", user = \"a\", password = \"inline\" }",
        "connector = \"imap\"\nlimits = { call-timeout = 5 }",
        "connector = \"imap\"\nlimits = { call-timeout = \"5 parsecs\" }",
        "connector = \"imap\"\nserver = { host = \"a\", tls = \"maybe\" }",
    ] {
        assert!(toml::from_str::<StoreConfig>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn configuration_is_serialized_as_it_is_parsed() {
    let text = "connector = \"imap\"\n[server]\nhost = \"a\"\ntls = \"starttls\"\n[auth]\nkind = \"xoauth2\"\ntoken-env = \"T\"\n\
                [limits]\ncall-timeout = \"90s\"\n";
    let read = config(text);
    let again: StoreConfig = toml::from_str(&toml::to_string(&read).unwrap()).unwrap();
    assert_eq!(again, read);
}

#[tokio::test]
async fn a_component_that_imports_more_than_the_contract_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    // (component (import "wasi:cli/environment@0.2.0" (instance)))
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    bytes.extend([0x07, 0x03, 0x01, 0x42, 0x00]);
    let name = b"wasi:cli/environment@0.2.0";
    bytes.extend([0x0a, u8::try_from(name.len()).unwrap() + 5, 0x01, 0x00, u8::try_from(name.len()).unwrap()]);
    bytes.extend(name);
    bytes.extend([0x05, 0x00]);
    let path = folder.path().join("nosy.wasm");
    std::fs::write(&path, &bytes).unwrap();
    let digest = clawback_model::Digest::of(&bytes);
    let config = config(&format!("connector = {{ path = {path:?}, sha256 = \"{digest}\" }}"));
    let error = refused(&config).await;
    assert!(error.contains("imports `wasi:cli/environment@0.2.0`"), "{error}");
}

#[tokio::test]
async fn compiled_code_is_kept_for_the_next_start_in_a_private_folder() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let options = clawback_connectors::HostOptions { cache: Some(cache.clone()), ..Default::default() };
    let load = || async {
        let host = clawback_connectors::Host::new(options.clone()).unwrap();
        host.describe(&hostile("").connector).await.unwrap()
    };
    let first = load().await;
    let files: Vec<_> = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    assert!(files[0].file_name().unwrap().to_string_lossy().starts_with(&first.sha256));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&cache).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(load().await, first);
    let key = folder.path().join("cache.key");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    // A damaged file is replaced, not trusted.
    std::fs::write(&files[0], b"damaged").unwrap();
    assert_eq!(load().await, first);
    assert_ne!(std::fs::read(&files[0]).unwrap(), b"damaged");
}

#[tokio::test]
async fn compiled_code_that_this_node_did_not_write_under_this_name_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let maildir = clawback_connectors::ConnectorChoice::Named("maildir".to_owned());
    let describe = |cache: &str, connector: clawback_connectors::ConnectorChoice| {
        let cache = Some(folder.path().join(cache));
        let host = clawback_connectors::Host::new(clawback_connectors::HostOptions { cache, ..Default::default() });
        async move { host.unwrap().describe(&connector).await.unwrap() }
    };
    let compiled = |cache: &str, digest: &str| {
        let entries = std::fs::read_dir(folder.path().join(cache)).unwrap();
        let mut paths = entries.map(|entry| entry.unwrap().path());
        paths.find(|path| path.file_name().unwrap().to_string_lossy().starts_with(digest)).unwrap()
    };
    let hostile = hostile("").connector;
    let (bad, good) = (describe("ours", hostile.clone()).await, describe("ours", maildir.clone()).await);
    // The code of one connector under the name of another.
    let planted = std::fs::read(compiled("ours", &bad.sha256)).unwrap();
    std::fs::write(compiled("ours", &good.sha256), &planted).unwrap();
    assert_eq!(describe("ours", maildir.clone()).await, good);
    // The right code, written by another node.
    describe("theirs", hostile).await;
    let theirs = describe("theirs", maildir.clone()).await;
    std::fs::copy(compiled("theirs", &bad.sha256), compiled("ours", &good.sha256)).unwrap();
    assert_eq!(describe("ours", maildir.clone()).await, good);
    let (from, to) = (compiled("theirs", &theirs.sha256), compiled("ours", &good.sha256));
    std::fs::copy(&from, &to).unwrap();
    assert_eq!(describe("ours", maildir).await, good);
    assert_ne!(std::fs::read(from).unwrap(), std::fs::read(to).unwrap(), "it was compiled again");
}
