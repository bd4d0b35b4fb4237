//! From a store's configuration to its grants. Every mistake names the store, the key and what to do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clawback_model::{Clock, is_loopback};
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use crate::config::{AuthConfig, ConfigError, ServerConfig, StoreConfig, TlsMode};
use crate::dial::{self, Target};
use crate::folder::GrantedFolder;
use crate::guest::{Grants, Label};
use crate::http::HttpGrants;
use crate::limits::SandboxLimits;
use crate::login::Known;
use crate::manifest::Manifest;
use crate::pool::Pool;
use crate::sasl::{Auth, PasswordFile};
use crate::seats::Seats;
use crate::secret::SecretSource;
use crate::server::MailServer;
use crate::trust::{self, Trust};

/// What is needed beside the configuration itself.
pub(crate) struct Ground<'a> {
    pub(crate) store: &'a str,
    pub(crate) config: &'a StoreConfig,
    pub(crate) manifest: &'a Manifest,
    /// Relative paths start here.
    pub(crate) base: &'a Path,
    pub(crate) limits: SandboxLimits,
}

impl Ground<'_> {
    pub(crate) fn wrong(&self, key: &str, problem: impl Into<String>, help: impl Into<String>) -> ConfigError {
        ConfigError { store: self.store.to_owned(), key: key.to_owned(), problem: problem.into(), help: help.into() }
    }

    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        self.base.join(path)
    }
}

/// Everything that this store's connector may touch.
pub(crate) fn grants(ground: &Ground<'_>, connector: &str, clock: Arc<dyn Clock>) -> Result<Grants, ConfigError> {
    check_limits(ground)?;
    check_settings(ground)?;
    let server = if ground.manifest.wants("mail-stream") { server(ground)? } else { None };
    let folder = if ground.manifest.wants("folder") { folder(ground)? } else { None };
    if !ground.manifest.wants("mail-stream") && ground.config.server.is_some() {
        return Err(ground.wrong("server", "this connector uses no mail server", "remove `server` and `auth`"));
    }
    if !ground.manifest.wants("folder") && ground.config.directory.is_some() {
        return Err(ground.wrong("directory", "this connector uses no directory", "remove it"));
    }
    Ok(Grants {
        label: Label::new(ground.store, connector),
        limits: ground.limits,
        clock,
        settings: ground.config.settings.clone(),
        server,
        folder,
        http: HttpGrants::of(ground)?,
    })
}

/// The mailboxes that the operator listed, if any.
pub(crate) fn mailboxes(ground: &Ground<'_>) -> Result<Option<Vec<Arc<str>>>, ConfigError> {
    let mut all: Vec<Arc<str>> = ground.config.mailboxes.iter().map(|name| name.trim().into()).collect();
    if let Some(file) = &ground.config.mailboxes_file {
        let path = ground.path(file);
        let text = clawback_files::read_policy(&path).map_err(|error| {
            ground.wrong("mailboxes-file", error.to_string(), "name a file with one mailbox per line")
        })?;
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        all.extend(lines.filter(|line| !line.is_empty()).map(Arc::from));
    }
    if let Some(wrong) = all.iter().find(|name| name.is_empty() || name.chars().any(char::is_control)) {
        let shown = clawback_model::visible_line(wrong, 60);
        return Err(ground.wrong("mailboxes", format!("`{shown}` is not a mailbox name"), "write one address each"));
    }
    all.sort_unstable();
    all.dedup();
    Ok(if all.is_empty() { None } else { Some(all) })
}

fn check_limits(ground: &Ground<'_>) -> Result<(), ConfigError> {
    let limits = &ground.config.limits;
    for (key, value) in
        [("limits.connections", limits.connections), ("limits.connections-per-mailbox", limits.connections_per_mailbox)]
    {
        if !(1..=10_000).contains(&value) {
            return Err(ground.wrong(key, format!("{value} is out of range"), "write a number from 1 to 10000"));
        }
    }
    // A component's memory ends at 4 GiB.
    if limits.memory_mib.is_some_and(|memory| !(16..=4_095).contains(&memory)) {
        return Err(ground.wrong("limits.memory-mib", "out of range", "write a number from 16 to 4095"));
    }
    for (key, value) in [
        ("limits.call-timeout", limits.call_timeout),
        ("limits.connect-timeout", limits.connect_timeout),
        ("limits.io-timeout", limits.io_timeout),
    ] {
        if value.is_zero() {
            return Err(ground.wrong(key, "no time at all", "write a duration like \"30s\""));
        }
    }
    Ok(())
}

