//! Mails by SMTP, in plain text. They are marked as generated, and those of one remediation form one thread.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use clawback_model::Timestamp;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use serde::{Deserialize, Serialize};

use super::delivery::{TIME_OUT, Undelivered};
use super::notice::Notice;
use crate::http::{is_loopback, secret};

/// `kind = "email"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MailConfig {
    /// Name of the server.
    pub server: String,
    /// Default: 465 for `implicit`, 587 for `starttls`, 25 for `none`.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: MailTls,
    /// Roots to trust in addition to the system's, PEM.
    #[serde(default)]
    pub ca_file: Option<String>,
    /// The user name; without it, no login.
    #[serde(default)]
    pub user: Option<String>,
    /// File with the password.
    #[serde(default)]
    pub password_file: Option<String>,
    /// `Clawback <clawback@acme.example>`.
    pub from: String,
    /// All recipients.
    pub to: Vec<String>,
}

/// How the connection to the server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailTls {
    /// From the first byte on.
    Implicit,
    /// By STARTTLS; a server that does not offer it gets no mail.
    #[default]
    Starttls,
    /// Not at all: only to this machine.
    None,
}

/// The subject of an answer.
const ANSWER: &str = "Your report of a suspicious message";

/// An answer to a reporter.
pub(super) struct Answer<'a> {
    /// The address of the reporter.
    pub(super) to: &'a str,
    /// The same in every try, so that a receiver can detect a duplicate.
    pub(super) id: String,
    pub(super) text: String,
    /// When the remediation ended.
    pub(super) at: Timestamp,
}

/// A server, and the recipients of mail.
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Mailer {
    pub(super) fn open(config: &MailConfig, base: &Path) -> Result<Self, String> {
        let address =
            |text: &String| text.parse::<Mailbox>().map_err(|error| format!("`{text}` is no address: {error}"));
        let from = address(&config.from)?;
        let to = config.to.iter().map(address).collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() {
            return Err("`to` names nobody".to_owned());
        }
        let (tls, port) = match config.tls {
            MailTls::Implicit => (Tls::Wrapper(parameters(config, base)?), 465),
            MailTls::Starttls => (Tls::Required(parameters(config, base)?), 587),
            MailTls::None if is_loopback(&config.server) => (Tls::None, 25),
            MailTls::None => return Err("tls = \"none\" is for this machine alone".to_owned()),
        };
        let name = ClientId::Domain(from.email.domain().to_owned());
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.server)
            .port(config.port.unwrap_or(port))
            .tls(tls)
            .hello_name(name)
            .timeout(Some(TIME_OUT));
        match (&config.user, &config.password_file) {
            (Some(user), Some(file)) => {
                builder = builder.credentials(Credentials::new(user.clone(), secret(&base.join(file))?));
            }
            (None, None) => {}
            _ => return Err("`user` and `password-file` belong together".to_owned()),
        }
        Ok(Self { transport: builder.build(), from, to })
    }

    pub(super) async fn send(&self, notice: &Notice) -> Result<(), Undelivered> {
        let mail = self.mail(notice)?;
        self.transport.send(mail).await?;
        Ok(())
    }

    /// Answers a reporter.
    pub(super) async fn answer(&self, answer: &Answer<'_>) -> Result<(), Undelivered> {
        let mail = self.answering(answer)?;
        self.transport.send(mail).await?;
        Ok(())
    }

    fn answering(&self, answer: &Answer<'_>) -> Result<Message, Undelivered> {
        let domain = self.from.email.domain();
        let at = UNIX_EPOCH + Duration::from_micros(u64::try_from(answer.at.0).unwrap_or(0));
        let builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, answer.to.parse()?))
            // The reported subject is an attacker's, so it is no part of this one.
            .subject(ANSWER)
            .date(at)
            .message_id(Some(format!("<{}@{domain}>", answer.id)))
            .header(ContentType::TEXT_PLAIN);
        Ok(marked(builder, "Auto-Submitted", "auto-replied").body(answer.text.clone())?)
    }

    fn mail(&self, notice: &Notice) -> Result<Message, lettre::error::Error> {
        let domain = self.from.email.domain();
        let thread = format!("<{}@{domain}>", notice.remediation_id);
        let at = UNIX_EPOCH + Duration::from_micros(u64::try_from(notice.at.0).unwrap_or(0));
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(&notice.title)
            .date(at)
            .message_id(Some(format!("<{}@{domain}>", notice.id)))
            .references(thread.clone())
            .in_reply_to(thread)
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        // RFC 3834: keeps vacation notices from being sent back.
        marked(builder, "Auto-Submitted", "auto-generated").body(notice.text())
    }
}

