//! What an examination shows of a message of a case, as TOML.

use std::net::IpAddr;

use clawback_model::normal::normalise;
use clawback_model::{
    AskedTexts, Attachment, Authentication, AuthenticationMethod, AuthenticationResult, Features, Hyperlink, LinkKind,
};
use serde::Deserialize;

/// The content of one message of a case. What is not given is not in the message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Content {
    envelope_from: String,
    reply_to: Vec<String>,
    delivered_to: Vec<String>,
    sender_ip: Option<IpAddr>,
    /// Results of a trusted server, such as `dmarc=fail`.
    auth: Vec<String>,
    dkim_domains: Vec<String>,
    list_id: String,
    url_hosts: Vec<String>,
    mail_links: Vec<String>,
    attachments: Vec<Attached>,
    /// Those of the texts of conditions that the message has.
    body_contains: Vec<String>,
    /// Those of the addresses of conditions that the message links to.
    urls: Vec<String>,
}

/// An attachment of a message of a case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Attached {
    name: String,
    #[serde(rename = "type")]
    media_type: String,
    sha256: String,
}

impl Content {
    /// Returns the features; fails with the reason if a result of authentication is invalid.
    pub(crate) fn features(self) -> Result<Features, String> {
        let mut authentication = Authentication::default();
        for text in &self.auth {
            let AuthenticationResult { method, result } = text.parse().map_err(|error| format!("auth: {error}"))?;
            match method {
                AuthenticationMethod::Spf => authentication.spf = result,
                AuthenticationMethod::Dkim => authentication.dkim = result,
                AuthenticationMethod::Dmarc => authentication.dmarc = result,
            }
        }
        let web = self.url_hosts.iter().map(|host| link(LinkKind::Web, host, ""));
        let domain = |address: &str| address.rsplit('@').next().unwrap_or_default().to_owned();
        let mail = self.mail_links.iter().map(|address| link(LinkKind::Mail, &domain(address), address));
        let attached = |one: Attached| Attachment {
            names: vec![one.name],
            media_type: one.media_type.to_lowercase(),
            size: 0,
            sha256: one.sha256.to_lowercase(),
            depth: 0,
        };
        let body_contains = self.body_contains.iter().map(|text| normalise(text)).collect();
        Ok(Features {
            envelope_from: self.envelope_from,
            reply_to: self.reply_to,
            delivered_to: self.delivered_to,
            sender_ip: self.sender_ip,
            authentication: Some(authentication),
            dkim_domains: self.dkim_domains,
            list_id: self.list_id,
            links: web.chain(mail).collect(),
            attachments: self.attachments.into_iter().map(attached).collect(),
            found: AskedTexts { body_contains, urls: self.urls },
            ..Features::default()
        })
    }
}

fn link(kind: LinkKind, host: &str, address: &str) -> Hyperlink {
    Hyperlink {
        kind,
        host: host.to_lowercase(),
        address: address.to_owned(),
        path_hash: 0,
        shown_host: String::new(),
        is_rewritten: false,
    }
}
