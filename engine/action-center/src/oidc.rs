//! Sign-in with an identity provider: OpenID Connect Core 1.0, authorization code flow (section 3.1) with PKCE (RFC
//! 7636). The identity comes from the ID token; the roles come from the groups, again at each sign-in.

use crate::boxed::boxed;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use clawback_model::{PublicUrl, Role, visible_line};
use clawback_runtime::http;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AsyncHttpClient, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IdTokenFields,
    IssuerUrl, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    StandardErrorResponse, StandardTokenResponse, TokenResponse as _, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error_chain::chain;

/// Where the provider redirects the browser to, under the public URL.
pub(crate) const RETURN: &str = "/sign-in/oidc/return";
/// How long the provider's metadata is cached, as its keys change.
const FRESH: Duration = Duration::from_mins(5);
/// How long a failed request for the metadata is cached, so that sign-ins meanwhile do not queue for time-outs.
const AGAIN: Duration = Duration::from_secs(5);
/// The time limit of one request to the provider.
const TIME_OUT: Duration = Duration::from_secs(10);
/// Largest answer of the provider, in bytes.
const LARGEST: usize = 1 << 20;
/// Allowed hours of a session. One that ended at once would redirect the browser to the provider and back forever.
const SESSION_HOURS: RangeInclusive<f64> = 0.25..=12.0;
/// Longest name of a principal.
const LONGEST_NAME: usize = 100;
/// Accepted signature algorithms of ID tokens: none with a client secret, and never `none`.
const SIGNATURES: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// `[oidc]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OidcConfig {
    /// URL of the provider, exactly as in its metadata (`iss`).
    pub issuer: String,
    /// The client ID of this site at the provider.
    pub client_id: String,
    /// File with the client secret; a public client has none.
    pub client_secret_file: Option<PathBuf>,
    /// Scopes in addition to `openid`; default `profile`. Some providers return groups only for a scope of their own.
    #[serde(default = "profile")]
    pub scopes: Vec<String>,
    /// The claim that names the principal; default `preferred_username`.
    #[serde(default = "preferred_username")]
    pub name_claim: String,
    /// The claim that lists the groups; default `groups`.
    #[serde(default = "groups")]
    pub groups_claim: String,
    /// Hours after which users must sign in at the provider again, with their roles at that time; default 4, at most
    /// 12.
    #[serde(default = "session_hours")]
    pub session_hours: f64,
    /// More trusted roots, in PEM, in addition to those of the system.
    pub ca_file: Option<PathBuf>,
    /// The groups that have a role. A user in none of them cannot sign in.
    pub roles: BTreeMap<Role, Vec<String>>,
}

fn profile() -> Vec<String> {
    vec!["profile".to_owned()]
}

fn preferred_username() -> String {
    "preferred_username".to_owned()
}

fn groups() -> String {
    "groups".to_owned()
}

fn session_hours() -> f64 {
    4.0
}

/// Why sign-in with the provider fails.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// The configuration is invalid.
    #[error("[oidc] is invalid: {0}")]
    Config(String),
    /// The provider does not answer, or not as OpenID Connect requires.
    #[error("the identity provider cannot be reached: {0}; try again, and notify the administrator if it persists")]
    Provider(String),
    /// The answer is not one to our request, or cannot be trusted.
    #[error("the answer of the identity provider is not valid: {0}; sign in again")]
    Answer(String),
    /// The provider's name for the user cannot be the name of a principal.
    #[error(
        "the identity provider calls you by a name that cannot be used here: {refused} (an administrator can name another claim of the \
         ID token as `name-claim` in [oidc]; now it is `{claim}`)"
    )]
    Name {
        /// The claim.
        claim: String,
        /// What is wrong with the name.
        refused: clawback_model::NameRefused,
    },
    /// The provider knows the user, but none of the groups has a role here.
    #[error("{name} is in none of the groups that [oidc.roles] lists; an administrator of the provider can add them")]
    NoRole {
        /// The provider's name for the user.
        name: String,
    },
}

/// The claims that have no name in OpenID Connect Core.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
struct Claims(serde_json::Map<String, Value>);

impl AdditionalClaims for Claims {}

type Fields = IdTokenFields<
    Claims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

