//! A store's grant as text, as plans store it and approvers see it: everything that determines what a connector can
//! access and how it is trusted. Contains neither secrets, time-outs nor numbers of connections, which only affect the
//! speed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clawback_model::{Digest, Grant};

use crate::config::token::TokenConfig;
use crate::config::{AuthConfig, StoreConfig, TlsMode};
use crate::granted::context::GrantContext;
use crate::granted::token::grant;

/// Returns the grant of a store with these `mailboxes`, if the operator lists them.
pub(crate) fn of(context: &GrantContext<'_>, mailboxes: Option<&[Arc<str>]>) -> Grant {
    let StoreConfig {
        connector: _,
        settings,
        mailboxes: _,
        mailboxes_file: _,
        server,
        auth,
        token,
        directory,
        endpoints,
        limits: _,
    } = context.config;
    let mut grant = Grant::new();
    let mut put = |key: String, value: String| _ = grant.insert(key, value);
    for (key, value) in settings {
        put(format!("settings.{key}"), value.clone());
    }
    if let Some(mailboxes) = mailboxes {
        let lines: String = mailboxes.iter().flat_map(|mailbox| [mailbox, "\n"]).collect();
        put("mailboxes".to_owned(), format!("{}, sha256 {}", mailboxes.len(), Digest::of(lines.as_bytes())));
    }
    if let Some(directory) = directory {
        put("directory".to_owned(), real(context.base, directory));
    }
    if let Some(server) = server {
        put("server.host".to_owned(), server.host.clone());
        put("server.port".to_owned(), server.port_or_default().to_string());
        let tls = match server.tls {
            TlsMode::Implicit => "implicit",
            TlsMode::Starttls => "starttls",
            TlsMode::None => "none",
        };
        put("server.tls".to_owned(), tls.to_owned());
        if let Some(name) = &server.server_name {
            put("server.server-name".to_owned(), name.clone());
        }
        if let Some(file) = &server.ca_file {
            put("server.ca-file".to_owned(), content(&context.path(file)));
        }
        if let Some(file) = &server.client_cert_file {
            put("server.client-cert-file".to_owned(), content(&context.path(file)));
        }
        if !server.pin_sha256.is_empty() {
            put("server.pin-sha256".to_owned(), server.pin_sha256.join(" "));
        }
        put("server.allow-private-network".to_owned(), server.allow_private_network.to_string());
        put("server.allow-cleartext".to_owned(), server.allow_cleartext.to_string());
    }
    if let Some(auth) = auth {
        let (kind, user) = match auth {
            AuthConfig::Plain { user, .. } => ("plain", Some(user.clone())),
            AuthConfig::MasterUser { user, separator, .. } => ("master-user", Some(format!("{separator}{user}"))),
            AuthConfig::PerMailbox { .. } => ("per-mailbox", None),
            AuthConfig::External {} => ("external", None),
            AuthConfig::Xoauth2 { user, .. } => ("xoauth2", Some(user.clone())),
        };
        put("auth.kind".to_owned(), kind.to_owned());
        if let Some(user) = user {
            put("auth.user".to_owned(), user);
        }
    }
    if let Some(token) = token {
        grant_of_token(context, "token", token, &mut put);
    }
    for (name, endpoint) in endpoints {
        let wish = context.manifest.endpoints.get(name);
        if let Some(url) = endpoint.url.as_deref().or(wish.and_then(|wish| wish.origin())) {
            put(format!("endpoints.{name}.url"), url.to_owned());
        }
        // A token may reach every mailbox, so what confines requests is part of what was approved.
        let confined = wish.map(|wish| {
            let (paths, store_paths) = (("paths", &wish.paths), ("store-paths", &wish.store_paths));
            [("methods", &wish.methods), paths, store_paths, ("batches", &wish.batches)]
        });
        for (key, texts) in confined.into_iter().flatten().filter(|(_, texts)| !texts.is_empty()) {
            put(format!("endpoints.{name}.{key}"), list(texts));
        }
        if let Some(commands) = wish.and_then(|wish| wish.commands.as_ref()) {
            let text = serde_json::to_string(commands).unwrap_or_default();
            put(format!("endpoints.{name}.commands"), text);
        }
        put(format!("endpoints.{name}.allow-private-network"), endpoint.allow_private_network.to_string());
        put(format!("endpoints.{name}.allow-cleartext"), endpoint.allow_cleartext.to_string());
        if let Some(auth) = &endpoint.auth {
            grant_of_token(context, &format!("endpoints.{name}.auth"), auth, &mut put);
        }
        if let Some(file) = &endpoint.ca_file {
            put(format!("endpoints.{name}.ca-file"), content(&context.path(file)));
        }
    }
    grant
}

