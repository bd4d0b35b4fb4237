//! The start of an IMAP session (RFC 9051 3, 6.2): greeting, STARTTLS, AUTHENTICATE. With SASL-IR and a capability list
//! in the greeting this is one round trip after the greeting.
//!
//! **Invariant:** without `tls = "none"` no credential is sent before TLS, and data received before TLS is never used
//! after it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::config::TlsMode;
use crate::granted::dial::{self, Duplex, Target};
use crate::granted::failure::StreamFailure;
use crate::granted::mechanism::{self, Exchange, Mechanism};
use crate::granted::sasl::Identity;
use crate::granted::scram::ScramError;
use crate::granted::seats::Seat;
use crate::throttle;

/// The most lines before the response, and the most bytes of one line: servers send a few hundred bytes.
const MOST_LINES: usize = 200;
const MOST_LINE_BYTES: usize = 64 << 10;
/// How long to wait for an unencrypted greeting before checking whether the port uses TLS.
const SILENCE: Duration = Duration::from_secs(2);
/// The most challenges of one exchange: SCRAM has two, LOGIN two.
const MOST_CHALLENGES: usize = 4;

/// A logged-in session.
pub(crate) struct Session {
    pub(crate) stream: Box<dyn Duplex>,
    pub(crate) capabilities: Vec<String>,
    /// The bytes after the response to the login.
    pub(crate) unread: Vec<u8>,
    /// Its place among the connections of the store. The last field, so that it is dropped after the stream.
    #[cfg_attr(not(test), expect(dead_code, reason = "it counts while it is held"))]
    pub(crate) seat: Option<Seat>,
}

/// What earlier logins have shown about a server.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The server offers SCRAM but refuses it (for example because it stores passwords with another hash), and accepts
    /// the password itself.
    scram_fails: AtomicBool,
}

/// Dials and logs in.
pub(crate) async fn log_in(
    target: &Target,
    identity: &Identity,
    io: Duration,
    known: &Known,
) -> Result<Session, StreamFailure> {
    let mut stream: Box<dyn Duplex> = Box::new(target.connect().await?);
    if target.tls == TlsMode::Implicit {
        stream = target.protect(stream).await?;
    }
    let mut wire = Wire { stream, unread: Vec::new(), io, tag: 0, server: (&target.host, target.port) };
    let mut capabilities = wire.first_greeting(target).await?;
    if target.tls == TlsMode::Starttls {
        wire.start_tls(capabilities.as_deref()).await?;
        wire.stream = target.protect(wire.stream).await?;
        capabilities = None;
    }
    let offered = match capabilities {
        Some(offered) => offered,
        None => wire.ask_capabilities().await?,
    };
    let after = match wire.authenticate(identity, &offered, known).await? {
        Some(after) => after,
        None => wire.ask_capabilities().await?,
    };
    Ok(Session { stream: wire.stream, capabilities: after, unread: wire.unread, seat: None })
}

struct Wire<'a> {
    stream: Box<dyn Duplex>,
    unread: Vec<u8>,
    io: Duration,
    tag: u32,
    server: (&'a str, u16),
}

/// The final response to a command.
struct Answer {
    capabilities: Option<Vec<String>>,
    status: Status,
    text: String,
}

#[derive(PartialEq)]
enum Status {
    Ok,
    No,
    Bad,
    /// `+`: the server expects more data.
    Continue,
}

