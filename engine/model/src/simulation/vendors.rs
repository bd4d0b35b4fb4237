//! The shipped list: the marks of the phishing simulations of common vendors, one row for each. A vendor is here with
//! what its source says; vendors whose simulations have no fixed mark are recognised by the site's own `headers` and
//! `domains`.

/// A mark of the simulations of one vendor.
#[derive(Debug)]
pub(super) struct Vendor {
    /// The name in the configuration.
    pub(super) id: &'static str,
    /// The name that is shown.
    pub(super) name: &'static str,
    /// The header field.
    pub(super) header: &'static str,
    /// A part of its value, compared without case; empty if the field alone is the mark.
    pub(super) part: &'static str,
    /// The domains that the vendor says it signs simulations with, and nothing else.
    pub(super) domains: &'static [&'static str],
}

const fn row(id: &'static str, name: &'static str, header: &'static str, part: &'static str) -> Vendor {
    Vendor { id, name, header, part, domains: &[] }
}

/// In the order of their IDs. The headers of no vendor here prove anything: anybody can write them.
pub(super) const VENDORS: &[Vendor] = &[
    // https://wesl.ee/Acing_Org_Phishing_Training/ (the vendor publishes it to customers only)
    row("cofense", "Cofense PhishMe", "X-PhishMe", ""),
    // https://github.com/gophish/gophish/blob/master/models/maillog.go, "transparency headers"
    row("gophish", "GoPhish", "X-Gophish-Contact", ""),
    row("gophish", "GoPhish", "X-Mailer", "gophish"),
    // https://support.knowbe4.com/hc/en-us/articles/203645138-Whitelisting-Data-and-Anti-Spam-Filtering-Information
    row("knowbe4", "KnowBe4", "X-PHISHTEST", ""),
    // https://support.phishingtackle.com/hc/en-gb/articles/360039977512
    row("phishing-tackle", "Phishing Tackle", "Message-ID", "@mail.tacklephishing.com>"),
    // https://www.spambrella.com/faq/searchable-header-in-mail-server-psat-educate/
    row("proofpoint", "Proofpoint", "X-ThreatSim-Header", ""),
    row("proofpoint", "Proofpoint", "X-ThreatSim-ID", ""),
];
