//! Outbound HTTP: the client of one URL, behind the gate and with the trust that the operator gives it. Endpoints and
//! token servers share it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use crate::config::ConfigError;
use crate::granted::context::GrantContext;
use crate::granted::dial;
use crate::granted::gate::{self, GateError, Reach};
use crate::granted::trust::Trust;

/// A URL of the configuration with its keys.
pub(crate) struct Address<'a> {
    /// The table of the keys, such as `endpoints.api`.
    pub(crate) table: &'a str,
    /// The key of the URL in it.
    pub(crate) key: &'a str,
    pub(crate) url: &'a str,
    pub(crate) ca_file: Option<&'a Path>,
    pub(crate) allow_private_network: bool,
    pub(crate) allow_cleartext: bool,
}

impl Address<'_> {
    /// Checks the URL, and makes its client.
    pub(crate) fn client(&self, context: &GrantContext<'_>) -> Result<(Url, Client), ConfigError> {
        let Self { table, key, .. } = self;
        let url = protected(self.url, self.reach()).map_err(|problem| {
            context.wrong(&format!("{table}.{key}"), problem, "write `https://host` or `https://host:port`")
        })?;
        let host = url.host_str().unwrap_or_default();
        if url.scheme() == "http" && !self.allow_cleartext && !clawback_model::is_loopback(host) {
            let problem = "plain http would send the token and mail to another machine in the clear";
            let help = "write `https://`; `allow-cleartext = true` allows it nevertheless";
            return Err(context.wrong(&format!("{table}.{key}"), problem, help));
        }
        let reach = dial::reach(host, self.allow_private_network);
        let ca_file = self.ca_file.map(|path| context.path(path));
        let tls = Trust::in_authorities(ca_file.as_deref()).config().map_err(|wrong| {
            let help = "name a PEM file of the authorities to trust";
            context.wrong(&format!("{table}.{}", wrong.key), wrong.problem, help)
        })?;
        let mut tls = (*tls).clone();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let limits = &context.config.limits;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .dns_resolver(Arc::new(GatedResolver(reach)))
            .connect_timeout(limits.connect_timeout)
            .timeout(limits.io_timeout)
            .pool_idle_timeout(limits.idle_timeout)
            .user_agent(concat!("clawback/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| context.wrong(table, error.to_string(), "report this: the HTTP client cannot be made"))?;
        Ok((url, client))
    }

    fn reach(&self) -> Reach {
        if self.allow_private_network { Reach::Private } else { Reach::Public }
    }
}

/// Parses a URL that protects what is sent to it, as far as that was not waived.
fn protected(url: &str, reach: Reach) -> Result<Url, String> {
    let shown = || clawback_model::visible_line(url, 200);
    let parsed = Url::parse(url).map_err(|error| format!("`{}` is not a URL: {error}", shown()))?;
    match parsed.scheme() {
        "https" => {}
        "http" if reach == Reach::Private => {}
        "http" => {
            return Err(format!("`{}` is not protected; plain http needs `allow-private-network = true`", shown()));
        }
        _ => return Err(format!("`{}` is not https", shown())),
    }
    if !parsed.username().is_empty() || parsed.password().is_some() || !parsed.has_host() {
        return Err(format!("`{}` is more than an address", shown()));
    }
    Ok(parsed)
}

/// Parses a URL that has only scheme, host and port.
pub(crate) fn origin(url: &str) -> Result<Url, String> {
    let parsed = protected(url, Reach::Private)?;
    if parsed.path() != "/" || parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(format!("`{}` is more than an origin", clawback_model::visible_line(url, 200)));
    }
    Ok(parsed)
}

/// Why a request has no response. No text contains the URL, which may contain addresses.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    Denied(String),
    TimedOut,
    Failed(String),
}

impl From<&reqwest::Error> for Unanswered {
    fn from(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::TimedOut;
        }
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
            if let Some(GateError::NotPublic { .. }) = cause.downcast_ref() {
                return Self::Denied(cause.to_string());
            }
        }
        Self::Failed(clawback_model::visible_line(&cause.to_string(), 200))
    }
}

/// Resolves names through the gate, so that the address that was checked is the one that is dialled.
struct GatedResolver(Reach);

impl Resolve for GatedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            // The client adds the port.
            let addresses: Vec<SocketAddr> = gate::resolve(name.as_str(), 0, reach).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_protected_and_names_a_host() {
        assert!(protected("https://login.example/oauth2/token?x=1", Reach::Public).is_ok());
        for wrong in ["http://mail.example", "https://u:p@mail.example", "ftp://x", "mail.example"] {
            assert!(protected(wrong, Reach::Public).is_err(), "{wrong}");
        }
        assert!(protected("http://mail.example", Reach::Private).is_ok());
        assert!(origin("https://mail.example:8443").is_ok() && origin("https://mail.example/x").is_err());
        assert!(origin("https://mail.example?x").is_err());
    }

    #[tokio::test]
    async fn a_private_address_needs_a_grant() {
        let answer = GatedResolver(Reach::Public).resolve("localhost".parse().unwrap()).await;
        assert!(answer.is_err());
    }
}
