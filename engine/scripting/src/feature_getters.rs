//! Getters of what an examination shows of a message. A script that names one makes the search examine messages.

use clawback_model::{Authentication, Features, LinkKind, Message};
use rhai::{Array, Dynamic, EvalAltResult, ImmutableString};

use crate::current::{Current, with};
use crate::getters::{LONGEST_LIST, list, shown};
use crate::registry::Registry;

/// The getters, each with the feature that it reads, by its name in [`Features::cut`].
const GETTERS: [(&str, &str); 14] = [
    ("envelope_from", "header return-path"),
    ("reply_to", "header reply-to"),
    ("delivered_to", "header delivered-to"),
    ("sender_ip", "header received"),
    ("spf", "header authentication-results"),
    ("dkim", "header authentication-results"),
    ("dmarc", "header authentication-results"),
    ("dkim_domains", "header dkim-signature"),
    ("list_id", "header list-id"),
    ("url_hosts", "links"),
    ("mail_links", "links"),
    ("attachment_sha256", "attachments"),
    ("attachment_types", "attachments"),
    ("attached_names", "attachments"),
];

/// Returns the feature that a getter of this name reads; `None` if it reads none.
pub(crate) fn feature_of(getter: &str) -> Option<&'static str> {
    GETTERS.into_iter().find(|(name, _)| *name == getter).map(|(_, feature)| feature)
}

type Found<T> = Result<T, Box<EvalAltResult>>;

/// Registers the getters.
pub(crate) fn register(to: &mut Registry) {
    text(to, "envelope_from", "address of the envelope's sender (Return-Path)", |f| &f.envelope_from);
    texts(to, "reply_to", "addresses of Reply-To", |f| list(&f.reply_to));
    texts(to, "delivered_to", "addresses of Delivered-To and X-Original-To", |f| list(&f.delivered_to));
    to.getter("sender_ip", "text", "the first hop outside `own-relays`; empty if unknown", |_: &mut Current| {
        examined(|f| Ok(f.sender_ip.map_or_else(ImmutableString::new, |ip| ip.to_canonical().to_string().into())))
    });
    result(to, "spf", "result of SPF by a server in `authentication-servers`; `none` if it gives none", |a| &a.spf);
    result(to, "dkim", "the same of DKIM", |a| &a.dkim);
    result(to, "dmarc", "the same of DMARC", |a| &a.dmarc);
    texts(to, "dkim_domains", "domains of DKIM signatures, valid or not", |f| list(&f.dkim_domains));
    text(to, "list_id", "list identifier, without angle brackets", |f| &f.list_id);
    texts(to, "url_hosts", "hosts of the links, lower case", |f| {
        // The domain of a mail address is no host that a reader opens.
        let links = f.links.iter().filter(|link| link.kind != LinkKind::Mail);
        unique(links.map(|link| link.host.as_str()))
    });
    texts(to, "mail_links", "addresses of the `mailto` links", |f| {
        let links = f.links.iter().filter(|link| link.kind == LinkKind::Mail);
        unique(links.map(|link| link.address.as_str()))
    });
    texts(to, "attachment_sha256", "sha256 of the attachments, also of attached messages", |f| {
        unique(f.attachments.iter().map(|one| one.sha256.as_str()))
    });
    texts(to, "attachment_types", "declared types of the attachments, such as `application/pdf`", |f| {
        unique(f.attachments.iter().map(|one| one.media_type.as_str()))
    });
    texts(to, "attached_names", "every name that a mail client could show of the attachments", |f| {
        unique(f.attachments.iter().flat_map(|one| &one.names).map(String::as_str))
    });
}

fn text(to: &mut Registry, name: &'static str, about: &'static str, get: fn(&Features) -> &String) {
    to.getter(name, "text", about, move |_: &mut Current| examined(|features| Ok(shown(get(features)))));
}

fn texts(to: &mut Registry, name: &'static str, about: &'static str, get: fn(&Features) -> Array) {
    to.getter(name, "array of text", about, move |_: &mut Current| examined(|features| Ok(get(features))));
}

fn result(to: &mut Registry, name: &'static str, about: &'static str, get: fn(&Authentication) -> &String) {
    to.getter(name, "text", about, move |_: &mut Current| {
        examined(|features| {
            let untrusted = "no server is trusted to give results of authentication: see `authentication-servers`";
            let known = features.authentication.as_ref().ok_or_else(|| Box::<EvalAltResult>::from(untrusted))?;
            let result = get(known);
            Ok(if result.is_empty() { "none".into() } else { shown(result) })
        })
    });
}

/// Reads the features of the message that is being judged.
fn examined<T>(read: impl FnOnce(&Features) -> Found<T>) -> Found<T> {
    with(|message: &Message| match message.features.as_deref() {
        Some(features) => read(features),
        None => Err("the message was not examined".into()),
    })?
}

