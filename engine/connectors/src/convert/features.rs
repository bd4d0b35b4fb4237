//! Features between the model and the contract.

use clawback_model::{
    AskedTexts, Attachment, Authentication, FeatureRequest, Features, Hyperlink, LinkKind, Sketch, visible_line,
};

use crate::imports::bindings::examining::exports::clawback::mail_store::examiner as wit;
use crate::mail_store::Examined;

/// The key of a header field that is asked for, and of its value, followed by its name.
const HEADER: &str = "header";
/// The key of a domain whose signature a trusted server verified.
const VERIFIED: &str = "dkim-verified";

pub(crate) fn request_to_wit(request: &FeatureRequest) -> wit::Request {
    wit::Request {
        key: request.key,
        most: request.most,
        authentication_servers: request.authentication_servers.clone(),
        own_relays: request.own_relays.clone(),
        body_contains: request.asked.body_contains.clone(),
        urls: request.asked.urls.clone(),
        extra: request.headers.iter().map(|name| (HEADER.to_owned(), name.clone())).collect(),
    }
}

/// Converts the answer about one message. Error texts have at most `most` characters.
pub(crate) fn examined(examined: wit::Examined, request: &FeatureRequest, most: usize) -> Examined {
    match examined {
        wit::Examined::Features(found) => Examined::Features(Box::new(features(found, request))),
        wit::Examined::NotFound => Examined::NotFound,
        wit::Examined::Failed(why) => Examined::Failed(visible_line(&why, most)),
    }
}

pub(crate) fn features(features: wit::Features, request: &FeatureRequest) -> Features {
    let (dkim_verified, headers) = extra(features.extra, request);
    Features {
        message_id: features.message_id,
        subject: features.subject,
        from_address: features.from_address,
        from_name: features.from_name,
        also_from: features.also_from,
        envelope_from: features.envelope_from,
        reply_to: features.reply_to,
        delivered_to: features.delivered_to,
        sender_ip: features.sender_ip.and_then(|ip| ip.parse().ok()),
        authentication: features.authentication.map(|result| Authentication {
            spf: result.spf,
            dkim: result.dkim,
            dmarc: result.dmarc,
        }),
        dkim_domains: features.dkim_domains,
        dkim_verified,
        headers,
        list_id: features.list_id,
        links: features.links.into_iter().map(link).collect(),
        attachments: features.attachments.into_iter().map(attachment).collect(),
        html_hash: features.html_hash,
        calendar_uids: features.calendar_uids,
        key_id: request.key_id(),
        sketch: Sketch::new(features.sketch.hashes, features.sketch.pairs),
        found: AskedTexts {
            body_contains: those(&request.asked.body_contains, &features.body_contains),
            urls: those(&request.asked.urls, &features.urls),
        },
        cut: features.cut,
    }
}

/// Returns the verified domains, and the values of the header fields that were asked for.
fn extra(extra: Vec<(String, String)>, request: &FeatureRequest) -> (Vec<String>, Vec<(String, String)>) {
    let (mut verified, mut headers) = (Vec::new(), Vec::new());
    for (key, value) in extra {
        if key == VERIFIED {
            verified.push(value);
        } else if let Some((HEADER, name)) = key.split_once(' ')
            && request.headers.iter().any(|asked| asked == name)
        {
            headers.push((name.to_owned(), value));
        }
    }
    (verified, headers)
}

/// Returns the texts that were found.
fn those(asked: &[String], found: &[bool]) -> Vec<String> {
    asked.iter().zip(found).filter(|(_, found)| **found).map(|(text, _)| text.clone()).collect()
}

fn link(link: wit::Link) -> Hyperlink {
    let kind = match link.kind {
        wit::LinkKind::Web => LinkKind::Web,
        wit::LinkKind::Mail => LinkKind::Mail,
        wit::LinkKind::Phone => LinkKind::Phone,
        wit::LinkKind::Other => LinkKind::Other,
    };
    Hyperlink {
        kind,
        host: link.host,
        address: link.address,
        path_hash: link.path_hash,
        shown_host: link.shown_host,
        is_rewritten: link.is_rewritten,
    }
}

fn attachment(attachment: wit::Attachment) -> Attachment {
    Attachment {
        names: attachment.names,
        media_type: attachment.media_type,
        size: attachment.size,
        sha256: attachment.sha256,
        depth: attachment.depth,
    }
}
