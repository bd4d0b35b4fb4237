//! The first tab of an investigation: what it is, what it found, and the graph from its root to its actions.

use clawback_model::{ClusterBy, ClusterCount, Remediation, Root, Status};
use clawback_store::SharedBy;
use maud::{Markup, html};

use super::super::findings;
use super::super::inputs;
use super::super::layout;
use super::found::Found;
use super::graph::{Graph, Node, Place};
use super::handled;
use crate::center::Center;
use crate::design::pill::{self, Tone};
use crate::design::words::{counted, spoken, status, verb};
use crate::design::{facts, text, toast};
use crate::problem::Problem;

/// Senders of a graph without a root.
const SENDERS: u32 = 10;

/// The tab.
pub(super) async fn tab(center: &Center, found: &Found) -> Result<Markup, Problem> {
    let (remediation, investigation, alert) = (&found.remediation, &found.investigation, &found.alert);
    let request = &remediation.request;
    let approver = remediation.decided_by.as_deref().unwrap_or_default();
    let gaps = found.facts().map(clawback_model::PlanFacts::not_looked_at).unwrap_or_default();
    let done = if remediation.counts.acted() > 0 { "Action taken" } else { "Action asked for" };
    let graph = graph(center, found).await?;
    Ok(html! {
        @if !gaps.is_empty() { (toast::warning(html! {
            "Not everything was searched. What was not searched does not count as clean. "
            a href=(found.tab("mailboxes")) { "Mailboxes" }
        })) }
        h2 { "Graph" }
        (graph.drawing())
        details { summary { "The graph as a table" } (graph.table()) }
        h2 { "Facts" }
        (facts::list(&[
            ("Looked into", html! { @match &found.root {
                Some(root) => (text::mail(&root.in_words())),
                None => (text::selection(&investigation.entity)),
            } }),
            ("Verdict", html! { @if let Some(verdict) = found.facts().and_then(|facts| facts.verdict) { (spoken(verdict.as_str())) } }),
            ("Messages", html! { @if remediation.plan.is_some() { (text::count(remediation.counts.submitted)) } }),
            (done, html! { (verb(request.action)) }),
            ("Remediation", html! { (layout::link(remediation)) " " (pill::status(remediation.status)) }),
            ("Approval ID", html! { code { (request.approval_id) } }),
            ("Decided by", text::mail(approver)),
            ("Type", html! { (spoken(investigation.kind.as_str())) }),
            ("Requested by", text::mail(&request.requester_in_words())),
            ("Playbook", html! { a href={ "/playbooks/" (crate::access::encoded(&request.playbook)) } { (text::mail(&request.playbook)) } }),
            ("Inputs", inputs::in_words(&request.inputs)),
            ("Alert", html! { (text::mail(&alert.name)) " " code { (alert.id) } " " (pill::severity(alert.severity)) }),
            ("Incident", handled::incident(found)),
            ("Investigation ID", html! { code { (investigation.id) } }),
            ("Opened", text::moment(investigation.created_at)),
            ("Last update", text::moment(remediation.updated_at)),
        ]))
    })
}

/// What an entity of a root is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entity {
    Text,
    Subject,
    Sender,
    SenderDomain,
    SenderIp,
    ReplyTo,
    Dkim,
    Host,
    File,
    Html,
}

impl Entity {
    const fn name(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Subject => "Subject",
            Self::Sender => "Sender",
            Self::SenderDomain => "Sender domain",
            Self::SenderIp => "Sending address",
            Self::ReplyTo => "Reply-To",
            Self::Dkim => "Signing domain",
            Self::Host => "Link to host",
            Self::File => "Attachment (sha256)",
            Self::Html => "HTML",
        }
    }

    /// Whether the clusters of a kind are made of it.
    const fn is_in(self, by: ClusterBy) -> bool {
        use ClusterBy::{
            Body, BodySenderDomain, BodySenderIp, BodyUrlHost, DkimSubject, File, HtmlStructure, ReplyTo,
            SubjectSenderDomain, SubjectSenderIp, Url,
        };
        match self {
            Self::Text => matches!(by, Body | BodySenderDomain | BodySenderIp | BodyUrlHost | HtmlStructure),
            Self::Subject => matches!(by, SubjectSenderDomain | SubjectSenderIp | DkimSubject),
            Self::Sender => false,
            Self::SenderDomain => matches!(by, BodySenderDomain | SubjectSenderDomain),
            Self::SenderIp => matches!(by, BodySenderIp | SubjectSenderIp),
            Self::ReplyTo => matches!(by, ReplyTo),
            Self::Dkim => matches!(by, DkimSubject),
            Self::Host => matches!(by, Url | BodyUrlHost),
            Self::File => matches!(by, File),
            Self::Html => matches!(by, HtmlStructure),
        }
    }
}