fn check_settings(ground: &Ground<'_>) -> Result<(), ConfigError> {
    let known = &ground.manifest.settings;
    if known.is_empty() {
        return Ok(());
    }
    match ground.config.settings.keys().find(|key| !known.contains_key(*key)) {
        None => Ok(()),
        Some(key) => {
            let names = known.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let problem = "this connector has no such setting";
            Err(ground.wrong(&format!("settings.{key}"), problem, format!("its settings are {names}")))
        }
    }
}

fn folder(ground: &Ground<'_>) -> Result<Option<GrantedFolder>, ConfigError> {
    let Some(directory) = &ground.config.directory else {
        return if ground.manifest.insists_on("folder") {
            Err(ground.wrong("directory", "missing", "name the directory that holds the mailboxes"))
        } else {
            Ok(None)
        };
    };
    let path = ground.path(directory);
    GrantedFolder::open(&path, &ground.limits).map(Some).map_err(|error| {
        let problem = format!("cannot open `{}`: {error}", path.display());
        ground.wrong("directory", problem, "name a directory that this user can read and write")
    })
}

fn server(ground: &Ground<'_>) -> Result<Option<MailServer>, ConfigError> {
    let (server, auth) = match (&ground.config.server, &ground.config.auth) {
        (Some(server), Some(auth)) => (server, auth),
        (Some(_), None) => {
            return Err(ground.wrong(
                "auth",
                "missing",
                "say how to log in: `auth = { kind = \"plain\", user = \"...\", password-file = \"...\" }`",
            ));
        }
        (None, Some(_)) => {
            return Err(ground.wrong("server", "missing", "say where to log in: `server = { host = \"...\" }`"));
        }
        (None, None) if ground.manifest.insists_on("mail-stream") => {
            return Err(ground.wrong("server", "missing", "name the mail server: `server = { host = \"...\" }`"));
        }
        (None, None) => return Ok(None),
    };
    let limits = &ground.config.limits;
    Ok(Some(MailServer {
        target: target(ground, server)?,
        auth: self::auth(ground, auth)?,
        io_timeout: limits.io_timeout,
        pool: Pool::new(limits.idle_connections as usize, limits.idle_timeout, Seats::new(limits.connections as usize)),
        known: Known::default(),
    }))
}

fn target(ground: &Ground<'_>, server: &ServerConfig) -> Result<Target, ConfigError> {
    if server.tls == TlsMode::None && !server.allow_cleartext && !is_loopback(&server.host) {
        let problem = "`none` would send credentials and mail to another machine in the clear";
        let help = "write `tls = \"implicit\"` or `\"starttls\"`; `allow-cleartext = true` allows it nevertheless";
        return Err(ground.wrong("server.tls", problem, help));
    }
    let bare = server.host.trim_start_matches('[').trim_end_matches(']');
    let name = server.server_name.as_deref().unwrap_or(bare);
    let server_name = ServerName::try_from(name.to_owned()).map_err(|_| {
        let problem = format!("`{}` is not a host name or address", clawback_model::visible_line(name, 80));
        ground.wrong("server.host", problem, "write a name like imap.example.com, without a scheme or port")
    })?;
    let tls = trust(ground, server)?.config().map_err(|wrong| {
        let help = match wrong.key {
            "ca-file" => "name a PEM file of the authorities to trust",
            "client-cert-file" => "name a PEM file of the certificate to show, with its chain",
            _ => "name a PEM file of the certificate's private key that only this user can read",
        };
        ground.wrong(&format!("server.{}", wrong.key), wrong.problem, help)
    })?;
    Ok(Target {
        host: server.host.clone(),
        port: server.port_or_default(),
        tls: server.tls,
        reach: dial::reach(&server.host, server.allow_private_network),
        server_name,
        connector: TlsConnector::from(tls),
        connect_timeout: ground.config.limits.connect_timeout,
    })
}

