//! Sessions of browsers. A cookie has two random parts, of which the database has only the digests: one stays, finds
//! the session and gives its forms their token; the other is a secret that is replaced while the session is in use. A
//! replaced secret is valid until the browser has used the new one, and a moment longer. If it is used after that,
//! somebody else has a copy of one of the two, so the session ends for both (RFC 9700, section 4.14.2, says the same of
//! refresh tokens).

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use clawback_model::{Digest, Principal, Timestamp};
use clawback_runtime::NewToken;
use clawback_store::{NewSession, Renewal, Secrets, StoreError};

use crate::center::Center;
use crate::cookies::{cookie, set_cookie};
use crate::error_chain::chain;

/// The longest time that a session lasts.
const LONGEST: Duration = Duration::from_hours(12);
/// The longest time that it lasts without a request.
const IDLE: Duration = Duration::from_hours(1);
/// The age at which a secret is replaced.
const REPLACED: Duration = Duration::from_mins(10);
/// The age is longer by up to this, for each session by its own time, so that a thousand that began together do not
/// write together.
const SPREAD: Duration = Duration::from_mins(5);
/// How long a replaced secret stays valid once the new one has been used, for requests under way. A new one that is not
/// used within this time counts as lost.
const GRACE: Duration = Duration::from_mins(1);
/// The shortest time between two records of the use of a session.
const NOTED: Duration = Duration::from_mins(1);

/// The name of the cookie. Browsers accept a `__Host-` cookie only over TLS, for the whole host, from that host.
fn name(center: &Center) -> &'static str {
    if center.settings().secure { "__Host-clawback" } else { "clawback" }
}

/// Where somebody has signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// With an account of this site.
    Here,
    /// At the identity provider, which determines identity and roles again after this time.
    Provider(Duration),
}

/// A session that has begun.
#[derive(Debug)]
pub(crate) struct Begun {
    /// The cookie to set.
    pub(crate) cookie: HeaderValue,
    /// The token that its forms must carry.
    pub(crate) form_token: String,
}

/// Begins a session.
pub(crate) async fn begin(center: &Center, principal: &str, place: Place) -> Result<Begun, StoreError> {
    let (id, secret) = (NewToken::generate(center.site().random), NewToken::generate(center.site().random));
    let now = center.now();
    let (lasts, at_provider) = match place {
        Place::Here => (LONGEST, false),
        Place::Provider(lasts) => (lasts.min(LONGEST), true),
    };
    let (id_digest, expires) = (id.digest(), now.plus(lasts));
    let new = NewSession { id: id_digest, secret: secret.digest(), principal, at: now, expires, at_provider };
    // An expired session is kept until it would have been idle too: see `Found::Expired`.
    center.site().history.begin_session(&new, now.minus(IDLE)).await?;
    let cookie = session_cookie(center, id.reveal(), &secret, expires, at_provider);
    Ok(Begun { cookie, form_token: form_token(id.reveal()) })
}

/// The session of these headers.
pub(crate) async fn find(center: &Center, headers: &HeaderMap) -> Result<Found, StoreError> {
    let Some(cookie) = cookie(headers, name(center)) else { return Ok(Found::None) };
    let Some((id, secret)) = cookie.split_once('.') else { return Ok(Found::Invalid) };
    let now = center.now();
    let history = &center.site().history;
    let (key, shown) = (Digest::of(id.as_bytes()), Digest::of(secret.as_bytes()));
    let Some(session) = history.session(&key, now.minus(IDLE)).await? else { return Ok(Found::Invalid) };
    let Some(which) = Which::of(&session.secrets, &shown, now) else {
        history.end_session(&key).await?;
        return Ok(Found::Replayed { principal: session.principal.name });
    };
    if session.expires_at <= now {
        return Ok(if session.at_provider { Found::Expired(key) } else { Found::Invalid });
    }
    let secrets = &session.secrets;
    if which == Which::Current
        && secrets.earlier.is_some()
        && secrets.earlier_until.is_none()
        && let Err(error) = history.expire_earlier_secret(&key, &shown, now.plus(GRACE)).await
    {
        tracing::warn!(error = chain(&error), "The use of a new secret was not recorded.");
    }
    if now.since(session.seen_at) > NOTED {
        center.uses().note(history, key, now).await;
    }
    let due = which.is_due(secrets, &key, now).then(|| Due {
        id: id.to_owned(),
        shown,
        current: secrets.current,
        expires: session.expires_at,
        at_provider: session.at_provider,
    });
    Ok(Found::Good { form_token: form_token(id), who: Box::new(session.principal), due })
}

