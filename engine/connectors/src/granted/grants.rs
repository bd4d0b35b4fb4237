//! The grants of a store's connector, derived from the store's configuration. Every error names the store, the key and
//! the next step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clawback_model::{Clock, is_loopback};
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use crate::config::token::TokenConfig;
use crate::config::{AuthConfig, ConfigError, ServerConfig, TlsMode};
use crate::granted::context::GrantContext;
use crate::granted::dial::{self, Target};
use crate::granted::endpoint::HttpGrants;
use crate::granted::folder::GrantedFolder;
use crate::granted::login::Known;
use crate::granted::memo::Memo;
use crate::granted::pool::Pool;
use crate::granted::sasl::{Auth, PasswordFile};
use crate::granted::seats::Seats;
use crate::granted::secret;
use crate::granted::server::MailServer;
use crate::granted::token::source::Tokens;
use crate::granted::trust::{self, Trust};
use crate::label::Label;
use crate::limits::SandboxLimits;

/// The values of `[stores.NAME.settings]`.
pub(crate) type Settings = BTreeMap<String, String>;

/// The grants of one store. What only the component requests has no effect.
pub(crate) struct Grants {
    pub(crate) label: Label,
    pub(crate) limits: SandboxLimits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    pub(crate) server: Option<MailServer>,
    pub(crate) folder: Option<GrantedFolder>,
    pub(crate) http: HttpGrants,
    pub(crate) memo: Memo,
}

impl Grants {
    /// Creates the grants of this store's connector.
    pub(crate) fn of(context: &GrantContext<'_>, connector: &str, clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        check_limits(context)?;
        check_settings(context)?;
        let server = if context.manifest.wants("mail-stream") { server(context, &clock)? } else { None };
        let folder = if context.manifest.wants("folder") { folder(context)? } else { None };
        if !context.manifest.wants("mail-stream") && context.config.server.is_some() {
            return Err(context.wrong("server", "this connector uses no mail server", "remove `server` and `auth`"));
        }
        if context.config.token.is_some() && !matches!(context.config.auth, Some(AuthConfig::Xoauth2 { .. })) {
            let help = "write `auth = { kind = \"xoauth2\" }`; the tokens of an endpoint are in its own `auth`";
            return Err(context.wrong("token", "no login uses it", help));
        }
        if !context.manifest.wants("folder") && context.config.directory.is_some() {
            return Err(context.wrong("directory", "this connector uses no directory", "remove it"));
        }
        Ok(Self {
            label: Label::new(context.store, connector),
            limits: context.limits,
            settings: context.config.settings.clone(),
            server,
            folder,
            http: HttpGrants::of(context, &clock)?,
            memo: Memo::default(),
            clock,
        })
    }
}

/// Returns the mailboxes that the operator listed, if any.
pub(crate) fn mailboxes(context: &GrantContext<'_>) -> Result<Option<Vec<Arc<str>>>, ConfigError> {
    let mut all: Vec<Arc<str>> = context.config.mailboxes.iter().map(|name| name.trim().into()).collect();
    if let Some(file) = &context.config.mailboxes_file {
        let path = context.path(file);
        let text = clawback_files::read_policy(&path).map_err(|error| {
            context.wrong("mailboxes-file", error.to_string(), "name a file with one mailbox per line")
        })?;
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        all.extend(lines.filter(|line| !line.is_empty()).map(Arc::from));
    }
    if let Some(wrong) = all.iter().find(|name| name.is_empty() || name.chars().any(char::is_control)) {
        let shown = clawback_model::visible_line(wrong, 60);
        return Err(context.wrong("mailboxes", format!("`{shown}` is not a mailbox name"), "write one address each"));
    }
    all.sort_unstable();
    all.dedup();
    Ok(if all.is_empty() { None } else { Some(all) })
}