/// Adds as whom a connector acts, and who decides it.
fn grant_of_token(context: &GrantContext<'_>, table: &str, config: &TokenConfig, put: &mut impl FnMut(String, String)) {
    let mut put = |key: &str, value: String| put(format!("{table}.{key}"), value);
    let mut server = |url: Option<String>, private: bool, cleartext: bool, ca_file: Option<&PathBuf>| {
        if let Some(url) = url {
            put("token-url", url);
        }
        put("allow-private-network", private.to_string());
        put("allow-cleartext", cleartext.to_string());
        if let Some(file) = ca_file {
            put("ca-file", content(&context.path(file)));
        }
    };
    let (kind, who, scope) = match config {
        TokenConfig::Bearer { .. } => ("bearer", None, None),
        TokenConfig::Basic { user, .. } => ("basic", Some(("user", user)), None),
        TokenConfig::PerMailbox { .. } => ("per-mailbox", None, None),
        TokenConfig::ClientCredentials(client) => {
            let ca_file = client.ca_file.as_ref();
            server(Some(client.token_url.clone()), client.allow_private_network, client.allow_cleartext, ca_file);
            ("client-credentials", Some(("client-id", &client.client_id)), client.scope.as_ref())
        }
        TokenConfig::ServiceAccount(account) => {
            let unreadable = |_| Some(format!("that of {}, which cannot be read", account.key_file.display()));
            let url = grant::token_url(context, account).unwrap_or_else(unreadable);
            server(url, account.allow_private_network, account.allow_cleartext, account.ca_file.as_ref());
            ("service-account", Some(("subject", &account.subject)), Some(&account.scope))
        }
        TokenConfig::Jwt { subject, issuer, audience, .. } => {
            for (key, value) in [("issuer", issuer), ("audience", audience)] {
                if let Some(value) = value {
                    put(key, value.clone());
                }
            }
            ("jwt", Some(("subject", subject)), None)
        }
    };
    put("kind", kind.to_owned());
    if let Some((key, value)) = who {
        put(key, value.clone());
    }
    if let Some(scope) = scope {
        put("scope", scope.clone());
    }
}

/// Returns the path of the directory with all links resolved. A directory below the configuration's folder is named
/// relative to it, so that moving the whole site does not change the grant.
fn real(base: &Path, directory: &Path) -> String {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (base, path) = (real(base), real(&base.join(directory)));
    path.strip_prefix(&base).unwrap_or(&path).display().to_string()
}

/// Returns a list whose order has no effect, as JSON, so that no text can look like two.
fn list(texts: &[String]) -> String {
    let texts: BTreeSet<&String> = texts.iter().collect();
    serde_json::json!(texts).to_string()
}

