//! The endpoints that the manifest names and the operator granted, with their tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use clawback_model::Clock;
use reqwest::{Client, Url};
use tokio::sync::Semaphore;

use crate::config::{ConfigError, EndpointConfig};
use crate::granted::confinement::Confinement;
use crate::granted::context::GrantContext;
use crate::granted::outbound::{self, Address};
use crate::granted::token::source::Tokens;
use crate::manifest;

/// The most concurrent requests to an endpoint, unless the manifest or the operator says otherwise.
const REQUESTS: u32 = 32;

/// The endpoints of one store, by the name in the manifest.
#[derive(Default)]
pub(crate) struct HttpGrants(BTreeMap<String, Arc<Endpoint>>);

/// One origin with its client.
pub(crate) struct Endpoint {
    pub(crate) origin: Url,
    pub(crate) client: Client,
    pub(crate) tokens: Option<Tokens>,
    pub(crate) confinement: Confinement,
    /// A permit for each request that may run concurrently.
    pub(crate) requests: Semaphore,
}

impl HttpGrants {
    /// Returns the endpoints that the manifest names and the operator grants.
    pub(crate) fn of(context: &GrantContext<'_>, clock: &Arc<dyn Clock>) -> Result<Self, ConfigError> {
        let wanted = &context.manifest.endpoints;
        let granted = context.config.endpoints.iter();
        let endpoints = granted.map(|(name, config)| {
            let key = format!("endpoints.{name}");
            let Some(wish) = wanted.get(name) else {
                let known = wanted.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let help = if known.is_empty() { "remove it".to_owned() } else { format!("it uses {known}") };
                return Err(context.wrong(&key, "the connector's manifest names no such endpoint", help));
            };
            let endpoint = endpoint(context, name, config, wish, clock)?;
            if let Some(url) = &wish.url
                && outbound::origin(url).map(|url| url.origin()) != Ok(endpoint.origin.origin())
            {
                let help = format!("write {}", clawback_model::visible_line(url, 200));
                return Err(context.wrong(&format!("{key}.url"), "the manifest names another origin", help));
            }
            Ok((name.clone(), Arc::new(endpoint)))
        });
        let endpoints: BTreeMap<_, _> = endpoints.collect::<Result<_, _>>()?;
        if context.manifest.insists_on("http")
            && let Some((name, wish)) =
                wanted.iter().find(|(name, wish)| !wish.optional && !endpoints.contains_key(*name))
        {
            let help = match wish.origin() {
                Some(_) => format!("write a table `[stores.{}.endpoints.{name}]`, with its `auth`", context.store),
                None => format!("write a table `[stores.{}.endpoints.{name}]`, with its `url`", context.store),
            };
            return Err(context.wrong(&format!("endpoints.{name}"), "missing", help));
        }
        Ok(Self(endpoints))
    }

    /// Returns the sources of their credentials.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = &Tokens> {
        self.0.values().filter_map(|endpoint| endpoint.tokens.as_ref())
    }

    /// Returns the endpoint of this name, if it was granted.
    pub(crate) fn get(&self, name: &str) -> Option<&Endpoint> {
        self.0.get(name).map(|endpoint| &**endpoint)
    }
}

