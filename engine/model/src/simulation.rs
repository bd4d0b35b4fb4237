//! Phishing simulations: training mails that a site lets a vendor send to its own people. They are no threat, so no
//! report of one is an alarm, and no investigation takes one.
//!
//! A header is no proof, since an attacker can write it. A message is a simulation only if it has the mark of one, and
//! something says so that its sender cannot write: the network that it came from, or a signature that a trusted server
//! verified.

mod vendors;

use serde::{Deserialize, Serialize};

use self::vendors::VENDORS;
use crate::comparison::is_within;
use crate::domain::parse_network;
use crate::features::Features;
use crate::message::domain_of;
use crate::text::visible_line;

/// The name of what leaves simulations out of a plan.
pub const SIMULATION: &str = "simulation";
/// Who sends the simulations that the site recognises by a header of its own.
const OF_THE_SITE: &str = "this site";
/// The most header fields that a site recognises simulations by.
const MOST_HEADERS: usize = 20;

/// How a site recognises phishing simulations: `[investigations.simulations]` in the configuration. Without any value no
/// message is one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Simulations {
    /// The vendors whose marks count, by their IDs; all of the shipped list if none is named.
    pub vendors: Vec<String>,
    /// Header fields of the site's own: `X-Training`, or `X-Training: part of the value`.
    pub headers: Vec<String>,
    /// The networks that simulations come from.
    pub networks: Vec<String>,
    /// The domains that simulations are signed by, or sent from, each with its sub-domains.
    pub domains: Vec<String>,
}

impl Simulations {
    /// Returns what is wrong with the values.
    pub fn check(&self) -> Result<(), String> {
        let fault = |key: &str, given: &str, why: &str| {
            Err(format!("[investigations.simulations] {key}: `{}` {why}", visible_line(given, 60)))
        };
        if let Some(given) = self.vendors.iter().find(|id| !VENDORS.iter().any(|vendor| vendor.id == id.as_str())) {
            let mut known: Vec<&str> = VENDORS.iter().map(|vendor| vendor.id).collect();
            known.dedup();
            return fault("vendors", given, &format!("is not in the shipped list; it has {}", known.join(", ")));
        }
        if let Some(given) = self.networks.iter().find(|network| parse_network(network).is_none()) {
            return fault("networks", given, "is no network; write 192.0.2.0/24");
        }
        if let Some(given) = self.domains.iter().find(|domain| !is_domain(domain)) {
            return fault("domains", given, "is no domain; write training.example");
        }
        if let Some(given) = self.headers.iter().find(|header| !is_field_name(split(header).0)) {
            return fault("headers", given, "is no header field; write X-Training, or X-Training: part of its value");
        }
        if self.headers.len() > MOST_HEADERS {
            return Err(format!("[investigations.simulations] headers: write {MOST_HEADERS} at most"));
        }
        Ok(())
    }

    /// Returns whether the site names anything.
    pub fn is_on(&self) -> bool {
        [&self.vendors, &self.headers, &self.networks, &self.domains].into_iter().any(|all| !all.is_empty())
    }

    /// Returns whether marks are named and nothing that could prove one, so that no message is a simulation.
    pub fn is_without_proof(&self) -> bool {
        self.is_on()
            && self.networks.is_empty()
            && self.domains.is_empty()
            && self.of_vendors().all(|vendor| vendor.domains.is_empty())
    }