/// The entities of a root, those that few messages share first.
fn entities(root: &Root) -> Vec<(Entity, String)> {
    let (sender, parts) = (root.identity(), root.entities());
    let mut all = vec![
        (Entity::Sender, sender.address.clone()),
        (Entity::SenderDomain, sender.domain.clone()),
        (Entity::Subject, root.subject().to_owned()),
    ];
    if root.sketch().pairs() > 0 {
        all.push((Entity::Text, format!("{} pairs of words", root.sketch().pairs())));
    }
    all.extend(parts.sender_ip.map(|ip| (Entity::SenderIp, ip.to_string())));
    all.extend(sender.reply_to.iter().map(|one| (Entity::ReplyTo, one.clone())));
    let mut hosts: Vec<&String> = parts.links.iter().map(|(host, _)| host).collect();
    hosts.dedup();
    all.extend(hosts.into_iter().map(|host| (Entity::Host, host.clone())));
    all.extend(parts.files.iter().map(|file| (Entity::File, file.clone())));
    all.extend(sender.dkim.iter().map(|one| (Entity::Dkim, one.clone())));
    if parts.html_hash != 0 {
        all.push((Entity::Html, "Structure of the HTML".to_owned()));
    }
    all.retain(|(_, value)| !value.trim().is_empty());
    all
}

async fn graph(center: &Center, found: &Found) -> Result<Graph, Problem> {
    let mut graph = Graph::default();
    let column = graph.column("Root");
    let value = found.root.as_ref().map_or_else(|| found.investigation.entity.clone(), root_in_words);
    let kind = if found.root.is_some() { "Message" } else { "Selection" };
    let root = graph.add(column, plain(kind, value, String::new(), found.tab("entities")));
    let entities = match &found.root {
        Some(message) => of_root(&mut graph, root, found, &entities(message)),
        None if found.remediation.counts.submitted > 0 => senders(center, &mut graph, root, found).await?,
        None => Vec::new(),
    };
    let before: Vec<Option<Place>> = match found.facts().map(|facts| &facts.clusters) {
        Some(clusters) if !clusters.is_empty() => of_clusters(&mut graph, found, clusters, &entities),
        _ if entities.is_empty() => vec![root],
        _ => entities.iter().map(|(_, place)| *place).collect(),
    };
    of_actions(&mut graph, found, &before);
    Ok(graph)
}

fn root_in_words(root: &Root) -> String {
    if root.subject().trim().is_empty() { root.in_words() } else { root.subject().to_owned() }
}

fn plain(kind: &str, value: String, remark: String, address: String) -> Node {
    Node { kind: kind.to_owned(), value, remark, tone: Tone::Quiet, address }
}

type Entities = Vec<(Option<Entity>, Option<Place>)>;

fn of_root(graph: &mut Graph, root: Option<Place>, found: &Found, all: &[(Entity, String)]) -> Entities {
    let column = graph.column("Entities");
    let mut placed = Entities::new();
    for (entity, value) in all {
        let place = graph.add(column, plain(entity.name(), value.clone(), String::new(), found.tab("entities")));
        graph.join(root, place);
        placed.push((Some(*entity), place));
    }
    placed
}

/// Without a root, the senders with the most messages.
async fn senders(center: &Center, graph: &mut Graph, root: Option<Place>, found: &Found) -> Result<Entities, Problem> {
    let shares = center.site().history.shares(&found.remediation.id, SharedBy::Sender, SENDERS).await?;
    if shares.largest.is_empty() {
        return Ok(Entities::new());
    }
    let column = graph.column("Entities");
    let mut placed = Entities::new();
    for share in &shares.largest {
        let remark = counted(share.messages, "message");
        let place = graph.add(column, plain("Sender", share.value.clone(), remark, found.tab("entities")));
        graph.join(root, place);
        placed.push((None, place));
    }
    graph.more(column, shares.all.saturating_sub(shares.largest.len() as u64));
    Ok(placed)
}

fn of_clusters(graph: &mut Graph, found: &Found, clusters: &[ClusterCount], entities: &Entities) -> Vec<Option<Place>> {
    let column = graph.column("Clusters");
    let mut largest: Vec<&ClusterCount> = clusters.iter().collect();
    largest.sort_by_key(|cluster| std::cmp::Reverse(cluster.messages));
    let mut placed = Vec::new();
    for cluster in largest {
        let remark = counted(cluster.messages, "message");
        let node = plain("Cluster", findings::name_of(cluster.by).to_owned(), remark, found.tab("clusters"));
        let place = graph.add(column, node);
        for (entity, from) in entities {
            if entity.is_some_and(|entity| entity.is_in(cluster.by)) {
                graph.join(*from, place);
            }
        }
        if cluster.messages > 0 {
            placed.push(place);
        }
    }
    placed
}

fn of_actions(graph: &mut Graph, found: &Found, before: &[Option<Place>]) {
    let column = graph.column("Actions");
    let first = graph.add(column, action("", &found.remediation, found));
    for place in before {
        graph.join(*place, first);
    }
    let mut above = first;
    for (name, follower) in &found.followers {
        let place = graph.add(column, action(name, follower, found));
        graph.join(above, place);
        above = place;
    }
}

fn action(name: &str, remediation: &Remediation, found: &Found) -> Node {
    let (tone, _) = pill::look(remediation.status);
    let value = match (name, remediation.status) {
        ("", _) => verb(remediation.request.action),
        ("Undo", _) => "Undo".to_owned(),
        (name, _) => format!("{name}: {}", verb(remediation.request.action)),
    };
    let counted = match remediation.status {
        Status::Queued | Status::Planning => String::new(),
        _ => format!(", {}", counted(remediation.counts.submitted, "message")),
    };
    Node {
        kind: status(remediation.status),
        value,
        remark: counted.trim_start_matches(", ").to_owned(),
        tone,
        address: found.tab("actions"),
    }
}