fn endpoint(
    context: &GrantContext<'_>,
    name: &str,
    config: &EndpointConfig,
    wish: &manifest::Endpoint,
    clock: &Arc<dyn Clock>,
) -> Result<Endpoint, ConfigError> {
    let table = format!("endpoints.{name}");
    let help = "write `https://host` or `https://host:port`, without a path";
    let Some(url) = config.url.as_deref().or(wish.origin()) else {
        return Err(context.wrong(&format!("{table}.url"), "missing", help));
    };
    let requests = config.limits.requests.or(wish.limits.requests).unwrap_or(REQUESTS);
    if !(1..=10_000).contains(&requests) {
        let problem = format!("{requests} is out of range");
        return Err(context.wrong(&format!("{table}.limits.requests"), problem, "write a number from 1 to 10000"));
    }
    let address = Address {
        table: &table,
        key: "url",
        url,
        ca_file: config.ca_file.as_deref(),
        allow_private_network: config.allow_private_network,
        allow_cleartext: config.allow_cleartext,
    };
    let (origin, client) = address.client(context)?;
    outbound::origin(url).map_err(|problem| context.wrong(&format!("{table}.url"), problem, help))?;
    let what = format!("endpoint `{name}`");
    let (file, variable) = (config.token_file.as_deref(), config.token_env.as_deref());
    let has_token = file.is_some() || variable.is_some();
    let tokens = match &config.auth {
        Some(_) if has_token => {
            let help = "keep either `auth`, or `token-file` or `token-env`";
            return Err(context.wrong(&format!("{table}.auth"), "given beside a token", help));
        }
        Some(auth) => Some(Tokens::of(context, &format!("{table}.auth"), &what, auth, clock)?),
        None if has_token => Some(Tokens::fixed(&what, context.secret(&format!("{table}.token"), file, variable)?)),
        None => None,
    };
    let confinement = Confinement::of(wish);
    Ok(Endpoint { origin, client, tokens, confinement, requests: Semaphore::new(requests as usize) })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::granted::clock::SystemClock;
    use crate::granted::http::{HttpError, Request, Room};
    use crate::limits::SandboxLimits;
    use crate::manifest::Manifest;

    fn clock() -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }

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
        let context = GrantContext { store: "corp", config: &config, manifest: &manifest, base: folder, limits };
        HttpGrants::of(&context, &clock())
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
            let base = folder.path();
            let context = GrantContext { store: "corp", config: &config, manifest: &manifest, base, limits };
            HttpGrants::of(&context, &clock()).map(drop).map_err(|error| error.to_string())
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
    }

    /// Loads endpoints of this manifest with these tables.
    fn load(manifest: &str, tables: &str) -> Result<HttpGrants, String> {
        let folder = tempfile::tempdir().unwrap();
        let config = toml::from_str(&format!("connector = \"x\"\n{tables}")).unwrap();
        let manifest = Manifest::parse(manifest).unwrap();
        let (base, limits) = (folder.path(), SandboxLimits::default());
        let context = GrantContext { store: "corp", config: &config, manifest: &manifest, base, limits };
        HttpGrants::of(&context, &clock()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn an_operator_replaces_a_default_and_no_fixed_origin() {
        let origin = |manifest: &str, tables: &str| {
            load(manifest, tables).map(|grants| grants.get("api").unwrap().origin.as_str().to_owned())
        };
        let default = "[endpoints.api]\ndefault-url = \"https://a.example\"";
        let fixed = "[endpoints.api]\nurl = \"https://a.example\"";
        let other = "[endpoints.api]\nurl = \"https://b.example\"";
        for manifest in [default, fixed] {
            assert_eq!(origin(manifest, "[endpoints.api]"), Ok("https://a.example/".to_owned()));
        }
        assert_eq!(origin(default, other), Ok("https://b.example/".to_owned()));
        assert!(origin(fixed, other).unwrap_err().contains("another origin"));
        assert!(origin("[endpoints.api]", "[endpoints.api]").unwrap_err().contains("`endpoints.api.url`: missing"));
        let plain = "[endpoints.api]\ndefault-url = \"http://a.example\"";
        assert!(origin(plain, "[endpoints.api]").is_err(), "a manifest gives no leave to send in the clear");
    }

    #[tokio::test]
    async fn an_endpoint_that_is_needed_and_not_granted_is_a_mistake() {
        let manifest = "imports = [\"http\"]\n[endpoints.api]\n[endpoints.files]\noptional = true";
        let refused = load(manifest, "").err().unwrap();
        assert!(
            refused.contains("`endpoints.api`: missing") && refused.contains("[stores.corp.endpoints.api]"),
            "{refused}"
        );
        assert!(load(manifest, "[endpoints.api]\nurl = \"https://a.example\"").is_ok());
        assert!(load("[endpoints.api]", "").is_ok(), "it is not said to need one");
    }

    #[tokio::test]
    async fn a_path_that_the_manifest_does_not_name_is_denied() {
        let manifest = "[endpoints.api]\nmethods = [\"GET\"]\npaths = [\"/users/{mailbox}/*\"]";
        // Nobody listens there: a request that is sent fails, and one that is not is denied.
        let tables = "[endpoints.api]\nurl = \"http://127.0.0.1:1\"\nallow-private-network = true";
        let grants = load(manifest, tables).unwrap();
        for (mailbox, path, is_denied) in [
            (Some("ann@x"), "/users/ann@x/messages", false),
            (Some("ann@x"), "/users/ben@x/messages", true),
            (Some("ann@x"), "/users/ann@x/../ben@x/messages", true),
            (None, "/users/ann@x/messages", true),
        ] {
            let (endpoint, method, path) = ("api".to_owned(), "GET".to_owned(), path.to_owned());
            let request = Request { endpoint, method, path, headers: Vec::new(), body: Vec::new() };
            let failed = grants.send(mailbox, request, &Room::of(1_000)).await.unwrap_err();
            assert_eq!(matches!(failed, HttpError::Denied(_)), is_denied, "{failed:?}");
        }
    }

    #[tokio::test]
    async fn the_operator_limits_requests_further_than_the_manifest() {
        let requests = |manifest: &str, config: &str| {
            let tables = format!("[endpoints.api]\nurl = \"https://a.example\"\n{config}");
            let grants = load(&format!("[endpoints.api]\n{manifest}"), &tables);
            grants.map(|grants| grants.get("api").unwrap().requests.available_permits())
        };
        assert_eq!(requests("", ""), Ok(32));
        assert_eq!(requests("limits = { requests = 4 }", ""), Ok(4));
        assert_eq!(requests("limits = { requests = 4 }", "limits = { requests = 2 }"), Ok(2));
        assert!(requests("", "limits = { requests = 0 }").unwrap_err().contains("`endpoints.api.limits.requests`"));
    }
}
