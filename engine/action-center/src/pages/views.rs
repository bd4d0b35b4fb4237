//! Views of what a search found: all of its messages counted by sender, mailbox, campaign, host of a link, or name of an
//! attachment.

use std::cmp::Reverse;
use std::collections::HashMap;

use clawback_model::Timestamp;
use clawback_runtime::Tally;
use maud::{Markup, html};

use super::fields::Fields;
use super::over_time::address;
use super::paging::{Rows, pager};
use super::{narrowed, query};
use crate::design::empty::empty;
use crate::design::icon::Icon;
use crate::design::table::{Column, Row, Table};
use crate::design::tabs::{Tab, tabs};
use crate::design::words::{counted, number};
use crate::design::{text, toast};

/// The word of the address that names the view.
pub(super) const SHOW: &str = "show";

const SENDERS: [Column; 4] =
    [Column::lead("Sender"), Column::count("Messages"), Column::count("Mailboxes"), Column::time("Latest")];
const RECIPIENTS: [Column; 4] =
    [Column::lead("Mailbox"), Column::count("Messages"), Column::count("Senders"), Column::time("Latest")];
const CAMPAIGNS: [Column; 5] = [
    Column::lead("Subject"),
    Column::party("Sender"),
    Column::count("Messages"),
    Column::count("Mailboxes"),
    Column::time("Latest"),
];
const LINKS: [Column; 4] =
    [Column::lead("Host of a link"), Column::count("Messages"), Column::count("Mailboxes"), Column::time("Latest")];
const ATTACHMENTS: [Column; 4] =
    [Column::lead("Attachment"), Column::count("Messages"), Column::count("Mailboxes"), Column::time("Latest")];

/// What the messages are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Senders,
    Recipients,
    Campaigns,
    Links,
    Attachments,
}

/// Messages that are counted together.
#[derive(Debug)]
struct Group {
    /// The numbers of its texts: the first names it, and the second is the subject of a campaign.
    key: (u32, u32),
    messages: u64,
    /// Mailboxes; of a mailbox, senders.
    others: u64,
    latest: Timestamp,
}

impl View {
    const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Senders, "senders", "Senders"),
        (Self::Recipients, "recipients", "Recipients"),
        (Self::Campaigns, "campaigns", "Campaigns"),
        (Self::Links, "links", "Links"),
        (Self::Attachments, "attachments", "Attachments"),
    ];

    /// The view that the address asks for; `None`: the messages.
    pub(super) fn of(query: &Fields) -> Option<Self> {
        let word = query.get(SHOW);
        Self::ALL.iter().find(|(_, known, _)| *known == word).map(|(view, ..)| *view)
    }

    pub(super) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(view, ..)| *view == self).map_or("", |(_, word, _)| *word)
    }

    const fn columns(self) -> &'static [Column] {
        match self {
            Self::Senders => &SENDERS,
            Self::Recipients => &RECIPIENTS,
            Self::Campaigns => &CAMPAIGNS,
            Self::Links => &LINKS,
            Self::Attachments => &ATTACHMENTS,
        }
    }

    /// Each message with what it is counted by, and what is counted beside it.
    fn entries(self, tally: &Tally) -> Vec<((u32, u32), u32, Timestamp)> {
        let of_content = |pairs: &[(u32, u32)]| {
            let entry = |(row, text): &(u32, u32)| {
                tally.rows.get(*row as usize).map(|row| ((*text, 0), row.mailbox, row.received_at))
            };
            pairs.iter().filter_map(entry).collect()
        };
        let rows = tally.rows.iter();
        match self {
            Self::Senders => rows.map(|row| ((row.sender, 0), row.mailbox, row.received_at)).collect(),
            Self::Recipients => rows.map(|row| ((row.mailbox, 0), row.sender, row.received_at)).collect(),
            Self::Campaigns => rows.map(|row| ((row.sender, row.subject), row.mailbox, row.received_at)).collect(),
            Self::Links => of_content(&tally.content.hosts),
            Self::Attachments => of_content(&tally.content.attachments),
        }
    }

    fn groups(self, tally: &Tally) -> Vec<Group> {
        let entries = self.entries(tally);
        let mut groups: HashMap<(u32, u32), Group> = HashMap::new();
        for (key, _, at) in &entries {
            let group = groups.entry(*key).or_insert(Group { key: *key, messages: 0, others: 0, latest: *at });
            group.messages += 1;
            group.latest = group.latest.max(*at);
        }
        let mut pairs: Vec<_> = entries.into_iter().map(|(key, other, _)| (key, other)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        for (key, _) in pairs {
            if let Some(group) = groups.get_mut(&key) {
                group.others += 1;
            }
        }
        let mut all: Vec<Group> = groups.into_values().collect();
        all.sort_by_key(|group| (Reverse(group.messages), Reverse(group.others), group.key));
        all
    }

    fn name<'a>(self, tally: &'a Tally, group: &Group) -> &'a str {
        match self {
            Self::Senders | Self::Recipients => tally.texts.get(group.key.0),
            Self::Campaigns => tally.texts.get(group.key.1),
            Self::Links | Self::Attachments => tally.content.texts.get(group.key.0),
        }
    }

    fn conditions(self, query: &Fields, tally: &Tally, group: &Group) -> Option<Vec<(&'static str, String)>> {
        let name = self.name(tally, group);
        match self {
            Self::Senders => narrowed::to_sender(query, name),
            Self::Recipients => Some(narrowed::to_mailbox(name)),
            Self::Campaigns => narrowed::to_campaign(query, tally.texts.get(group.key.0), name),
            Self::Links => narrowed::to_host(query, name),
            Self::Attachments => narrowed::to_attachment(query, name),
        }
    }

    /// What is not known of the content, and the search that reads it.
    fn unread(self, query: &Fields, tally: &Tally) -> Markup {
        let (what, any, condition) = match self {
            Self::Links => ("links", "url_host_matches", "a condition on links or texts"),
            Self::Attachments => {
                ("attachments", "attachment_name_matches", "a condition on attachments, links or texts")
            }
            Self::Senders | Self::Recipients | Self::Campaigns => return html! {},
        };
        let (examined, all) = (tally.content.examined, tally.rows.len() as u64);
        if examined >= all || tally.content.is_cut {
            return html! { @if tally.content.is_cut { (toast::warning("There are more than are counted. Narrow the search.")) } };
        }
        let addition = query::with_saved(query, narrowed::with(query, &[(any, narrowed::ANY)]));
        html! { p .note {
            "The content of " (number(examined)) " of " (counted(all, "message")) " was examined. A search examines messages if it has "
            (condition) "."
            @if query.filled(any).is_none() { " " a href={ "/search?" (addition) "&" (SHOW) "=" (self.word()) } { "Search for those with " (what) } }
        } }
    }
}