/// Returns each text once.
fn unique<'a>(texts: impl Iterator<Item = &'a str>) -> Array {
    let mut known = std::collections::BTreeSet::new();
    let new = texts.filter(|text| !text.is_empty() && known.insert(*text));
    new.take(LONGEST_LIST).map(|text| Dynamic::from(shown(text))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clawback_model::{Attachment, Hyperlink};

    use super::*;
    use crate::rehearsal::sample;
    use crate::table::function_table;
    use crate::{Context, FilterScript, Lists};

    fn message() -> Message {
        let link = |kind, host: &str, address: &str| Hyperlink {
            kind,
            host: host.into(),
            address: address.into(),
            path_hash: 0,
            shown_host: String::new(),
            is_rewritten: false,
        };
        let features = Features {
            envelope_from: "bounce@evil.example".into(),
            reply_to: vec!["gather@evil.example".into()],
            delivered_to: vec!["ann@corp.example".into()],
            sender_ip: Some("::ffff:198.51.100.9".parse().unwrap()),
            authentication: Some(Authentication { dmarc: "fail".into(), ..Authentication::default() }),
            dkim_domains: vec!["mail.example".into()],
            list_id: "news.evil.example".into(),
            links: vec![
                link(LinkKind::Web, "pay.evil.example", ""),
                link(LinkKind::Web, "pay.evil.example", ""),
                link(LinkKind::Mail, "free.example", "pay@free.example"),
            ],
            attachments: vec![Attachment {
                names: vec!["a.pdf".into(), "a.exe".into()],
                media_type: "application/pdf".into(),
                size: 3,
                sha256: "b5".repeat(32),
                depth: 0,
            }],
            ..Features::default()
        };
        Message { features: Some(Box::new(features)), ..sample() }
    }

    fn keeps(condition: &str, message: &Message) -> Result<bool, String> {
        let source = format!("fn keep(message) {{ {condition} }}");
        let script = FilterScript::compile("s.rhai", &source, &Lists::default()).map_err(|error| error.to_string())?;
        let context = Context { inputs: BTreeMap::new(), ..Context::default() };
        script.keep(message, &context).map(|verdict| verdict.keep).map_err(|fault| fault.text)
    }

    #[test]
    fn each_feature_is_read() {
        for condition in [
            "message.envelope_from == \"bounce@evil.example\"",
            "\"gather@evil.example\" in message.reply_to",
            "message.delivered_to == [\"ann@corp.example\"]",
            "cidr_contains(\"198.51.100.0/24\", message.sender_ip)",
            "message.dmarc == \"fail\" && message.spf == \"none\" && message.dkim == \"none\"",
            "message.dkim_domains[0] == \"mail.example\"",
            "message.list_id.contains(\"news\")",
            "message.url_hosts == [\"pay.evil.example\"] && message.mail_links == [\"pay@free.example\"]",
            "message.attachment_types.contains(\"application/pdf\") && message.attached_names.len() == 2",
            "message.attachment_sha256[0].starts_with(\"b5b5\")",
        ] {
            assert_eq!(keeps(condition, &message()), Ok(true), "{condition}");
        }
    }

    #[test]
    fn a_message_that_was_not_examined_is_a_fault() {
        let bare = Message { features: None, ..sample() };
        assert_eq!(keeps("message.list_id == \"\"", &bare).unwrap_err(), "the message was not examined");
        let mut untrusted = message();
        untrusted.features.as_mut().unwrap().authentication = None;
        assert!(keeps("message.dmarc == \"fail\"", &untrusted).unwrap_err().contains("authentication-servers"));
    }

    #[test]
    fn what_a_script_reads_and_its_types_are_known_when_it_is_compiled() {
        let compile = |source: &str| FilterScript::compile("s.rhai", source, &Lists::default());
        let script = compile(
            "fn bad(m) { \"x.example\" in m.url_hosts } fn keep(message) { bad(message) || message.dmarc != \"pass\" }",
        );
        assert_eq!(script.unwrap().features(), ["links", "header authentication-results"]);
        assert_eq!(compile("fn keep(message) { message.subject_has(\"links\") }").unwrap().features(), [""; 0]);
        for wrong in ["message.url_host == \"x\"", "message.list_id == 3", "message.dmarc > 1"] {
            assert!(keeps(wrong, &message()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_getter_of_a_feature_is_in_the_list() {
        let mut registry = Registry { engine: rhai::Engine::new(), entries: Vec::new() };
        register(&mut registry);
        let mut known: Vec<&str> = registry.entries.iter().map(|entry| entry.name).collect();
        assert!(known.iter().all(|name| function_table().iter().any(|entry| entry.name == *name)));
        known.sort_unstable();
        let mut listed = GETTERS.map(|(name, _)| name);
        listed.sort_unstable();
        assert_eq!(known, listed);
    }
}
