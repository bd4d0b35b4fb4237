//! Sessions of browsers. A cookie has two random parts, known to the database only by their digests: one stays, finds the session
//! and gives its forms their token; the other is a secret that is replaced while the session is in use. A secret that was replaced
//! holds until the browser has shown the new one, and a moment longer; whoever shows it after that has it from elsewhere, or the
//! new one is with somebody else, so the session ends for both (RFC 9700, section 4.14.2, says the same of refresh tokens).

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use clawback_model::{Digest, Principal, Timestamp};
use clawback_runtime::NewToken;
use clawback_store::{NewSession, Renewal, Secrets, StoreError};

use crate::center::Center;
use crate::cookies::{cookie, set_cookie};
use crate::error_chain::chain;

/// A session ends after this, however busy.
const LONGEST: Duration = Duration::from_hours(12);
/// And after this without a request.
const IDLE: Duration = Duration::from_hours(1);
/// A secret is replaced once it is so old,
const REPLACED: Duration = Duration::from_mins(10);
/// or older by up to this, each session by its own time: a thousand which began together do not write together.
const SPREAD: Duration = Duration::from_mins(5);
/// A secret that was replaced holds for this once the new one has been used: for requests under way. A new one that is not used
/// within it is taken for lost.
const GRACE: Duration = Duration::from_mins(1);
/// Use is noted no more often than this.
const NOTED: Duration = Duration::from_mins(1);

/// The name of the cookie; browsers take a `__Host-` cookie only over TLS, for the whole host, from this host itself.
fn name(center: &Center) -> &'static str {
    if center.settings().secure { "__Host-clawback" } else { "clawback" }
}

/// Where somebody has signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// With an account of this site.
    Here,
    /// At the identity provider, which is asked again after this for who they are and what they may do.
    Provider(Duration),
}

/// Begins a session and gives the cookie to set.
pub(crate) async fn begin(center: &Center, principal: &str, place: Place) -> Result<HeaderValue, StoreError> {
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
    Ok(session_cookie(center, id.reveal(), &secret, expires, at_provider))
}

/// The session of these headers, with its cookie.
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
        tracing::warn!(error = chain(&error), "The use of a new secret was not noted.");
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

/// Which of a session's secrets a browser has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Current,
    /// The one before it, which still holds.
    Earlier,
}

impl Which {
    /// None: one that does not hold, or never did.
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

/// Replaces the secret of a session, and gives the cookie to set. None if another request has done so: the browser gets it from that
/// one.
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
    // Kept a while longer, to know by it that the session has expired by its age: see `Found::Expired`.
    let expires = if at_provider { expires.plus(IDLE) } else { expires };
    let seconds = expires.since(center.now()).as_secs();
    set_cookie(center, name(center), &format!("{id}.{}", secret.reveal()), seconds)
}

/// What stands behind the cookie of a request.
#[derive(Debug)]
pub(crate) enum Found {
    /// There is none.
    None,
    /// It is forged, expired, or ended.
    Invalid,
    /// It holds a secret that was replaced and no longer holds. The session has ended with it.
    Replayed {
        /// Whose it was.
        principal: String,
    },
    /// A session that began at the identity provider, was in use until now or shortly before, and has expired by its age alone. The
    /// browser may be sent there at once, but no more than once: this is the session to end before.
    Expired(Digest),
    /// A session that holds.
    Good {
        /// What its forms must send along.
        form_token: String,
        /// Who.
        who: Box<Principal>,
        /// Its secret is to be replaced.
        due: Option<Due>,
    },
}

/// Ends a session that has expired.
pub(crate) async fn forget(center: &Center, session: &Digest) -> Result<(), StoreError> {
    center.site().history.end_session(session).await
}

/// Ends the session of these headers, and gives the cookie that removes it.
pub(crate) async fn end(center: &Center, headers: &HeaderMap) -> Result<HeaderValue, StoreError> {
    if let Some((id, _)) = cookie(headers, name(center)).as_deref().and_then(|cookie| cookie.split_once('.')) {
        center.site().history.end_session(&Digest::of(id.as_bytes())).await?;
    }
    Ok(set_cookie(center, name(center), "", 0))
}

/// Only who knows the part of the cookie that stays can know it, and it does not give that away. So a form outlives the secret it
/// was loaded with.
fn form_token(id: &str) -> String {
    Digest::of(format!("form token of {id}").as_bytes()).to_string()
}