impl Wire<'_> {
    /// Reads the greeting. A port with implicit TLS sends nothing to a client that waits for an unencrypted greeting.
    async fn first_greeting(&mut self, target: &Target) -> Result<Option<Vec<String>>, StreamFailure> {
        if target.tls == TlsMode::Implicit {
            return self.greeting().await;
        }
        match timeout(SILENCE, self.greeting()).await {
            Ok(greeting) => greeting,
            Err(_) if target.speaks_tls().await => Err(StreamFailure::Untrusted(target.expects_tls())),
            Err(_) => self.greeting().await,
        }
    }

    /// Returns the capabilities in the greeting, if it has any.
    async fn greeting(&mut self) -> Result<Option<Vec<String>>, StreamFailure> {
        let line = self.line().await?;
        let lower = line.to_ascii_lowercase();
        if lower.starts_with("* ok") {
            return Ok(capability_code(&line));
        }
        if lower.starts_with("* preauth") {
            // A PREAUTH session belongs to an unknown user; and without TLS it would prevent STARTTLS.
            return Err(StreamFailure::Denied(
                "the server starts a session without a login (PREAUTH), so the mailbox cannot be chosen".into(),
            ));
        }
        if lower.starts_with("* bye") {
            return Err(refusal(&line[5..]));
        }
        Err(StreamFailure::Closed("the server does not speak IMAP".into()))
    }

    async fn start_tls(&mut self, offered: Option<&[String]>) -> Result<(), StreamFailure> {
        if offered.is_some_and(|offered| !has(offered, "STARTTLS")) {
            return Err(no_starttls());
        }
        let answer = self.command("STARTTLS").await?;
        if answer.status != Status::Ok {
            return Err(no_starttls());
        }
        // Remaining bytes may come from a man in the middle: they must not be read as if they had been sent over TLS.
        if !self.unread.is_empty() {
            return Err(StreamFailure::Denied(
                "something was sent between STARTTLS and the handshake: the connection is tampered with".into(),
            ));
        }
        Ok(())
    }

    async fn ask_capabilities(&mut self) -> Result<Vec<String>, StreamFailure> {
        let answer = self.command("CAPABILITY").await?;
        answer.capabilities.ok_or_else(|| StreamFailure::Closed("the server does not say what it can do".into()))
    }

    /// Returns the capabilities after login, if the server sent them.
    async fn authenticate(
        &mut self,
        identity: &Identity,
        offered: &[String],
        known: &Known,
    ) -> Result<Option<Vec<String>>, StreamFailure> {
        let mut common = mechanism::common(identity, offered);
        let weaker = common.iter().copied().find(|one| !one.is_scram());
        if weaker.is_some() && known.scram_fails.load(Ordering::Relaxed) {
            common.retain(|one| !one.is_scram());
        }
        let Some(strongest) = common.first().copied() else {
            let answer = self.command(&login_command(identity, offered)?).await?;
            return logged_in(answer, "LOGIN");
        };
        let first = self.exchange(strongest, identity, offered).await;
        match (first, weaker) {
            (Err(StreamFailure::Unauthorized(_)), Some(weaker)) if strongest.is_scram() => {
                let capabilities = self.exchange(weaker, identity, offered).await?;
                known.scram_fails.store(true, Ordering::Relaxed);
                Ok(capabilities)
            }
            (first, _) => first,
        }
    }

    async fn exchange(
        &mut self,
        mechanism: Mechanism,
        identity: &Identity,
        offered: &[String],
    ) -> Result<Option<Vec<String>>, StreamFailure> {
        let mut exchange = Exchange::new(mechanism, identity, self.server).map_err(|error| distrusted(&error))?;
        let name = mechanism.name();
        let mut first = exchange.first();
        let command = match &first {
            // RFC 4959: an empty response is `=`.
            Some(response) if has(offered, "SASL-IR") => {
                let response = if response.expose().is_empty() { "=" } else { response.expose() };
                format!("AUTHENTICATE {name} {response}")
            }
            _ => format!("AUTHENTICATE {name}"),
        };
        if has(offered, "SASL-IR") {
            first = None;
        }
        let mut answer = self.command(&command).await?;
        for _ in 0..MOST_CHALLENGES {
            if answer.status != Status::Continue {
                break;
            }
            match first.take() {
                Some(response) => self.send(response.expose()).await?,
                None => match exchange.answer(&answer.text) {
                    Ok(response) => self.send(response.expose()).await?,
                    // `*` cancels the exchange (RFC 9051 6.2.2); the connection is closed in any case.
                    Err(error) => return Err(distrusted(&error)),
                },
            }
            answer = self.answer().await?;
        }
        let capabilities = logged_in(answer, &format!("AUTHENTICATE {name}"))?;
        exchange.finish().map_err(|error| distrusted(&error))?;
        Ok(capabilities)
    }

    async fn command(&mut self, command: &str) -> Result<Answer, StreamFailure> {
        self.tag += 1;
        let line = format!("C{} {command}", self.tag);
        self.send(&line).await?;
        self.answer().await
    }

    async fn send(&mut self, line: &str) -> Result<(), StreamFailure> {
        let bytes = format!("{line}\r\n").into_bytes();
        let write = async {
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await
        };
        timeout(self.io, write).await.map_err(|_| StreamFailure::TimedOut)?.map_err(|error| ended(&error))
    }

    async fn answer(&mut self) -> Result<Answer, StreamFailure> {
        let tag = format!("c{} ", self.tag);
        let mut capabilities = None;
        for _ in 0..MOST_LINES {
            let line = self.line().await?;
            let lower = line.to_ascii_lowercase();
            if let Some(rest) = lower.strip_prefix(&tag) {
                let status = match rest.split(' ').next() {
                    Some("ok") => Status::Ok,
                    Some("no") => Status::No,
                    _ => Status::Bad,
                };
                let text = line.get(tag.len() + 3..).unwrap_or_default().to_owned();
                return Ok(Answer { capabilities: capability_code(&line).or(capabilities), status, text });
            }
            if lower.starts_with("* capability ") {
                capabilities = Some(atoms(&line["* capability ".len()..]));
            } else if lower.starts_with("* bye") {
                return Err(refusal(&line[5..]));
            } else if let Some(text) = line.strip_prefix('+') {
                let text = text.trim().to_owned();
                return Ok(Answer { capabilities: None, status: Status::Continue, text });
            }
        }
        Err(StreamFailure::Closed("the server keeps sending lines without a response to the command".into()))
    }

    async fn line(&mut self) -> Result<String, StreamFailure> {
        let mut seen = 0;
        loop {
            if let Some(end) = self.unread[seen..].iter().position(|byte| *byte == b'\n') {
                let rest = self.unread.split_off(seen + end + 1);
                let line = std::mem::replace(&mut self.unread, rest);
                return Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
            }
            seen = self.unread.len();
            if seen > MOST_LINE_BYTES {
                return Err(StreamFailure::Closed("the server sent a line without end".into()));
            }
            let read = self.stream.read_buf(&mut self.unread);
            match timeout(self.io, read).await {
                Err(_) => return Err(StreamFailure::TimedOut),
                Ok(Err(error)) => return Err(ended(&error)),
                Ok(Ok(0)) => {
                    return Err(StreamFailure::Dropped("the server closed the connection during login".into()));
                }
                Ok(Ok(_)) => {}
            }
        }
    }
}

