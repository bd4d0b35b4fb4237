//! Messages for chats. Chats interpret markup in texts, and names are chosen by users: every text that was not written
//! here goes into a field without markup, or is escaped.

use std::path::Path;

use serde_json::{Value, json};

use super::delivery::{Undelivered, client, delivered};
use super::notice::Notice;
use crate::http::{endpoint, secret};

/// The format of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Blocks.
    Slack,
    /// An Adaptive Card.
    Teams,
}

/// Where to post.
pub(super) struct Chat {
    shape: Shape,
    url: reqwest::Url,
    client: reqwest::Client,
}

impl Chat {
    pub(super) fn open(shape: Shape, url_file: &Path) -> Result<Self, String> {
        let url = endpoint(&secret(url_file)?).map_err(|error| format!("{}: {error}", url_file.display()))?;
        Ok(Self { shape, url, client: client()? })
    }

    pub(super) async fn post(&self, notice: &Notice) -> Result<(), Undelivered> {
        let body = match self.shape {
            Shape::Slack => slack(notice),
            Shape::Teams => teams(notice),
        };
        let request = self.client.post(self.url.clone()).header("content-type", "application/json");
        delivered(&request.body(body.to_string()).send().await?)
    }
}

/// `plain_text` has no markup; `text`, which a notification shows, has.
fn slack(notice: &Notice) -> Value {
    let plain = |text: &str| json!({ "type": "plain_text", "text": text, "emoji": false });
    let lines: Vec<_> = notice.facts.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let mut blocks = vec![
        json!({ "type": "header", "text": plain(&notice.title) }),
        json!({ "type": "section", "text": plain(&lines.join("\n")) }),
        json!({ "type": "section", "text": plain(&notice.hint) }),
    ];
    if let Some(link) = &notice.link {
        // The only text with markup: a public address contains none.
        let link = format!("<{link}|Open {}>", notice.remediation_id);
        blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": link } }));
    }
    json!({ "text": slack_escaped(&notice.title), "blocks": blocks })
}

/// Escapes the three characters that Slack asks to be escaped: without them there is no link and no mention.
fn slack_escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Text runs have no Markdown, while text blocks and facts have.
fn teams(notice: &Notice) -> Value {
    let line = |runs: Value| json!({ "type": "RichTextBlock", "inlines": runs });
    let mut body =
        vec![line(json!([{ "type": "TextRun", "text": notice.title, "weight": "Bolder", "size": "Medium" }]))];
    body.extend(notice.facts.iter().map(|(name, value)| {
        line(json!([
            { "type": "TextRun", "text": format!("{name}: "), "weight": "Bolder" },
            { "type": "TextRun", "text": value }
        ]))
    }));
    body.push(line(json!([{ "type": "TextRun", "text": notice.hint }])));
    let actions: Vec<_> = notice
        .link
        .iter()
        .map(
            |link| json!({ "type": "Action.OpenUrl", "title": format!("Open {}", notice.remediation_id), "url": link }),
        )
        .collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": body,
                "actions": actions,
            }
        }]
    })
}

#[cfg(test)]
mod tests {
    use clawback_model::Timestamp;

    use super::super::notice::Kind;
    use super::*;

    fn notice() -> Notice {
        Notice {
            kind: Kind::Changed,
            id: "R-1.pending-approval.7".into(),
            remediation_id: "R-1".into(),
            title: "Approval needed: <!channel> *x* [here](https://evil.example)".into(),
            facts: vec![("Name", "<https://evil.example|x> _y_".into()), ("Messages", "3 in 2 mailboxes".into())],
            hint: "Look.".into(),
            link: Some("https://clawback.example/remediations/R-1".into()),
            at: Timestamp(0),
        }
    }

    /// Every text of a kind, at any depth.
    fn texts<'a>(value: &'a Value, kind: &str, found: &mut Vec<&'a str>) {
        if value["type"] == kind {
            found.extend(value["text"].as_str());
        }
        let inner = value.as_object().into_iter().flat_map(|map| map.values());
        for value in inner.chain(value.as_array().into_iter().flatten()) {
            texts(value, kind, found);
        }
    }

    #[test]
    fn slack_mentions_nobody() {
        let message = slack(&notice());
        assert_eq!(message["text"], "Approval needed: &lt;!channel&gt; *x* [here](https://evil.example)");
        let (mut marked, mut plain) = (Vec::new(), Vec::new());
        texts(&message, "mrkdwn", &mut marked);
        texts(&message, "plain_text", &mut plain);
        assert_eq!(marked, ["<https://clawback.example/remediations/R-1|Open R-1>"]);
        assert!(plain.iter().any(|text| text.contains("<https://evil.example|x>")), "{plain:?}");
    }

    #[test]
    fn teams_reads_no_markdown() {
        let card = &teams(&notice())["attachments"][0]["content"];
        for block in card["body"].as_array().unwrap() {
            assert_eq!(block["type"], "RichTextBlock");
        }
        let actions = card["actions"].as_array().unwrap();
        assert_eq!(actions.len(), 1);
        assert_eq!((&actions[0]["type"], &actions[0]["url"]), (&"Action.OpenUrl".into(), &json!(notice().link)));
    }
}
