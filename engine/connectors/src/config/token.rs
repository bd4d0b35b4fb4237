//! `[stores.NAME.endpoints.NAME.auth]` and `[stores.NAME.token]`: the sources of the credentials of requests.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The source of the credential of a request or of a login by token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum TokenConfig {
    /// One bearer token for all mailboxes.
    Bearer {
        /// File of the token; read at each use, so another program may renew it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_file: Option<PathBuf>,
        /// Environment variable of the token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token_env: Option<String>,
    },
    /// User and password (RFC 7617). Only for endpoints.
    Basic {
        /// The user; `{mailbox}` is replaced by the mailbox.
        user: String,
        /// File of its password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password_file: Option<PathBuf>,
        /// Environment variable of its password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password_env: Option<String>,
    },
    /// Each mailbox with a bearer token of its own, in a file of its own.
    PerMailbox {
        /// The file; `{mailbox}` in its name is replaced by the mailbox. Read at each use.
        file: PathBuf,
    },
    /// A token server issues one token to the application itself (RFC 6749 4.4).
    ClientCredentials(ClientCredentials),
    /// A token server issues a token for a subject in exchange for a signed assertion (RFC 7523 2.1), by the key file
    /// that Google gives for a service account.
    ServiceAccount(ServiceAccount),
    /// The host itself signs a token for a subject (RS256), which the server verifies by the public key.
    Jwt {
        /// PEM file of the private RSA key.
        key_file: PathBuf,
        /// The subject (`sub`); `{mailbox}` is replaced by the mailbox.
        #[serde(default = "mailbox")]
        subject: String,
        /// The issuer (`iss`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issuer: Option<String>,
        /// The audience (`aud`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        audience: Option<String>,
    },
}

/// The keys of `kind = "client-credentials"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClientCredentials {
    /// The URL that issues tokens.
    pub token_url: String,
    /// The name of the application at the token server.
    pub client_id: String,
    /// The permissions to request, as the token server names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// File of the application's secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_file: Option<PathBuf>,
    /// Environment variable of the application's secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_env: Option<String>,
    /// PEM file of the certificate that the token server knows, instead of a secret (RFC 7523 2.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_file: Option<PathBuf>,
    /// PEM file of the certificate's private RSA key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The signature by that key.
    #[serde(default)]
    pub algorithm: SignatureAlgorithm,
    /// PEM file of the authorities to trust for `token-url` instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Whether the host of `token-url` may be a name of a private, loopback or link-local address.
    #[serde(default)]
    pub allow_private_network: bool,
    /// Whether credentials and tokens may go to another machine unencrypted, with `http://`.
    #[serde(default)]
    pub allow_cleartext: bool,
}

/// The keys of `kind = "service-account"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ServiceAccount {
    /// The JSON file of the key.
    pub key_file: PathBuf,
    /// The permissions to request, as the token server names them.
    pub scope: String,
    /// The account to act as; `{mailbox}` is replaced by the mailbox.
    #[serde(default = "mailbox")]
    pub subject: String,
    /// The URL that issues tokens, instead of `token_uri` of the key file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_url: Option<String>,
    /// PEM file of the authorities to trust for it instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Whether its host may be a name of a private, loopback or link-local address.
    #[serde(default)]
    pub allow_private_network: bool,
    /// Whether credentials and tokens may go to another machine unencrypted, with `http://`.
    #[serde(default)]
    pub allow_cleartext: bool,
}

/// A signature of JSON web tokens by an RSA key (RFC 7518 3.3, 3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SignatureAlgorithm {
    /// RSASSA-PSS with SHA-256.
    #[default]
    #[serde(rename = "PS256")]
    Ps256,
    /// RSASSA-PKCS1-v1.5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
}

fn mailbox() -> String {
    "{mailbox}".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_keys_only() {
        for right in [
            "kind = \"bearer\"\ntoken-env = \"T\"\n",
            "kind = \"basic\"\nuser = \"{mailbox}\"\npassword-file = \"p\"\n",
            "kind = \"client-credentials\"\ntoken-url = \"https://a/t\"\nclient-id = \"c\"\n\
             certificate-file = \"c.pem\"\nkey-file = \"k.pem\"\nalgorithm = \"RS256\"\nallow-private-network = true\n\
             allow-cleartext = false\n",
            "kind = \"jwt\"\nkey-file = \"k\"\nsubject = \"admin\"\n",
        ] {
            let read: TokenConfig = toml::from_str(right).unwrap();
            assert_eq!(toml::to_string(&read).unwrap(), right);
        }
        for wrong in [
            "kind = \"bearer\"\ntoken = \"inline\"",
            "kind = \"basic\"\nuser = \"u\"\npassword = \"inline\"",
            "kind = \"client-credentials\"\ntoken-url = \"https://a/t\"\nclient-id = \"c\"\nclient-secret = \"inline\"",
            "kind = \"service-account\"\nkey-file = \"k\"",
            "kind = \"jwt\"\nkey-file = \"k\"\nalgorithm = \"none\"",
        ] {
            assert!(toml::from_str::<TokenConfig>(wrong).is_err(), "{wrong}");
        }
    }
}
