//! The endpoints that the manifest names and the operator granted, with their tokens.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use crate::config::{ConfigError, EndpointConfig};
use crate::granted::context::GrantContext;
use crate::granted::dial;
use crate::granted::gate::{self, Reach};
use crate::granted::secret::SecretSource;
use crate::granted::trust::Trust;

/// The endpoints of one store, by the name in the manifest.
#[derive(Default)]
pub(crate) struct HttpGrants(BTreeMap<String, Arc<Endpoint>>);

/// One origin with its client.
pub(crate) struct Endpoint {
    pub(crate) origin: Url,
    pub(crate) client: Client,
    pub(crate) token: Option<SecretSource>,
}

impl HttpGrants {
    /// Returns the endpoints that the manifest names and the operator grants.
    pub(crate) fn of(context: &GrantContext<'_>) -> Result<Self, ConfigError> {
        let wanted = &context.manifest.endpoints;
        let granted = context.config.endpoints.iter();
        let endpoints = granted.map(|(name, config)| {
            let key = format!("endpoints.{name}");
            let Some(wish) = wanted.get(name) else {
                let known = wanted.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let help = if known.is_empty() { "remove it".to_owned() } else { format!("it uses {known}") };
                return Err(context.wrong(&key, "the connector's manifest names no such endpoint", help));
            };
            let endpoint = endpoint(context, &key, config)?;
            if let Some(url) = &wish.url
                && origin(url, Reach::Private).map(|url| url.origin()) != Ok(endpoint.origin.origin())
            {
                let help = format!("write {}", clawback_model::visible_line(url, 200));
                return Err(context.wrong(&format!("{key}.url"), "the manifest names another origin", help));
            }
            Ok((name.clone(), Arc::new(endpoint)))
        });
        endpoints.collect::<Result<_, _>>().map(Self)
    }

    /// Returns the endpoint of this name, if it was granted.
    pub(crate) fn get(&self, name: &str) -> Option<&Endpoint> {
        self.0.get(name).map(|endpoint| &**endpoint)
    }
}

fn endpoint(context: &GrantContext<'_>, key: &str, config: &EndpointConfig) -> Result<Endpoint, ConfigError> {
    let wrong_url = |problem: String| {
        context.wrong(&format!("{key}.url"), problem, "write `https://host` or `https://host:port`, without a path")
    };
    let allowed = if config.allow_private_network { Reach::Private } else { Reach::Public };
    let origin = origin(&config.url, allowed).map_err(wrong_url)?;
    let host = origin.host_str().unwrap_or_default();
    if origin.scheme() == "http" && !config.allow_cleartext && !clawback_model::is_loopback(host) {
        let problem = "plain http would send the token and mail to another machine in the clear";
        let help = "write `https://`; `allow-cleartext = true` allows it nevertheless";
        return Err(context.wrong(&format!("{key}.url"), problem, help));
    }
    let reach = dial::reach(host, config.allow_private_network);
    let token = if config.token_file.is_none() && config.token_env.is_none() {
        None
    } else {
        let key = format!("{key}.token");
        Some(context.secret(&key, config.token_file.as_deref(), config.token_env.as_deref())?)
    };
    let ca_file = config.ca_file.as_deref().map(|path| context.path(path));
    let tls = Trust::in_authorities(ca_file.as_deref()).config().map_err(|wrong| {
        context.wrong(&format!("{key}.{}", wrong.key), wrong.problem, "name a PEM file of the authorities to trust")
    })?;
    let limits = &context.config.limits;
    let client = Client::builder()
        .tls_backend_preconfigured((*tls).clone())
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .dns_resolver(Arc::new(GatedResolver(reach)))
        .connect_timeout(limits.connect_timeout)
        .timeout(limits.io_timeout)
        .pool_idle_timeout(limits.idle_timeout)
        .user_agent(concat!("clawback/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| context.wrong(key, error.to_string(), "report this: the HTTP client cannot be made"))?;
    Ok(Endpoint { origin, client, token })
}

/// Parses a URL that has only scheme, host and port.
fn origin(url: &str, reach: Reach) -> Result<Url, String> {
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
    let bare = parsed.path() == "/" && parsed.query().is_none() && parsed.fragment().is_none();
    if !bare || !parsed.username().is_empty() || parsed.password().is_some() || !parsed.has_host() {
        return Err(format!("`{}` is more than an origin", shown()));
    }
    Ok(parsed)
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
pub(crate) mod tests {
    use super::*;
    use crate::limits::SandboxLimits;
    use crate::manifest::Manifest;

    /// Returns grants of an endpoint on this machine.
    pub(crate) fn grants(port: u16, folder: &std::path::Path, rest: &str) -> Result<HttpGrants, ConfigError> {
        let token = folder.join("token");
        std::fs::write(&token, "t0ken").unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let text = format!(
            "connector = \"x\"\n[endpoints.api]\nurl = \"http://localhost:{port}\"\ntoken-file = {token:?}\n{rest}"
        );
        let config = toml::from_str(&text).unwrap();
        let manifest = Manifest::parse("[endpoints.api]").unwrap();
        let limits = SandboxLimits::default();
        HttpGrants::of(&GrantContext { store: "corp", config: &config, manifest: &manifest, base: folder, limits })
    }

    #[test]
    fn origins_only() {
        assert!(origin("https://mail.example:8443", Reach::Public).is_ok());
        for wrong in
            ["http://mail.example", "https://mail.example/x", "https://u:p@mail.example", "ftp://x", "mail.example"]
        {
            assert!(origin(wrong, Reach::Public).is_err(), "{wrong}");
        }
        assert!(origin("http://mail.example", Reach::Private).is_ok());
    }

    #[tokio::test]
    async fn a_token_goes_nowhere_in_the_clear_without_leave() {
        let folder = tempfile::tempdir().unwrap();
        let grants = |url: &str, rest: &str| {
            let text =
                format!("connector = \"x\"\n[endpoints.api]\nurl = {url:?}\nallow-private-network = true\n{rest}");
            let config = toml::from_str(&text).unwrap();
            let manifest = Manifest::parse("[endpoints.api]").unwrap();
            let limits = SandboxLimits::default();
            HttpGrants::of(&GrantContext {
                store: "corp",
                config: &config,
                manifest: &manifest,
                base: folder.path(),
                limits,
            })
            .map(drop)
            .map_err(|error| error.to_string())
        };
        for here in ["http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1", "https://10.0.0.1"] {
            assert_eq!(grants(here, ""), Ok(()), "{here}");
        }
        for elsewhere in ["http://10.0.0.1", "http://mail.example"] {
            let refused = grants(elsewhere, "").unwrap_err();
            assert!(refused.contains("in the clear") && refused.contains("allow-cleartext"), "{refused}");
            assert_eq!(grants(elsewhere, "allow-cleartext = true"), Ok(()));
        }
    }

    #[tokio::test]
    async fn a_private_endpoint_needs_a_grant() {
        let folder = tempfile::tempdir().unwrap();
        let refused = grants(1, folder.path(), "").err().unwrap().to_string();
        assert!(refused.contains("`endpoints.api.url`") && refused.contains("allow-private-network"), "{refused}");
        let gated = GatedResolver(Reach::Public);
        let answer = gated.resolve("localhost".parse().unwrap()).await;
        assert!(answer.is_err());
    }
}
