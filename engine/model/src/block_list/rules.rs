//! `[block-lists]` of the configuration: how long an entry is listed, and what is never listed.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::comparison::is_domain_of;
use crate::domain::registrable_domain;
use crate::duration::{parse_duration, show_duration};
use crate::indicator::{Indicator, IndicatorKind, common, home_page, host_of_url};
use crate::likeness::is_free_mail;
use crate::message::domain_of;
use crate::text::visible_line;

const SHORTEST: Duration = Duration::from_hours(1);
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// `[block-lists]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BlockListRules {
    /// How long after the end of its remediation an entry is listed.
    #[serde(deserialize_with = "read_expires", serialize_with = "write_expires")]
    pub expires: Duration,
    /// What is never listed: addresses, URLs, sha256, and domains with their sub-domains and everything of them.
    #[serde(deserialize_with = "read_never", serialize_with = "write_never")]
    pub never: Vec<Indicator>,
}

impl Default for BlockListRules {
    fn default() -> Self {
        Self { expires: Duration::from_hours(30 * 24), never: Vec::new() }
    }
}

fn read_expires<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    let read = parse_duration(&text).filter(|expires| (SHORTEST..=LONGEST).contains(expires));
    read.ok_or_else(|| {
        serde::de::Error::custom(format!("`{}` is no time from 1h to 366d; write 30d", visible_line(&text, 60)))
    })
}

fn write_expires<S: Serializer>(expires: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&show_duration(*expires))
}

fn write_never<S: Serializer>(never: &[Indicator], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(never.iter().map(|indicator| &indicator.value))
}

fn read_never<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Indicator>, D::Error> {
    let read = |text: String| {
        let wrong = |error| serde::de::Error::custom(format!("`{}` in never: {error}", visible_line(&text, 60)));
        Indicator::read(None, &text, true).map_err(wrong)
    };
    Vec::<String>::deserialize(from)?.into_iter().map(read).collect()
}

impl BlockListRules {
    /// Returns why an indicator is never listed; `None` if it may be. `own` are the registrable domains of the site's own
    /// mailboxes.
    pub(super) fn refusal(&self, indicator: &Indicator, own: &BTreeSet<String>) -> Option<String> {
        let Indicator { kind, value } = indicator;
        let host = host_of_indicator(indicator);
        if self.never.iter().any(|never| covers(never, indicator) || covers(indicator, never)) {
            return Some("`never` of [block-lists] names it, or something of it".to_owned());
        }
        if own.contains(registrable_domain(host)) {
            return Some("it is of a domain of this site's mailboxes".to_owned());
        }
        let shared = match kind {
            IndicatorKind::Domain => common(host),
            // Each address of free mail is of one sender; those of a service that many use are not.
            IndicatorKind::Sender => common(host).filter(|shared| !is_free_mail(shared)),
            IndicatorKind::Url => home_page(value).and_then(common),
            IndicatorKind::Sha256 => None,
        };
        shared.map(|shared| format!("strangers share {shared}"))
    }
}

/// The host that an indicator is of; empty for a digest.
fn host_of_indicator(Indicator { kind, value }: &Indicator) -> &str {
    match kind {
        IndicatorKind::Sender => domain_of(value),
        IndicatorKind::Domain => value,
        IndicatorKind::Url => host_of_url(value),
        IndicatorKind::Sha256 => "",
    }
}

/// Returns whether the first is the second, or a domain that the second is of.
fn covers(one: &Indicator, other: &Indicator) -> bool {
    let host = host_of_indicator(other);
    let is_of = || is_domain_of(host, &[one.value.clone(), format!("*.{}", one.value)]);
    one == other || one.kind == IndicatorKind::Domain && !host.is_empty() && is_of()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_site_its_exceptions_and_what_strangers_share_are_never_listed() {
        let never = ["Partner.example", "x@y.example", "https://z.example/AbC", "bücher.example", "mail.q.example"];
        let rules: BlockListRules = serde_json::from_value(serde_json::json!({ "never": never })).unwrap();
        let own = BTreeSet::from(["corp.example".to_owned()]);
        for (value, why) in [
            ("eve@evil.example", None),
            ("eve@gmail.com", None),
            ("evil.example", None),
            ("https://bit.ly/3xyz", None),
            ("gmail.com", Some("strangers share gmail.com")),
            ("docs.google.com", Some("strangers share google.com")),
            ("dse@docusign.net", Some("strangers share docusign.net")),
            ("ceo@mail.corp.example", Some("of a domain of this site")),
            ("corp.example", Some("of a domain of this site")),
            ("https://evil.example:8443@sso.corp.example:443/login", Some("of a domain of this site")),
            ("a@b.partner.example", Some("`never`")),
            ("https://partner.example/x", Some("`never`")),
            ("x@y.example", Some("`never`")),
            ("z@y.example", None),
            ("y.example", Some("`never`")),
            ("https://z.example/AbC", Some("`never`")),
            ("https://z.example/abc", None),
            ("a@xn--bcher-kva.example", Some("`never`")),
            ("q.example", Some("`never`")),
            ("https://www.facebook.com/", Some("strangers share")),
        ] {
            let indicator = Indicator::read(None, value, true).unwrap();
            let refused = rules.refusal(&indicator, &own);
            assert_eq!(refused.is_some(), why.is_some(), "{value}: {refused:?}");
            assert!(refused.unwrap_or_default().contains(why.unwrap_or_default()), "{value}");
        }
    }

    #[test]
    fn the_time_is_bounded() {
        let read = |text: &str| serde_json::from_value::<BlockListRules>(serde_json::json!({ "expires": text }));
        assert_eq!(read("7d").unwrap().expires, Duration::from_hours(7 * 24));
        let never = serde_json::from_value::<BlockListRules>(serde_json::json!({ "never": ["two words"] }));
        assert!(never.unwrap_err().to_string().contains("`two words` in never"));
        assert!(read("1m").unwrap_err().to_string().contains("1h to 366d") && read("soon").is_err());
    }
}