fn check_limits(context: &GrantContext<'_>) -> Result<(), ConfigError> {
    let limits = &context.config.limits;
    for (key, value) in
        [("limits.connections", limits.connections), ("limits.connections-per-mailbox", limits.connections_per_mailbox)]
    {
        if !(1..=10_000).contains(&value) {
            return Err(context.wrong(key, format!("{value} is out of range"), "write a number from 1 to 10000"));
        }
    }
    // The memory of a component is limited to 4 GiB.
    if limits.memory_mib.is_some_and(|memory| !(16..=4_095).contains(&memory)) {
        return Err(context.wrong("limits.memory-mib", "out of range", "write a number from 16 to 4095"));
    }
    for (key, value) in [
        ("limits.call-timeout", limits.call_timeout),
        ("limits.connect-timeout", limits.connect_timeout),
        ("limits.io-timeout", limits.io_timeout),
    ] {
        if value.is_zero() {
            return Err(context.wrong(key, "no time at all", "write a duration like \"30s\""));
        }
    }
    Ok(())
}

fn check_settings(context: &GrantContext<'_>) -> Result<(), ConfigError> {
    let known = &context.manifest.settings;
    if known.is_empty() {
        return Ok(());
    }
    match context.config.settings.keys().find(|key| !known.contains_key(*key)) {
        None => Ok(()),
        Some(key) => {
            let names = known.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let problem = "this connector has no such setting";
            Err(context.wrong(&format!("settings.{key}"), problem, format!("its settings are {names}")))
        }
    }
}

fn folder(context: &GrantContext<'_>) -> Result<Option<GrantedFolder>, ConfigError> {
    let Some(directory) = &context.config.directory else {
        return if context.manifest.insists_on("folder") {
            Err(context.wrong("directory", "missing", "name the directory that holds the mailboxes"))
        } else {
            Ok(None)
        };
    };
    let path = context.path(directory);
    GrantedFolder::open(&path, &context.limits).map(Some).map_err(|error| {
        let problem = format!("cannot open `{}`: {error}", path.display());
        context.wrong("directory", problem, "name a directory that this user can read and write")
    })
}

fn server(context: &GrantContext<'_>, clock: &Arc<dyn Clock>) -> Result<Option<MailServer>, ConfigError> {
    let (server, auth) = match (&context.config.server, &context.config.auth) {
        (Some(server), Some(auth)) => (server, auth),
        (Some(_), None) => {
            return Err(context.wrong(
                "auth",
                "missing",
                "say how to log in: `auth = { kind = \"plain\", user = \"...\", password-file = \"...\" }`",
            ));
        }
        (None, Some(_)) => {
            return Err(context.wrong("server", "missing", "say where to log in: `server = { host = \"...\" }`"));
        }
        (None, None) if context.manifest.insists_on("mail-stream") => {
            return Err(context.wrong("server", "missing", "name the mail server: `server = { host = \"...\" }`"));
        }
        (None, None) => return Ok(None),
    };
    let limits = &context.config.limits;
    Ok(Some(MailServer {
        target: target(context, server)?,
        auth: self::auth(context, auth, clock)?,
        io_timeout: limits.io_timeout,
        pool: Pool::new(limits.idle_connections as usize, limits.idle_timeout, Seats::new(limits.connections as usize)),
        known: Known::default(),
    }))
}

fn target(context: &GrantContext<'_>, server: &ServerConfig) -> Result<Target, ConfigError> {
    if server.tls == TlsMode::None && !server.allow_cleartext && !is_loopback(&server.host) {
        let problem = "`none` would send credentials and mail to another machine in the clear";
        let help = "write `tls = \"implicit\"` or `\"starttls\"`; `allow-cleartext = true` allows it nevertheless";
        return Err(context.wrong("server.tls", problem, help));
    }
    let bare = server.host.trim_start_matches('[').trim_end_matches(']');
    let name = server.server_name.as_deref().unwrap_or(bare);
    let server_name = ServerName::try_from(name.to_owned()).map_err(|_| {
        let problem = format!("`{}` is not a host name or address", clawback_model::visible_line(name, 80));
        context.wrong("server.host", problem, "write a name like imap.example.com, without a scheme or port")
    })?;
    let tls = trust(context, server)?.config().map_err(|wrong| {
        let help = match wrong.key {
            "ca-file" => "name a PEM file of the authorities to trust",
            "client-cert-file" => "name a PEM file of the certificate to show, with its chain",
            _ => "name a PEM file of the certificate's private key that only this user can read",
        };
        context.wrong(&format!("server.{}", wrong.key), wrong.problem, help)
    })?;
    Ok(Target {
        host: server.host.clone(),
        port: server.port_or_default(),
        tls: server.tls,
        reach: dial::reach(&server.host, server.allow_private_network),
        server_name,
        connector: TlsConnector::from(tls),
        connect_timeout: context.config.limits.connect_timeout,
    })
}