/// Which of a session's secrets a browser has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Current,
    /// The one before it, which is still valid.
    Earlier,
}

impl Which {
    /// `None` for a secret that is no longer valid, or never was.
    fn of(secrets: &Secrets, shown: &Digest, now: Timestamp) -> Option<Self> {
        if *shown == secrets.current {
            return Some(Self::Current);
        }
        let holds = secrets.earlier_until.is_none_or(|until| until > now);
        (secrets.earlier == Some(*shown) && holds).then_some(Self::Earlier)
    }

    /// Whether the session needs a new secret: the current one is old, or was lost on its way to the browser.
    fn is_due(self, secrets: &Secrets, key: &Digest, now: Timestamp) -> bool {
        let age = now.since(secrets.since);
        match self {
            Self::Current => age >= REPLACED + SPREAD * u32::from(key.0[0]) / 256,
            Self::Earlier => secrets.earlier_until.is_none() && age > GRACE,
        }
    }
}

/// A session whose secret is to be replaced.
#[derive(Debug)]
pub(crate) struct Due {
    /// The part of its cookie that stays.
    id: String,
    shown: Digest,
    current: Digest,
    expires: Timestamp,
    at_provider: bool,
}

/// Replaces the secret of a session, and returns the cookie to set. Returns `None` if another request has replaced it:
/// the browser gets the new one from that request.
pub(crate) async fn renew(center: &Center, due: &Due) -> Option<HeaderValue> {
    let secret = NewToken::generate(center.site().random);
    let id = Digest::of(due.id.as_bytes());
    let renewal = Renewal { id, shown: due.shown, current: due.current, new: secret.digest() };
    match center.site().history.renew_session(&renewal, center.now()).await {
        Ok(true) => Some(session_cookie(center, &due.id, &secret, due.expires, due.at_provider)),
        Ok(false) => None,
        Err(error) => {
            tracing::warn!(error = chain(&error), "The secret of a session was not replaced.");
            None
        }
    }
}

fn session_cookie(center: &Center, id: &str, secret: &NewToken, expires: Timestamp, at_provider: bool) -> HeaderValue {
    // Kept longer, so that a session that has expired by its age can be recognized: see `Found::Expired`.
    let expires = if at_provider { expires.plus(IDLE) } else { expires };
    let seconds = expires.since(center.now()).as_secs();
    set_cookie(center, name(center), &format!("{id}.{}", secret.reveal()), seconds)
}

/// The session of a request's cookie.
#[derive(Debug)]
pub(crate) enum Found {
    /// There is no cookie.
    None,
    /// It is forged, expired, or ended.
    Invalid,
    /// It holds a replaced secret that is no longer valid. The session has been ended.
    Replayed {
        /// Whose it was.
        principal: String,
    },
    /// A session that began at the identity provider, was in use until now or shortly before, and has expired by its
    /// age alone. The browser may be redirected to the provider, but only once, so this session is to be ended first.
    Expired(Digest),
    /// A valid session.
    Good {
        /// The token that its forms must carry.
        form_token: String,
        /// The principal.
        who: Box<Principal>,
        /// Set if its secret is to be replaced.
        due: Option<Due>,
    },
}

/// Ends a session that has expired.
pub(crate) async fn forget(center: &Center, session: &Digest) -> Result<(), StoreError> {
    center.site().history.end_session(session).await
}

/// Ends the session of these headers, and returns the cookie that removes it.
pub(crate) async fn end(center: &Center, headers: &HeaderMap) -> Result<HeaderValue, StoreError> {
    if let Some((id, _)) = cookie(headers, name(center)).as_deref().and_then(|cookie| cookie.split_once('.')) {
        center.site().history.end_session(&Digest::of(id.as_bytes())).await?;
    }
    Ok(set_cookie(center, name(center), "", 0))
}

/// The token of a session's forms. Only the part of the cookie that stays gives it, and it does not reveal that part.
/// So a form outlives the secret with which it was loaded.
fn form_token(id: &str) -> String {
    Digest::of(format!("form token of {id}").as_bytes()).to_string()
}