/// A client of a provider whose endpoints were discovered.
type Discovered = Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The identity provider of a site.
#[derive(Debug)]
pub struct Oidc {
    config: OidcConfig,
    issuer: IssuerUrl,
    secret: Option<ClientSecret>,
    redirect: RedirectUrl,
    http: Http,
    /// Its cached metadata, or why it could not be read.
    provider: Mutex<Option<(Instant, Result<CoreProviderMetadata, String>)>>,
}

/// What the browser keeps while it is at the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PendingSignIn {
    state: String,
    nonce: String,
    verifier: String,
    /// The address that was requested before the sign-in.
    pub(crate) next: String,
}

/// The user whom the provider has signed in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) name: String,
    pub(crate) roles: Vec<Role>,
}

impl Oidc {
    /// Reads the files that the configuration names. The provider is first contacted at a sign-in.
    pub fn new(config: OidcConfig, public_url: &PublicUrl) -> Result<Self, OidcError> {
        let wrong = |said: String| OidcError::Config(said);
        let issuer = IssuerUrl::new(config.issuer.clone()).map_err(|error| wrong(format!("issuer: {error}")))?;
        let here = issuer.url().host_str().is_some_and(http::is_loopback);
        if issuer.url().scheme() != "https" && !here {
            return Err(wrong("issuer must start with https:// (plain http only to this machine)".to_owned()));
        }
        if config.roles.values().all(Vec::is_empty) {
            return Err(wrong("nobody could sign in: list groups in [oidc.roles], as approver = [\"soc\"]".to_owned()));
        }
        if !SESSION_HOURS.contains(&config.session_hours) {
            let (least, most) = (SESSION_HOURS.start(), SESSION_HOURS.end());
            return Err(wrong(format!("session-hours must be a number from {least} to {most}")));
        }
        let secret = config.client_secret_file.as_deref().map(http::secret).transpose().map_err(wrong)?;
        let client = http::client(TIME_OUT, config.ca_file.as_deref()).map_err(wrong)?;
        Ok(Self {
            issuer,
            secret: secret.map(ClientSecret::new),
            redirect: RedirectUrl::new(public_url.page(RETURN))
                .map_err(|error| wrong(format!("public-url: {error}")))?,
            http: Http(client.build().map_err(|error| wrong(error.to_string()))?),
            provider: Mutex::default(),
            config,
        })
    }

    /// URL of the provider.
    pub fn issuer(&self) -> &str {
        &self.config.issuer
    }

    /// The claim that names a principal.
    pub(crate) fn name_claim(&self) -> &str {
        &self.config.name_claim
    }

    /// How long a session lasts that began at the provider.
    pub(crate) fn session(&self) -> Duration {
        Duration::from_secs_f64(self.config.session_hours * 3_600.0)
    }

    /// The host name of the provider, for people.
    pub(crate) fn host(&self) -> &str {
        self.issuer.url().host_str().unwrap_or("the identity provider")
    }

    /// Checks that the provider answers with its metadata.
    #[boxed]
    pub async fn check(&self) -> Result<(), OidcError> {
        self.client().await.map(drop)
    }