/// Returns the sha256 of a file's content, because the content may change under the same name.
fn content(path: &Path) -> String {
    match std::fs::read(path) {
        Ok(bytes) => format!("sha256 {}", Digest::of(&bytes)),
        Err(_) => format!("{}, which cannot be read", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::granted::token::jwt::tests::write_key;
    use crate::limits::SandboxLimits;
    use crate::manifest::Manifest;

    /// Returns the grant of this configuration.
    fn grant(config: &str, mailboxes: Option<&[Arc<str>]>) -> Grant {
        grant_of("", config, mailboxes)
    }

    /// Returns the grant of this configuration for a connector with this manifest.
    fn grant_of(manifest: &str, config: &str, mailboxes: Option<&[Arc<str>]>) -> Grant {
        let config: StoreConfig = toml::from_str(config).unwrap();
        let manifest = Manifest::parse(manifest).unwrap();
        let base = Path::new("/");
        of(
            &GrantContext {
                store: "corp",
                config: &config,
                manifest: &manifest,
                base,
                limits: SandboxLimits::default(),
            },
            mailboxes,
        )
    }

    #[test]
    fn whatever_decides_where_a_connector_reaches_is_in_the_grant() {
        let base = r#"
            connector = "imap"
            server = { host = "imap.corp.example" }
            auth = { kind = "plain", user = "clawback", password-file = "a" }
            directory = "/a"
            endpoints.api = { url = "https://a.example" }
        "#;
        let mut seen = BTreeSet::from([grant(base, None)]);
        for (from, to) in [
            ("imap.corp.example\"", "other.example\""),
            ("imap.corp.example\"", "imap.corp.example\", port = 1143"),
            ("imap.corp.example\"", "imap.corp.example\", tls = \"none\""),
            ("imap.corp.example\"", "imap.corp.example\", tls = \"starttls\""),
            ("imap.corp.example\"", "imap.corp.example\", server-name = \"other.example\""),
            ("imap.corp.example\"", "imap.corp.example\", ca-file = \"/none\""),
            ("imap.corp.example\"", "imap.corp.example\", client-cert-file = \"/none\""),
            ("imap.corp.example\"", "imap.corp.example\", pin-sha256 = \"00\""),
            ("imap.corp.example\"", "imap.corp.example\", allow-private-network = true"),
            ("imap.corp.example\"", "imap.corp.example\", allow-cleartext = true"),
            ("https://a.example\"", "https://a.example\", allow-cleartext = true"),
            ("user = \"clawback\"", "user = \"other\""),
            ("kind = \"plain\"", "kind = \"master-user\""),
            ("directory = \"/a\"", "directory = \"/b\""),
            ("directory = \"/a\"", "directory = \"/a\"\ntoken = { kind = \"per-mailbox\", file = \"{mailbox}\" }"),
            ("https://a.example\"", "https://b.example\""),
            ("https://a.example\"", "https://a.example\", allow-private-network = true"),
            ("https://a.example\"", "https://a.example\", ca-file = \"/none\""),
            ("https://a.example\"", "https://a.example\", auth = { kind = \"jwt\", key-file = \"k\" }"),
            (
                "https://a.example\"",
                "https://a.example\", auth = { kind = \"jwt\", key-file = \"k\", subject = \"x\" }",
            ),
            ("directory = \"/a\"", "directory = \"/a\"\nsettings = { quarantine-folder = \"INBOXPublic\" }"),
        ] {
            assert!(seen.insert(grant(&base.replace(from, to), None)), "{to}");
        }
        let (ann, ben): (Arc<str>, Arc<str>) = ("ann".into(), "ben".into());
        assert!(seen.insert(grant(base, Some(&[Arc::clone(&ann)]))));
        assert!(seen.insert(grant(base, Some(&[ann, ben]))));
    }

    #[test]
    fn what_confines_requests_is_in_the_grant() {
        let config = "connector = \"x\"\n[endpoints.api]\nurl = \"https://a.example\"";
        let manifest = r#"
            [endpoints.api]
            methods = ["GET", "POST"]
            paths = ["/me", "/users/{mailbox}/*"]
            store-paths = ["/users"]
            batches = ["/$batch"]
            commands = { path = "/v1", owner = "user", of-mailbox = { fetch = ["query"] } }
        "#;
        let given = grant_of(manifest, config, None);
        for (key, value) in [
            ("methods", r#"["GET","POST"]"#),
            ("paths", r#"["/me","/users/{mailbox}/*"]"#),
            ("store-paths", r#"["/users"]"#),
            ("batches", r#"["/$batch"]"#),
        ] {
            assert_eq!(given.get(&format!("endpoints.api.{key}")).map(String::as_str), Some(value));
        }
        let mut seen = BTreeSet::from([given.clone()]);
        for (from, to) in [
            ("methods = [\"GET\", \"POST\"]", ""),
            ("\"POST\"", "\"POST\", \"DELETE\""),
            ("            paths = [\"/me\", \"/users/{mailbox}/*\"]", ""),
            ("store-paths = [\"/users\"]", ""),
            ("\"/users\"", "\"/groups\""),
            ("{mailbox}", "*"),
            ("batches = [\"/$batch\"]", ""),
            ("/$batch", "/batch"),
            ("owner = \"user\"", "owner = \"account\""),
            ("fetch = [\"query\"]", "fetch = [\"query\", \"field\"]"),
        ] {
            assert!(seen.insert(grant_of(&manifest.replace(from, to), config, None)), "{to}");
        }
        assert_eq!(grant_of(&manifest.replace(r#""GET", "POST""#, r#""POST", "GET""#), config, None), given);
    }

    #[test]
    fn the_token_url_of_a_key_file_is_in_the_grant() {
        let folder = tempfile::tempdir().unwrap();
        let (key, account) = (folder.path().join("key.pem"), folder.path().join("account.json"));
        write_key(&key);
        let given = |token_uri: &str, rest: &str| {
            let text = serde_json::json!({
                "client_email": "clawback@project.example", "token_uri": token_uri,
                "private_key": std::fs::read_to_string(&key).unwrap(),
            });
            std::fs::write(&account, text.to_string()).unwrap();
            #[cfg(unix)]
            std::fs::set_permissions(&account, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            let auth = format!("kind = \"service-account\"\nkey-file = {account:?}\nscope = \"mail\"\n{rest}");
            let grant = grant(&format!("connector = \"x\"\n[endpoints.api.auth]\n{auth}"), None);
            grant.get("endpoints.api.auth.token-url").cloned()
        };
        assert_eq!(given("https://a.example/token", "").as_deref(), Some("https://a.example/token"));
        assert_eq!(given("https://b.example/token", "").as_deref(), Some("https://b.example/token"));
        let own = "token-url = \"https://c.example/token\"";
        assert_eq!(given("https://b.example/token", own).as_deref(), Some("https://c.example/token"));
    }

    #[test]
    fn neither_secrets_nor_speed_are_in_the_grant() {
        let base = r#"
            connector = "imap"
            server = { host = "imap.corp.example" }
            auth = { kind = "plain", user = "clawback", password-file = "a" }
        "#;
        for (from, to) in [
            ("password-file = \"a\"", "password-file = \"b\""),
            ("password-file = \"a\"", "password-env = \"SECRET\""),
            ("connector = \"imap\"", "connector = \"imap\"\nlimits = { connections = 3, call-timeout = \"3s\" }"),
        ] {
            assert_eq!(grant(base, None), grant(&base.replace(from, to), None), "{to}");
        }
    }
}