fn trust(context: &GrantContext<'_>, server: &ServerConfig) -> Result<Trust, ConfigError> {
    let pin = |text: &String| {
        trust::pin(text).ok_or_else(|| {
            let problem = format!("`{}` is not a sha256 digest", clawback_model::visible_line(text, 80));
            let help = "write the 64 hexadecimal digits that `openssl x509 -noout -fingerprint -sha256` prints";
            context.wrong("server.pin-sha256", problem, help)
        })
    };
    let client = match (&server.client_cert_file, &server.client_key_file) {
        (Some(certificate), Some(key)) => Some((context.path(certificate), context.path(key))),
        (None, None) => None,
        (Some(_), None) => {
            return Err(context.wrong("server.client-key-file", "missing", "name the private key of the certificate"));
        }
        (None, Some(_)) => {
            return Err(context.wrong("server.client-cert-file", "missing", "name the certificate of the private key"));
        }
    };
    Ok(Trust {
        ca_file: server.ca_file.as_deref().map(|path| context.path(path)),
        pins: server.pin_sha256.iter().map(pin).collect::<Result<_, _>>()?,
        client,
    })
}

fn auth(context: &GrantContext<'_>, auth: &AuthConfig, clock: &Arc<dyn Clock>) -> Result<Auth, ConfigError> {
    let password = |file: &Option<PathBuf>, variable: &Option<String>| {
        context.secret("auth.password", file.as_deref(), variable.as_deref())
    };
    Ok(match auth {
        AuthConfig::Plain { user, password_file, password_env } => {
            check_user(context, user)?;
            Auth::Plain { user: user.clone(), password: password(password_file, password_env)? }
        }
        AuthConfig::MasterUser { user, separator, password_file, password_env } => {
            check_user(context, user)?;
            if separator.is_empty() {
                return Err(context.wrong("auth.separator", "empty", "write the server's separator, `*` as a rule"));
            }
            let password = password(password_file, password_env)?;
            Auth::MasterUser { user: user.clone(), separator: separator.clone(), password }
        }
        AuthConfig::PerMailbox { password_file } => {
            let path = context.path(password_file);
            secret::read_private(&path).map_err(|error| {
                context.wrong("auth.password-file", error.to_string(), "name a file with lines `mailbox:password`")
            })?;
            Auth::PerMailbox(PasswordFile::new(path))
        }
        AuthConfig::External {} => {
            if context.config.server.as_ref().is_none_or(|server| server.client_cert_file.is_none()) {
                let help = "name the certificate that logs in: `server.client-cert-file` and `server.client-key-file`";
                return Err(context.wrong("auth", "`external` without a client certificate", help));
            }
            Auth::External
        }
        AuthConfig::Xoauth2 { user, token_file, token_env } => {
            check_user(context, user)?;
            let (file, variable) = (token_file.as_deref(), token_env.as_deref());
            Auth::Xoauth2 { user: user.clone(), tokens: tokens(context, file, variable, clock)? }
        }
    })
}

/// Returns the source of the tokens of logins.
fn tokens(
    context: &GrantContext<'_>,
    file: Option<&Path>,
    variable: Option<&str>,
    clock: &Arc<dyn Clock>,
) -> Result<Tokens, ConfigError> {
    let what = "the login by token";
    match &context.config.token {
        Some(_) if file.is_some() || variable.is_some() => {
            let help = "keep either the table `token`, or `auth.token-file` or `auth.token-env`";
            Err(context.wrong("token", "given beside another token", help))
        }
        Some(TokenConfig::Basic { .. }) => {
            let help = "write `kind = \"plain\"` or `\"per-mailbox\"` in `auth` to log in by password";
            Err(context.wrong("token.kind", "`basic` is no token", help))
        }
        Some(token) => Tokens::of(context, "token", what, token, clock),
        None => Ok(Tokens::fixed(what, context.secret("auth.token", file, variable)?)),
    }
}

fn check_user(context: &GrantContext<'_>, user: &str) -> Result<(), ConfigError> {
    if user.is_empty() || user.chars().any(char::is_control) {
        return Err(context.wrong("auth.user", "empty, or with control characters", "write the account that logs in"));
    }
    Ok(())
}