    /// The address to redirect the browser to, and what it keeps meanwhile.
    pub(crate) async fn begin(&self, next: &str) -> Result<(String, PendingSignIn), OidcError> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self.client().await?;
        let mut request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
            .set_pkce_challenge(challenge);
        for scope in &self.config.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        let (url, state, nonce) = request.url();
        let pending = PendingSignIn {
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
            next: next.to_owned(),
        };
        Ok((url.into(), pending))
    }

    /// The identity of the user who returned with this code and state.
    pub(crate) async fn finish(&self, pending: PendingSignIn, code: &str, state: &str) -> Result<Identity, OidcError> {
        if state != pending.state {
            return Err(OidcError::Answer("it belongs to another attempt".to_owned()));
        }
        let client = self.client().await?;
        let tokens = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|error| OidcError::Provider(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(pending.verifier))
            .request_async(&self.http)
            .await
            .map_err(|error| OidcError::Answer(chain(&error)))?;
        let token = tokens.id_token().ok_or_else(|| OidcError::Answer("it has no ID token".to_owned()))?;
        let verifier = client.id_token_verifier().set_allowed_algs(SIGNATURES);
        let claims =
            token.claims(&verifier, &Nonce::new(pending.nonce)).map_err(|error| OidcError::Answer(chain(&error)))?;
        let subject = claims.subject();
        let mut name = self.name(
            claims.preferred_username().map(|name| name.as_str()),
            claims.email().map(|email| email.as_str()),
            subject,
            claims.additional_claims(),
        );
        let mut groups = self.groups(claims.additional_claims());
        // Many providers put only the identity into the ID token, and the rest into the UserInfo response (section
        // 5.4).
        if (name.is_none() || groups.is_none())
            && let Ok(request) = client.user_info(tokens.access_token().clone(), Some(subject.clone()))
        {
            let info: UserInfoClaims<Claims, CoreGenderClaim> =
                request.request_async(&self.http).await.map_err(|error| OidcError::Answer(chain(&error)))?;
            name = name.or_else(|| {
                self.name(
                    info.preferred_username().map(|name| name.as_str()),
                    info.email().map(|email| email.as_str()),
                    subject,
                    info.additional_claims(),
                )
            });
            groups = groups.or_else(|| self.groups(info.additional_claims()));
        }
        let name = name.ok_or_else(|| OidcError::Answer(format!("it has no claim `{}`", self.config.name_claim)))?;
        if name.trim().is_empty() || visible_line(&name, LONGEST_NAME) != name {
            return Err(OidcError::Answer("the name in it is empty, too long or not plain text".to_owned()));
        }
        let roles = self.roles(&groups.unwrap_or_default());
        if roles.is_empty() {
            return Err(OidcError::NoRole { name });
        }
        Ok(Identity { issuer: self.config.issuer.clone(), subject: subject.to_string(), name, roles })
    }

    fn name(&self, username: Option<&str>, email: Option<&str>, subject: &str, more: &Claims) -> Option<String> {
        match self.config.name_claim.as_str() {
            "preferred_username" => username,
            "email" => email,
            "sub" => Some(subject),
            other => more.0.get(other).and_then(Value::as_str),
        }
        .map(str::to_owned)
    }

    /// The groups in the claims; `None` if the claim is missing. A single group may be a plain string.
    fn groups(&self, claims: &Claims) -> Option<BTreeSet<String>> {
        match claims.0.get(&self.config.groups_claim)? {
            Value::String(group) => Some(BTreeSet::from([group.clone()])),
            Value::Array(groups) => Some(groups.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
            _ => None,
        }
    }

    fn roles(&self, groups: &BTreeSet<String>) -> Vec<Role> {
        let has = |wanted: &Vec<String>| wanted.iter().any(|group| groups.contains(group));
        self.config.roles.iter().filter(|(_, wanted)| has(wanted)).map(|(role, _)| *role).collect()
    }

    /// A client of the provider as its metadata describes it (OpenID Connect Discovery 1.0).
    async fn client(&self) -> Result<Discovered, OidcError> {
        let mut provider = self.provider.lock().await;
        let lasts = |found: &Result<_, String>| if found.is_ok() { FRESH } else { AGAIN };
        let known = provider.take().filter(|(at, found)| at.elapsed() < lasts(found));
        let (at, found) = if let Some(known) = known {
            known
        } else {
            let found = CoreProviderMetadata::discover_async(self.issuer.clone(), &self.http).await;
            (Instant::now(), found.map_err(|error| chain(&error)))
        };
        let (_, found) = provider.insert((at, found));
        let metadata = found.clone().map_err(OidcError::Provider)?;
        drop(provider);
        let id = ClientId::new(self.config.client_id.clone());
        Ok(Discovered::from_provider_metadata(metadata, id, self.secret.clone())
            .set_redirect_uri(self.redirect.clone()))
    }
}

/// Our own client: no redirects, a limit for answers.
#[derive(Debug, Clone)]
struct Http(reqwest::Client);

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = Unreachable;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Unreachable>> + Send>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(call(self.0.clone(), request))
    }
}

async fn call(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, Unreachable> {
    let (head, body) = request.into_parts();
    let url = head.uri.to_string().parse().map_err(|_| Unreachable("its address is not valid".to_owned()))?;
    let mut request = reqwest::Request::new(head.method, url);
    *request.headers_mut() = head.headers;
    *request.body_mut() = Some(body.into());
    let mut answer = client.execute(request).await.map_err(|error| Unreachable(chain(&error)))?;
    let mut response = HttpResponse::default();
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    *response.body_mut() = http::body(&mut answer, LARGEST).await.map_err(|error| Unreachable(chain(&error)))?;
    Ok(response)
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unreachable(String);