fn trust(ground: &Ground<'_>, server: &ServerConfig) -> Result<Trust, ConfigError> {
    let pin = |text: &String| {
        trust::pin(text).ok_or_else(|| {
            let problem = format!("`{}` is not a sha256 digest", clawback_model::visible_line(text, 80));
            let help = "write the 64 hexadecimal digits that `openssl x509 -noout -fingerprint -sha256` prints";
            ground.wrong("server.pin-sha256", problem, help)
        })
    };
    let client = match (&server.client_cert_file, &server.client_key_file) {
        (Some(certificate), Some(key)) => Some((ground.path(certificate), ground.path(key))),
        (None, None) => None,
        (Some(_), None) => {
            return Err(ground.wrong("server.client-key-file", "missing", "name the private key of the certificate"));
        }
        (None, Some(_)) => {
            return Err(ground.wrong("server.client-cert-file", "missing", "name the certificate of the private key"));
        }
    };
    Ok(Trust {
        ca_file: server.ca_file.as_deref().map(|path| ground.path(path)),
        pins: server.pin_sha256.iter().map(pin).collect::<Result<_, _>>()?,
        client,
    })
}

fn auth(ground: &Ground<'_>, auth: &AuthConfig) -> Result<Auth, ConfigError> {
    let password = |file: &Option<PathBuf>, variable: &Option<String>| {
        secret(ground, "auth.password", file.as_deref(), variable.as_deref())
    };
    Ok(match auth {
        AuthConfig::Plain { user, password_file, password_env } => {
            check_user(ground, user)?;
            Auth::Plain { user: user.clone(), password: password(password_file, password_env)? }
        }
        AuthConfig::MasterUser { user, separator, password_file, password_env } => {
            check_user(ground, user)?;
            if separator.is_empty() {
                return Err(ground.wrong("auth.separator", "empty", "write the server's separator, `*` as a rule"));
            }
            let password = password(password_file, password_env)?;
            Auth::MasterUser { user: user.clone(), separator: separator.clone(), password }
        }
        AuthConfig::PerMailbox { password_file } => {
            let path = ground.path(password_file);
            crate::secret::read_private(&path).map_err(|error| {
                ground.wrong("auth.password-file", error.to_string(), "name a file with lines `mailbox:password`")
            })?;
            Auth::PerMailbox(PasswordFile::new(path))
        }
        AuthConfig::External {} => {
            if ground.config.server.as_ref().is_none_or(|server| server.client_cert_file.is_none()) {
                let help = "name the certificate that logs in: `server.client-cert-file` and `server.client-key-file`";
                return Err(ground.wrong("auth", "`external` without a client certificate", help));
            }
            Auth::External
        }
        AuthConfig::Xoauth2 { user, token_file, token_env } => {
            check_user(ground, user)?;
            let token = secret(ground, "auth.token", token_file.as_deref(), token_env.as_deref())?;
            Auth::Xoauth2 { user: user.clone(), token }
        }
    })
}

fn check_user(ground: &Ground<'_>, user: &str) -> Result<(), ConfigError> {
    if user.is_empty() || user.chars().any(char::is_control) {
        return Err(ground.wrong("auth.user", "empty, or with control characters", "write the account that logs in"));
    }
    Ok(())
}

/// The one source of a credential, read once now so that a mistake shows at the start and not in the night.
pub(crate) fn secret(
    ground: &Ground<'_>,
    key: &str,
    file: Option<&Path>,
    variable: Option<&str>,
) -> Result<SecretSource, ConfigError> {
    let source = match (file, variable) {
        (Some(file), None) => SecretSource::File(ground.path(file)),
        (None, Some(variable)) => SecretSource::Variable(variable.to_owned()),
        (None, None) => {
            return Err(ground.wrong(key, "missing", format!("write either `{key}-file` or `{key}-env`")));
        }
        (Some(_), Some(_)) => {
            return Err(ground.wrong(key, "given twice", format!("keep either `{key}-file` or `{key}-env`")));
        }
    };
    let (key, help) = match &source {
        SecretSource::File(_) => (format!("{key}-file"), "name a file that only this user can read"),
        SecretSource::Variable(_) => (format!("{key}-env"), "set the variable for the process"),
    };
    source.read().map_err(|error| ground.wrong(&key, error.to_string(), help))?;
    Ok(source)
}