/// The views as tabs.
pub(super) fn choice(query: &Fields, messages: u64) -> Markup {
    let conditions = query::kept(query);
    let open = View::of(query);
    let mut all = vec![Tab {
        name: "Messages",
        address: format!("/search?{conditions}"),
        count: Some(messages),
        is_open: open.is_none(),
    }];
    all.extend(View::ALL.iter().map(|(view, word, name)| Tab {
        name,
        address: format!("/search?{conditions}&{SHOW}={word}"),
        count: None,
        is_open: open == Some(*view),
    }));
    tabs("Views", &all)
}

/// A page of the view.
pub(super) fn table(view: View, query: &Fields, tally: &Tally) -> Markup {
    let groups = view.groups(tally);
    let all = groups.len() as u64;
    let shown = Rows::of(query, groups.len());
    let row = |group: &Group| {
        let name = view.name(tally, group);
        let shown = if view == View::Campaigns {
            text::subject(name)
        } else if name.is_empty() {
            html! { span .quiet { "(no address)" } }
        } else {
            text::cell(name)
        };
        let link = view.conditions(query, tally, group).map(|conditions| address(query, &conditions));
        let lead = html! { @if let Some(link) = link { a href=(link) { (shown) } } @else { (shown) } };
        let mut cells = vec![lead];
        if view == View::Campaigns {
            cells.push(text::cell(tally.texts.get(group.key.0)));
        }
        cells.extend([text::count(group.messages), text::count(group.others), text::time(group.latest)]);
        Row::of(cells)
    };
    let rows: Vec<Row> = groups.iter().take(shown.end()).skip(shown.first()).map(row).collect();
    let conditions = query::conditions(query);
    let name = View::ALL.iter().find(|(one, ..)| *one == view).map_or("", |(.., name)| name);
    html! {
        (view.unread(query, tally))
        @if groups.is_empty() {
            (empty(Icon::Search, "None is known", "Only messages that were examined are counted here. A condition on links or attachments examines them."))
        } @else {
            p .quiet { (number(all)) " in all, counted over all results. "
                a href={ "/search.csv?" (conditions) "&" (SHOW) "=" (view.word()) } { "This view as CSV" } }
            (Table::new(name, view.columns(), rows))
            (pager(&format!("/search?{}&{SHOW}={}", query::kept(query), view.word()), shown, all, ""))
        }
    }
}

/// The view as rows of a file, its head first.
pub(super) fn records(view: View, tally: &Tally) -> (Vec<String>, Vec<Vec<String>>) {
    let head = match view {
        View::Senders => ["sender", "messages", "mailboxes", "latest"].as_slice(),
        View::Recipients => &["mailbox", "messages", "senders", "latest"],
        View::Campaigns => &["subject", "sender", "messages", "mailboxes", "latest"],
        View::Links => &["host", "messages", "mailboxes", "latest"],
        View::Attachments => &["attachment", "messages", "mailboxes", "latest"],
    };
    let record = |group: Group| {
        let mut record = vec![view.name(tally, &group).to_owned()];
        if view == View::Campaigns {
            record.push(tally.texts.get(group.key.0).to_owned());
        }
        record.extend([group.messages.to_string(), group.others.to_string(), group.latest.to_string()]);
        record
    };
    (head.iter().map(|name| (*name).to_owned()).collect(), view.groups(tally).into_iter().map(record).collect())
}