fn marked(builder: MessageBuilder, name: &'static str, value: &str) -> MessageBuilder {
    builder.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned()))
}

fn parameters(config: &MailConfig, base: &Path) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(config.server.clone());
    if let Some(file) = &config.ca_file {
        let path = base.join(file);
        let pem = clawback_files::read_policy_bytes(&path).map_err(|error| error.to_string())?;
        let roots = Certificate::from_pem(&pem).map_err(|error| format!("{}: {error}", path.display()))?;
        builder = builder.add_root_certificate(roots);
    }
    builder.build_rustls().map_err(|error| format!("TLS cannot be set up: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::notice::Kind;
    use super::*;

    fn config() -> MailConfig {
        MailConfig {
            server: "localhost".into(),
            port: None,
            tls: MailTls::None,
            ca_file: None,
            user: None,
            password_file: None,
            from: "Clawback <clawback@acme.example>".into(),
            to: vec!["ann@acme.example".into(), "Ben <ben@acme.example>".into()],
        }
    }

    #[tokio::test]
    async fn a_title_is_one_field_whatever_it_holds() {
        let mailer = Mailer::open(&config(), Path::new("")).unwrap();
        let notice = Notice {
            kind: Kind::Changed,
            id: "R-1.pending-approval.7".into(),
            remediation_id: "R-1".into(),
            // A notice never contains this; the mailer must be safe without relying on that.
            title: "x\r\nBcc: everyone@acme.example\r\n\r\n<b>body</b> \u{202e}ü".into(),
            facts: vec![("Name", "y".into())],
            hint: "Look.".into(),
            link: None,
            at: Timestamp(1_795_435_200_000_000),
        };
        let mail = String::from_utf8(mailer.mail(&notice).unwrap().formatted()).unwrap();
        let (head, _) = mail.split_once("\r\n\r\n").unwrap();
        let fields: Vec<&str> = head
            .split("\r\n")
            .filter(|line| !line.starts_with([' ', '\t']))
            .map(|line| line.split(':').next().unwrap())
            .collect();
        assert!(!fields.contains(&"Bcc"), "{mail}");
        assert_eq!(fields.iter().filter(|field| **field == "Subject").count(), 1, "{mail}");
        assert!(
            head.contains("Auto-Submitted: auto-generated") && head.contains("<R-1.pending-approval.7@acme.example>")
        );
    }

    #[tokio::test]
    async fn an_answer_goes_to_its_reporter_alone() {
        let mailer = Mailer::open(&config(), Path::new("")).unwrap();
        let answer =
            |to| Answer { to, id: "report.1".into(), text: "x\n".into(), at: Timestamp(1_795_435_200_000_000) };
        let mail = String::from_utf8(mailer.answering(&answer("cy@acme.example")).unwrap().formatted()).unwrap();
        assert!(mail.contains("To: cy@acme.example\r\n") && !mail.contains("ann@"), "{mail}");
        assert!(
            mail.contains("Auto-Submitted: auto-replied\r\n") && mail.contains("<report.1@acme.example>"),
            "{mail}"
        );
        assert!(mailer.answering(&answer("cy@acme.example\r\nBcc: x@y.example")).is_err());
    }

    #[test]
    fn an_unusable_configuration_is_refused() {
        let open = |config: MailConfig| Mailer::open(&config, Path::new("")).err().unwrap_or_default();
        assert!(open(MailConfig { server: "smtp.example".into(), ..config() }).contains("this machine"));
        assert!(open(MailConfig { to: vec![], ..config() }).contains("nobody"));
        assert!(open(MailConfig { from: "a@b\r\nBcc: x@y".into(), ..config() }).contains("no address"));
        assert!(open(MailConfig { user: Some("x".into()), ..config() }).contains("belong together"));
    }
}
