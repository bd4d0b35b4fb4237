//! What pages that list remediations, investigations and alerts have in common: the time filter, the filters that are
//! set, and the way to older rows.

use std::time::Duration;

use clawback_model::{Timestamp, visible_line};
use clawback_store::{Cursor, StoreError};
use maud::{Markup, html};

use super::fields::Fields;
use crate::body::optional;
use crate::center::Center;
use crate::design::words::spoken;
use crate::problem::Problem;

/// Rows of a page of which some are left out after they are read.
const PAGE: usize = 50;
/// How often rows are read for one page.
const READS: u32 = 20;
/// Longest time range, in days.
const MOST_DAYS: u64 = 36_500;
/// The reference product's time filters, in days.
const TIMES: [(&str, &str); 4] =
    [("1", "Last day"), ("7", "Last week"), ("30", "Last 30 days"), ("182", "Last 6 months")];
/// The filters whose values are words of the model.
const WORDS: [&str; 4] = ["status", "severity", "action_source", "action_type"];

/// The begin of the last days that the address asks for.
pub(super) fn since(center: &Center, query: &Fields) -> Result<Option<Timestamp>, Problem> {
    match optional::<u64>("days", query.filled("days"))? {
        Some(days) if days > MOST_DAYS => Err(Problem::bad_request(format!("days: at most {MOST_DAYS}"))),
        Some(days) => Ok(Some(center.now().minus(Duration::from_hours(days * 24)))),
        None => Ok(None),
    }
}

/// The choice of the last days.
pub(super) fn times(label: &str, query: &Fields) -> Markup {
    html! {
        label { (label)
            select name="days" {
                option value="" { "Any time" }
                @for (days, name) in TIMES { option value=(days) selected[query.get("days") == days] { (name) } }
            }
        }
    }
}

/// The filters of the page at `address` that are set: what each says, and the address without it.
pub(super) fn set_filters(address: &str, filters: &[(&str, &str)], query: &Fields) -> Vec<(String, String)> {
    let of = |(name, label): &(&str, &str)| {
        let value = query.filled(name)?;
        let shown = match *name {
            name if WORDS.contains(&name) => spoken(value),
            "days" => TIMES.iter().find(|(days, _)| *days == value).map_or(value, |(_, name)| name).to_owned(),
            _ => value.to_owned(),
        };
        let says = format!("{label}: {}", visible_line(&shown, 100));
        Some((says, format!("{address}?{}", query.query_without(&[name, "after"]))))
    };
    filters.iter().filter_map(of).collect()
}

/// The ways to the newest rows and to older ones.
pub(super) fn pager(address: &str, query: &Fields, next: Option<Cursor>) -> Markup {
    let view = query.query_without(&["after"]);
    html! {
        div .pager {
            @if query.filled("after").is_some() { a .button.plain href={ (address) "?" (view) } { "Newest" } }
            @if let Some(next) = next { a .button.plain href={ (address) "?" (view) "&after=" (next) } { "Older" } }
        }
    }
}

/// Reads until a page is full, where `read` leaves rows out. Returns the rows, and where the next ones begin.
pub(super) async fn full_page<T, R>(
    mut after: Option<Cursor>,
    read: impl Fn(Option<Cursor>) -> R,
) -> Result<(Vec<T>, Option<Cursor>), StoreError>
where
    R: Future<Output = Result<(Vec<T>, Option<Cursor>), StoreError>>,
{
    let mut all = Vec::new();
    for _ in 0..READS {
        let (rows, next) = read(after).await?;
        all.extend(rows);
        after = next;
        if after.is_none() || all.len() >= PAGE {
            break;
        }
    }
    Ok((all, after))
}
