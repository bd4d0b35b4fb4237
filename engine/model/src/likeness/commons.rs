//! Names that strangers share: nothing follows from two messages that both have one.

use std::collections::BTreeSet;

/// From how many different sender domains a name must be seen within 30 days to be counted as common. A default that is
/// not measured: a campaign can have as many (the largest of 7,909 phishing messages had 16 domains), and a footer on
/// ham joined 57 strangers.
pub const COMMON_SENDERS: u32 = 20;

/// Registrable domains of free mail: anybody gets an address under them, so the domain names no organisation, while
/// each address names one sender.
const FREE_MAIL: [&str; 40] = [
    "126.com",
    "163.com",
    "aol.com",
    "fastmail.com",
    "free.fr",
    "freenet.de",
    "gmail.com",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.fr",
    "icloud.com",
    "laposte.net",
    "libero.it",
    "live.com",
    "mac.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "naver.com",
    "orange.fr",
    "outlook.com",
    "outlook.de",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "rediffmail.com",
    "seznam.cz",
    "t-online.de",
    "tuta.com",
    "tutanota.com",
    "web.de",
    "yahoo.co.jp",
    "yahoo.com",
    "yandex.ru",
    "ymail.com",
];

/// Registrable domains that anybody can send from or link to: shorteners and redirects, files and forms, social
/// networks, mailing services, link rewriters of mail gateways. In 7,909 phishing messages the most shared hosts were
/// `t.co` (807), `storage.googleapis.com` (418), `www.facebook.com` (319) and `www.linkedin.com` (198). Domains under
/// which each customer has an own one (`pages.dev`) are public suffixes, and need no entry.
const SHARED: [&str; 84] = [
    "adobe.com",
    "amazonaws.com",
    "amazonses.com",
    "apple.com",
    "bing.com",
    "bit.ly",
    "box.com",
    "buff.ly",
    "canva.com",
    "clicktime.symantec.com",
    "cloudfront.net",
    "constantcontact.com",
    "createsend.com",
    "cutt.ly",
    "discord.com",
    "discordapp.com",
    "docusign.com",
    "docusign.net",
    "doubleclick.net",
    "dropbox.com",
    "dropboxusercontent.com",
    "evernote.com",
    "exacttarget.com",
    "facebook.com",
    "flickr.com",
    "forms.gle",
    "github.com",
    "githubusercontent.com",
    "goo.gl",
    "google.com",
    "googleapis.com",
    "googleusercontent.com",
    "gstatic.com",
    "hubspot.com",
    "hubspotemail.net",
    "instagram.com",
    "is.gd",
    "jotform.com",
    "linkedin.com",
    "list-manage.com",
    "lnkd.in",
    "mailchimp.com",
    "mailgun.org",
    "mailjet.com",
    "mandrillapp.com",
    "mcsv.net",
    "mediafire.com",
    "mega.nz",
    "microsoft.com",
    "mimecast.com",
    "mktomail.com",
    "notion.site",
    "office.com",
    "onedrive.com",
    "onmicrosoft.com",
    "outlook.com",
    "ow.ly",
    "pinterest.com",
    "postmarkapp.com",
    "proofpoint.com",
    "rb.gy",
    "rebrand.ly",
    "reddit.com",
    "rs6.net",
    "salesforce.com",
    "sendgrid.net",
    "sendinblue.com",
    "sharepoint.com",
    "storage.googleapis.com",
    "surveymonkey.com",
    "t.co",
    "t.ly",
    "t.me",
    "telegram.org",
    "tiktok.com",
    "tiny.cc",
    "tinyurl.com",
    "twitter.com",
    "typeform.com",
    "wa.me",
    "wetransfer.com",
    "whatsapp.com",
    "x.com",
    "youtube.com",
];

/// The names that never join two messages: hosts, registrable domains, addresses and phone numbers that many senders
/// share. The shipped list is always part of it; a site adds those that it counts (see [`COMMON_SENDERS`]).
///
/// Names are compared exactly, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commons {
    counted: BTreeSet<String>,
}

impl Commons {
    /// Returns whether many senders share this name.
    pub fn contains(&self, name: &str) -> bool {
        SHARED.binary_search(&name).is_ok() || is_free_mail(name) || self.counted.contains(name)
    }
}

impl<S: Into<String>> FromIterator<S> for Commons {
    fn from_iter<I: IntoIterator<Item = S>>(counted: I) -> Self {
        Self { counted: counted.into_iter().map(|name| name.into().to_lowercase()).collect() }
    }
}

/// Returns whether anybody gets an address under this registrable domain.
pub(crate) fn is_free_mail(domain: &str) -> bool {
    FREE_MAIL.binary_search(&domain).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_names_are_in_order() {
        assert!(SHARED.is_sorted_by(|a, b| a < b) && FREE_MAIL.is_sorted_by(|a, b| a < b));
        assert!(SHARED.iter().chain(&FREE_MAIL).all(|name| *name == name.to_lowercase()));
    }

    #[test]
    fn shipped_and_counted_names_are_common() {
        let commons: Commons = ["Partner.Example"].into_iter().collect();
        for (name, expected) in [
            ("t.co", true),
            ("gmail.com", true),
            ("partner.example", true),
            ("a.t.co", false),
            ("evil.example", false),
            ("", false),
        ] {
            assert_eq!(commons.contains(name), expected, "{name}");
        }
        assert!(!Commons::default().contains("partner.example"));
        assert!(is_free_mail("gmail.com") && !is_free_mail("t.co"));
    }
}
