//! The traits of a root that make clusters, and why others make none.

use std::collections::BTreeSet;

use super::by::ClusterBy;
use crate::domain::registrable_domain;
use crate::likeness::{Commons, LEAST_PAIRS, Root};
use crate::normal::normalise;

/// The fewest words, and the fewest characters, of a subject that makes a cluster. `Hello` and `Re: invoice` are those
/// of strangers.
const LEAST_SUBJECT: (usize, usize) = (2, 10);
/// What mail programs put before the subject of an answer or of a message that was passed on.
const PREFIXES: [&str; 8] = ["re:", "fw:", "fwd:", "aw:", "wg:", "tr:", "rv:", "[external]"];
/// The most characters of a value that is shown.
const LONGEST_VALUE: usize = 200;

/// The traits of a root, as far as each is its own.
#[derive(Debug, Clone, Default)]
pub(super) struct Traits {
    /// The subject, as it is compared.
    pub(super) subject: Option<String>,
    /// The registrable domain of the From address.
    pub(super) sender_domain: Option<String>,
    /// Domains of DKIM signatures.
    pub(super) dkim: BTreeSet<String>,
    /// Links: host, and hash of path and query.
    pub(super) links: BTreeSet<(String, u64)>,
    /// Registrable domains of links.
    pub(super) link_domains: BTreeSet<String>,
    /// Addresses to reply to.
    pub(super) reply_to: BTreeSet<String>,
}

impl Traits {
    pub(super) fn of(root: &Root, commons: &Commons) -> Self {
        let is_own = |name: &&String| !name.is_empty() && !commons.contains(name);
        let (identity, calls) = (root.identity(), root.calls());
        let is_own_host =
            |host: &str| !host.is_empty() && !commons.contains(host) && !commons.contains(registrable_domain(host));
        Self {
            subject: Some(comparable_subject(root.subject())).filter(|subject| is_long_enough(subject)),
            sender_domain: Some(&identity.domain).filter(is_own).cloned(),
            dkim: identity.dkim.iter().filter(is_own).cloned().collect(),
            // A link without a path is that to a home page.
            links: root
                .entities()
                .links
                .iter()
                .filter(|(host, path_hash)| *path_hash != 0 && is_own_host(host))
                .cloned()
                .collect(),
            link_domains: calls.web.iter().filter(is_own).cloned().collect(),
            reply_to: identity.reply_to.iter().chain(&calls.mail).filter(is_own).cloned().collect(),
        }
    }

    /// Returns the value by which a root makes this cluster, or why it makes none.
    pub(super) fn value(&self, root: &Root, by: ClusterBy) -> Result<String, &'static str> {
        let text = || {
            let pairs = root.sketch().pairs();
            if pairs >= LEAST_PAIRS { Ok(format!("{pairs} pairs of words")) } else { Err("its text is too short") }
        };
        let subject = || self.subject.clone().map(|subject| format!("\"{subject}\"")).ok_or("its subject is too short");
        let sender = || self.sender_domain.clone().ok_or("many senders share its sender domain, or it has none");
        let address = || root.entities().sender_ip.map(|ip| ip.to_string()).ok_or("its sending address is not known");
        let listed = |all: &BTreeSet<String>, none: &'static str| {
            if all.is_empty() { Err(none) } else { Ok(all.iter().map(String::as_str).collect::<Vec<_>>().join(", ")) }
        };
        let parts = match by {
            ClusterBy::BodySenderDomain => vec![text(), sender()],
            ClusterBy::BodySenderIp => vec![text(), address()],
            ClusterBy::BodyUrlHost => vec![text(), listed(&self.link_domains, "it links to no domain of its own")],
            ClusterBy::SubjectSenderDomain => vec![subject(), sender()],
            ClusterBy::SubjectSenderIp => vec![subject(), address()],
            ClusterBy::DkimSubject => vec![listed(&self.dkim, "no domain of its own signed it"), subject()],
            ClusterBy::Url => {
                let hosts = self.links.iter().map(|(host, _)| host.clone()).collect();
                vec![listed(&hosts, "it links to no host of its own")]
            }
            ClusterBy::File => vec![listed(&root.entities().files, "it has no attachment of its own")],
            ClusterBy::ReplyTo => vec![listed(&self.reply_to, "it names no address to reply to")],
            ClusterBy::HtmlStructure if root.entities().html_hash == 0 => vec![Err("it has no HTML")],
            ClusterBy::Body | ClusterBy::HtmlStructure => vec![text()],
        };
        let parts: Vec<String> = parts.into_iter().collect::<Result<_, _>>()?;
        Ok(shortened(parts.join(", ")))
    }
}

/// Returns a subject as it is compared: normalised, and without the prefixes of answers.
pub(super) fn comparable_subject(subject: &str) -> String {
    let whole = normalise(subject);
    let mut rest = whole.as_str();
    while let Some(next) = PREFIXES.iter().find_map(|prefix| rest.strip_prefix(prefix)) {
        rest = next.trim_start();
    }
    rest.to_owned()
}

fn is_long_enough(subject: &str) -> bool {
    let (words, characters) = LEAST_SUBJECT;
    subject.split(' ').count() >= words && subject.chars().count() >= characters
}

fn shortened(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(LONGEST_VALUE) {
        text.truncate(at);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_the_subject_of_its_message() {
        for (subject, expected) in [
            ("Re: FW:  Your parcel is held", "your parcel is held"),
            ("[EXTERNAL] Your parcel is held", "your parcel is held"),
            ("Your parcel: is held", "your parcel: is held"),
            ("Re:", ""),
        ] {
            assert_eq!(comparable_subject(subject), expected);
        }
        assert!(is_long_enough("your parcel") && !is_long_enough("a b") && !is_long_enough("notification"));
    }
}