    /// Returns the header fields that an examination must return, in lower case.
    pub fn fields(&self) -> Vec<String> {
        if !self.is_on() {
            return Vec::new();
        }
        let of_vendors = self.of_vendors().map(|vendor| vendor.header);
        let mut fields: Vec<String> =
            of_vendors.chain(self.headers.iter().map(|header| split(header).0)).map(str::to_lowercase).collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// Returns the sender of the simulation that a message is; `None` if it is not proved to be one.
    pub fn sender(&self, features: &Features) -> Option<String> {
        if !self.is_on() {
            return None;
        }
        let has = |header: &str, part: &str| {
            let (header, part) = (header.to_lowercase(), part.to_lowercase());
            features.headers.iter().any(|(name, value)| *name == header && value.to_lowercase().contains(&part))
        };
        let is_of_site = || self.is_from_network(features) || is_signed_by(features, &self.domains);
        let mut vendors = self.of_vendors().filter(|vendor| has(vendor.header, vendor.part));
        if let Some(vendor) = vendors.find(|vendor| is_of_site() || is_signed_by(features, vendor.domains)) {
            return Some(vendor.name.to_owned());
        }
        if !is_of_site() {
            return None;
        }
        if self.headers.iter().map(|header| split(header)).any(|(header, part)| has(header, part)) {
            return Some(OF_THE_SITE.to_owned());
        }
        let senders = [domain_of(&features.from_address), domain_of(&features.envelope_from)];
        self.domains.iter().find(|domain| senders.iter().any(|sender| is_within(sender, domain.trim()))).cloned()
    }

    /// The rows of the shipped list that count.
    fn of_vendors(&self) -> impl Iterator<Item = &'static vendors::Vendor> {
        VENDORS.iter().filter(|vendor| self.vendors.is_empty() || self.vendors.iter().any(|id| id == vendor.id))
    }

    fn is_from_network(&self, features: &Features) -> bool {
        let Some(ip) = features.sender_ip else { return false };
        self.networks.iter().filter_map(|network| parse_network(network)).any(|network| network.contains(&ip))
    }
}

/// Returns the words for a simulation of this sender.
pub fn simulation_in_words(sender: &str) -> String {
    format!("a phishing simulation of {sender}")
}

/// Returns whether a trusted server verified a signature of one of these domains.
fn is_signed_by<S: AsRef<str>>(features: &Features, domains: &[S]) -> bool {
    features
        .dkim_verified
        .iter()
        .any(|verified| domains.iter().any(|domain| is_within(verified, domain.as_ref().trim())))
}

/// Splits `NAME: part of the value`.
fn split(header: &str) -> (&str, &str) {
    let (name, part) = header.split_once(':').unwrap_or((header, ""));
    (name.trim(), part.trim())
}

/// Returns whether a header field can have this name (RFC 5322, section 2.2).
fn is_field_name(name: &str) -> bool {
    (1..=80).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}

