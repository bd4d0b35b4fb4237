//! `[stores.NAME]` of the configuration, as written. [`crate::granted::grants`] derives grants from it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clawback_model::is_loopback;
use reqwest::Url;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::config::token::TokenConfig;
use crate::duration;

pub(crate) mod token;

/// A mistake in the configuration of a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("store `{store}`: `{key}`: {problem}; {help}")]
pub struct ConfigError {
    /// The store.
    pub store: String,
    /// The key, below `[stores.NAME]`.
    pub key: String,
    /// The mistake.
    pub problem: String,
    /// The next step.
    pub help: String,
}

/// One mail store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StoreConfig {
    /// `"imap"`, `"jmap"`, `"maildir"`, or `{ path = "...", sha256 = "..." }`.
    pub connector: ConnectorChoice,
    /// Settings that the connector may read through `settings`. Never a credential.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// The mailboxes of the store.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mailboxes: Vec<String>,
    /// The same from a file with one mailbox per line; `#` begins a comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailboxes_file: Option<PathBuf>,
    /// The mail server: grants `mail-stream`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerConfig>,
    /// The login at the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<AuthConfig>,
    /// Where the tokens of logins by `xoauth2` are obtained, instead of its `token-file` and `token-env`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenConfig>,
    /// A directory: grants `folder` below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// Endpoints of the connector's manifest, each of which grants `http` to one origin.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoints: BTreeMap<String, EndpointConfig>,
    /// The limits on concurrency, rate and time.
    #[serde(default)]
    pub limits: StoreLimits,
}

impl StoreConfig {
    /// Returns the `host` or origins to which credentials and mail of this store may go unencrypted over a network.
    pub fn in_the_clear(&self) -> Vec<String> {
        let server = self
            .server
            .iter()
            .filter(|server| server.tls == TlsMode::None && server.allow_cleartext && !is_loopback(&server.host));
        let allowed = self.endpoints.values().filter(|endpoint| endpoint.allow_cleartext);
        // The URL of a manifest is protected.
        let endpoints = allowed.filter_map(|endpoint| endpoint.url.clone()).filter(|url| {
            Url::parse(url).is_ok_and(|url| url.scheme() == "http" && !url.host_str().is_some_and(is_loopback))
        });
        server.map(|server| server.host.clone()).chain(endpoints).collect()
    }
}

/// The component that accesses the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", untagged)]
pub enum ConnectorChoice {
    /// A component that is built into the binary.
    Named(String),
    /// A component of the operator.
    File {
        /// The component; its manifest is the file next to it that ends in `.toml`.
        path: PathBuf,
        /// Its sha256 in hexadecimal. A file with another digest is refused.
        sha256: String,
    },
}

impl<'de> Deserialize<'de> for ConnectorChoice {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            path: PathBuf,
            sha256: String,
        }
        struct Choice;
        impl<'de> Visitor<'de> for Choice {
            type Value = ConnectorChoice;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a built-in connector, or { path = \"...\", sha256 = \"...\" }")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<ConnectorChoice, E> {
                Ok(ConnectorChoice::Named(name.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ConnectorChoice, A::Error> {
                let File { path, sha256 } = Deserialize::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(ConnectorChoice::File { path, sha256 })
            }
        }
        input.deserialize_any(Choice)
    }
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ServerConfig {
    /// A name or address. An address is granted even if it is private.
    pub host: String,
    /// The port; default: 993 for `implicit`, otherwise 143.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The protection of the connection.
    #[serde(default)]
    pub tls: TlsMode,
    /// PEM file of the authorities to trust instead of the system's. A certificate in it is also trusted directly, if
    /// the server presents exactly this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// sha256 in hexadecimal of the server's certificate, or of its public key (SPKI). Only these are then accepted;
    /// authority, name and date are not checked. One, or a list for a change of certificates.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_more")]
    pub pin_sha256: Vec<String>,
    /// PEM file of the client certificate and its chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_cert_file: Option<PathBuf>,
    /// PEM file of its private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key_file: Option<PathBuf>,
    /// The name that the certificate must have, if it is not `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Whether `host` may be a name of a private, loopback or link-local address.
    #[serde(default)]
    pub allow_private_network: bool,
    /// Whether credentials and mail may go to another machine unencrypted, with `tls = "none"`.
    #[serde(default)]
    pub allow_cleartext: bool,
}

impl ServerConfig {
    /// Returns the port, or the default of the protection.
    pub(crate) fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(if self.tls == TlsMode::Implicit { 993 } else { 143 })
    }
}

/// The protection of a connection to a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// TLS from the first byte (RFC 8314).
    #[default]
    Implicit,
    /// Plain until `STARTTLS`, which must succeed.
    Starttls,
    /// None: credentials and mail are unencrypted. Only to this machine, unless `allow-cleartext` is set.
    None,
}