/// Returns a `LOGIN` command, for servers that do not offer the SASL mechanism. Only if users act as themselves.
fn login_command(identity: &Identity, offered: &[String]) -> Result<String, StreamFailure> {
    match identity {
        Identity::Plain { act_as, user, password } if act_as.is_empty() && !has(offered, "LOGINDISABLED") => {
            match (quoted(user), quoted(password.expose())) {
                (Some(user), Some(password)) => Ok(format!("LOGIN {user} {password}")),
                _ => Err(StreamFailure::Denied(
                    "user or password cannot be sent by LOGIN, and the server offers nothing else".into(),
                )),
            }
        }
        _ => Err(StreamFailure::Denied(mechanism::none_in_common(identity, offered))),
    }
}

/// Returns a quoted string (RFC 9051 4.3), if the text fits into one.
fn quoted(text: &str) -> Option<String> {
    if text.bytes().any(|byte| !(0x20..0x7f).contains(&byte)) {
        return None;
    }
    Some(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// Maps a `NO` or `BYE` response (RFC 9051 7.1, RFC 5530).
fn refusal(text: &str) -> StreamFailure {
    if let Some(throttle) = throttle::of(text) {
        return StreamFailure::Throttled(throttle);
    }
    let upper = text.to_ascii_uppercase();
    let shown = clawback_model::visible_line(text.trim(), 200);
    if ["[UNAVAILABLE]", "[INUSE]", "[SERVERBUG]"].iter().any(|sign| upper.contains(sign)) {
        return StreamFailure::Closed(shown);
    }
    if text.starts_with(' ') && !upper.contains("AUTH") {
        // A BYE that is not a response to a login: the server closes the connection for its own reasons.
        return StreamFailure::Closed(format!("the server said goodbye: {shown}"));
    }
    StreamFailure::Unauthorized(shown)
}

/// Interprets the final response to a login.
fn logged_in(answer: Answer, command: &str) -> Result<Option<Vec<String>>, StreamFailure> {
    match answer.status {
        Status::Ok => Ok(answer.capabilities),
        Status::No => Err(refusal(&answer.text)),
        Status::Bad => match throttle::of(&answer.text) {
            Some(throttle) => Err(StreamFailure::Throttled(throttle)),
            None => Err(StreamFailure::Closed(format!("the server did not understand {command}"))),
        },
        Status::Continue => Err(StreamFailure::Closed(format!("the server sends too many challenges in {command}"))),
    }
}

fn distrusted(error: &ScramError) -> StreamFailure {
    StreamFailure::Untrusted(error.to_string())
}

fn no_starttls() -> StreamFailure {
    StreamFailure::Denied("the server does not offer STARTTLS; nothing is sent in the clear".into())
}

fn ended(error: &std::io::Error) -> StreamFailure {
    if let Some(rustls::Error::AlertReceived(alert)) = dial::of_tls(error) {
        let cure = "look at `client-cert-file` if the server asks for a certificate";
        return StreamFailure::Unauthorized(format!("the server ended TLS: {alert:?}; {cure}"));
    }
    StreamFailure::Dropped(format!("the connection ended during login: {error}"))
}

fn has(offered: &[String], capability: &str) -> bool {
    offered.iter().any(|known| known.eq_ignore_ascii_case(capability))
}

fn atoms(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// Returns the list in `[CAPABILITY ...]`.
fn capability_code(line: &str) -> Option<Vec<String>> {
    let start = line.to_ascii_uppercase().find("[CAPABILITY ")? + "[CAPABILITY ".len();
    let end = line[start..].find(']')?;
    Some(atoms(&line[start..start + end]))
}