/// A single label would cover everything beneath it.
fn is_domain(domain: &str) -> bool {
    let is_label =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    let domain = domain.trim();
    domain.len() <= 253 && domain.contains('.') && domain.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWBE4: (&str, &str) = ("x-phishtest", "This is a phishing security test from KnowBe4");

    fn site(settings: &str) -> Simulations {
        let settings: Simulations = serde_json::from_str(settings).unwrap();
        settings.check().unwrap();
        settings
    }

    fn mail(header: (&str, &str), ip: &str, verified: &[&str]) -> Features {
        Features {
            from_address: "it@bank.example".into(),
            headers: vec![(header.0.into(), header.1.into())],
            sender_ip: ip.parse().ok(),
            dkim_verified: verified.iter().map(|domain| (*domain).to_owned()).collect(),
            // Anybody can sign in any name; only a verified signature counts.
            dkim_domains: vec!["train.example".into()],
            ..Features::default()
        }
    }

    #[test]
    fn a_mark_with_a_proof_is_a_simulation() {
        let networks = site(r#"{ "vendors": ["knowbe4"], "networks": ["147.160.167.0/26"] }"#);
        let domains = site(r#"{ "vendors": ["knowbe4"], "domains": ["Train.example"] }"#);
        let every = site(r#"{ "networks": ["147.160.167.0/26"] }"#);
        let gophish = ("x-mailer", "gophish");
        for (site, header, ip, verified, expected) in [
            (&networks, KNOWBE4, "147.160.167.9", &[][..], Some("KnowBe4")),
            (&domains, KNOWBE4, "192.0.2.1", &["mail.train.example"], Some("KnowBe4")),
            (&every, gophish, "147.160.167.9", &[], Some("GoPhish")),
            (&networks, gophish, "147.160.167.9", &[], None),
            (&every, ("x-mailer", "Outlook"), "147.160.167.9", &[], None),
        ] {
            assert_eq!(site.sender(&mail(header, ip, verified)).as_deref(), expected, "{header:?} {ip} {verified:?}");
        }
    }

    #[test]
    fn a_forged_mark_protects_nothing() {
        let both =
            site(r#"{ "vendors": ["knowbe4"], "networks": ["147.160.167.0/26"], "domains": ["train.example"] }"#);
        for (ip, verified) in [
            ("192.0.2.1", &[][..]),
            ("147.160.167.64", &[]),
            ("", &[]),
            ("192.0.2.1", &["evil.example"]),
            ("192.0.2.1", &["eviltrain.example"]),
            ("192.0.2.1", &["train.example.evil.example"]),
        ] {
            assert_eq!(both.sender(&mail(KNOWBE4, ip, verified)), None, "{ip} {verified:?}");
        }
        let from_there = Features { from_address: "x@train.example".into(), ..mail(("x-a", ""), "192.0.2.1", &[]) };
        assert_eq!(both.sender(&from_there), None, "anybody can write any From");
        let off = Simulations::default();
        assert_eq!((off.sender(&mail(KNOWBE4, "147.160.167.9", &["train.example"])), off.is_on()), (None, false));
        let no_proof = site(r#"{ "vendors": ["knowbe4"] }"#);
        assert!(no_proof.is_without_proof() && !both.is_without_proof() && !off.is_without_proof());
        assert_eq!(no_proof.sender(&mail(KNOWBE4, "147.160.167.9", &["train.example"])), None);
    }

    #[test]
    fn a_site_has_headers_and_addresses_of_its_own() {
        let own =
            site(r#"{ "headers": ["X-Training: Q4"], "networks": ["192.0.2.0/24"], "domains": ["train.example"] }"#);
        let sender = |features: &Features| own.sender(features);
        assert_eq!(sender(&mail(("x-training", "round q4"), "192.0.2.1", &[])).as_deref(), Some("this site"));
        assert_eq!(sender(&mail(("x-training", "q3"), "192.0.2.1", &[])), None);
        assert_eq!(sender(&mail(("x-training", "q4"), "198.51.100.1", &[])), None);
        let from = |from: &str, ip: &str, verified| {
            let features = mail(("x-a", ""), ip, verified);
            sender(&Features { envelope_from: from.into(), ..features })
        };
        assert_eq!(from("b@psm.train.example", "192.0.2.1", &[]).as_deref(), Some("train.example"));
        assert_eq!(from("b@psm.train.example", "", &["train.example"]).as_deref(), Some("train.example"));
        assert_eq!(from("b@other.example", "192.0.2.1", &[]), None);
    }

    #[test]
    fn an_examination_returns_the_fields_that_decide() {
        let fields = site(r#"{ "vendors": ["knowbe4"], "headers": ["X-Training: Q4", "x-phishtest"] }"#).fields();
        assert_eq!(fields, ["x-phishtest", "x-training"]);
        assert!(Simulations::default().fields().is_empty());
    }

    #[test]
    fn wrong_values_are_named() {
        for (settings, said) in [
            (
                r#"{ "vendors": ["knowb4"] }"#,
                "vendors: `knowb4` is not in the shipped list; it has cofense, gophish, knowbe4, ",
            ),
            (r#"{ "networks": ["10.0.0.0/33"] }"#, "networks: `10.0.0.0/33` is no network"),
            (r#"{ "domains": ["com"] }"#, "domains: `com` is no domain"),
            (r#"{ "headers": [": x"] }"#, "headers: `: x` is no header field"),
        ] {
            let refused = serde_json::from_str::<Simulations>(settings).unwrap().check().unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
    }

    #[test]
    fn the_shipped_list_is_in_order() {
        for vendor in VENDORS {
            assert!(is_field_name(vendor.header) && vendor.domains.iter().all(|domain| is_domain(domain)));
            assert!(vendor.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        }
        assert!(VENDORS.is_sorted_by_key(|vendor| vendor.id));
    }
}