/// The login at a mail server for a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum AuthConfig {
    /// `user` logs in, and the mailbox is the identity to act as: by SASL SCRAM-SHA-256, SCRAM-SHA-1 or PLAIN, the
    /// strongest that the server offers.
    Plain {
        /// The account that may act for others.
        user: String,
        /// File of its password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password_file: Option<PathBuf>,
        /// Environment variable of its password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password_env: Option<String>,
    },
    /// Logs in as `MAILBOX{separator}user`, as with Dovecot's master users.
    MasterUser {
        /// The master user.
        user: String,
        /// The separator; default `*`.
        #[serde(default = "default_separator")]
        separator: String,
        /// File of its password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password_file: Option<PathBuf>,
        /// Environment variable of its password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password_env: Option<String>,
    },
    /// Each mailbox with its own password.
    PerMailbox {
        /// File of lines `mailbox:password`.
        password_file: PathBuf,
    },
    /// The client certificate (`server.client-cert-file`) logs in, and the mailbox is the identity to act as: SASL
    /// EXTERNAL.
    External {},
    /// `XOAUTH2` or `OAUTHBEARER` with a bearer token: from a file, a variable, or [`StoreConfig::token`].
    Xoauth2 {
        /// The user name; `{mailbox}` is replaced by the mailbox.
        #[serde(default = "default_user")]
        user: String,
        /// File of the token; read at each login, so another program may renew it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_file: Option<PathBuf>,
        /// Environment variable of the token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_env: Option<String>,
    },
}

fn one_or_more<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        One(String),
        More(Vec<String>),
    }
    Ok(match Either::deserialize(input)? {
        Either::One(one) => vec![one],
        Either::More(more) => more,
    })
}

fn default_separator() -> String {
    "*".to_owned()
}

fn default_user() -> String {
    "{mailbox}".to_owned()
}

/// The grant of one endpoint of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EndpointConfig {
    /// `https://host[:port]`, without a path; by default the manifest's. Another one is refused if the manifest fixes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// File of a bearer token; read at each request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Environment variable of a bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// Where the credential is obtained, instead of `token-file` and `token-env`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<TokenConfig>,
    /// PEM file of the authorities to trust instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Whether the host may be a name of a private, loopback or link-local address.
    #[serde(default)]
    pub allow_private_network: bool,
    /// Whether the token and mail may go to another machine unencrypted, with `http://`.
    #[serde(default)]
    pub allow_cleartext: bool,
    /// The limits on requests.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: EndpointLimits,
}

/// The limits on the requests to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct EndpointLimits {
    /// The most concurrent requests of a node; by default the manifest's, or 32.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
}

fn is_default(limits: &EndpointLimits) -> bool {
    *limits == EndpointLimits::default()
}

/// The limits on concurrency, rate and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct StoreLimits {
    /// The most concurrent calls on the store, and the most connections that a node keeps open to the server, including
    /// idle ones.
    pub connections: u32,
    /// The most concurrent calls on one mailbox; never more than the connector supports.
    pub connections_per_mailbox: u32,
    /// The most calls on the store per second, over all nodes; `None` means no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_per_second: Option<u32>,
    /// The memory of one call, in MiB; 64 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    /// The time-out of one call, everything included.
    #[serde(with = "duration")]
    pub call_timeout: Duration,
    /// The time-out of a connection and its TLS handshake.
    #[serde(with = "duration")]
    pub connect_timeout: Duration,
    /// The time-out of one read or write on a connection, and of one HTTP request.
    #[serde(with = "duration")]
    pub io_timeout: Duration,
    /// How long an idle connection is kept.
    #[serde(with = "duration")]
    pub idle_timeout: Duration,
    /// The most idle connections, in all. They count among `connections`, and are closed when a call needs one.
    pub idle_connections: u32,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            connections: 32,
            connections_per_mailbox: 1,
            calls_per_second: None,
            memory_mib: None,
            call_timeout: Duration::from_mins(1),
            connect_timeout: Duration::from_secs(10),
            io_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_mins(1),
            idle_connections: 8,
        }
    }
}
