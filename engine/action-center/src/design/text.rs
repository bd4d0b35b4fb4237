//! Text of mail, selections, times, places and numbers as parts of a page.

use clawback_model::{Location, LocationKind, Timestamp, visible, visible_line};
use maud::{Markup, html};

use super::words::{number, spoken};

/// Longest text of mail in a table; the export has the whole of it.
const LONGEST: usize = 200;
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A selection in words, in full, with hidden characters made visible. Its times are shown as all times are, but for
/// those in quotes, which are text as it was typed.
pub(crate) fn selection(words: &str) -> Markup {
    let (words, mut is_quoted) = (visible(words), false);
    let piece = |word| {
        let was_quoted = is_quoted;
        is_quoted ^= str::matches(word, '"').count() % 2 == 1;
        let exact = str::trim_end_matches(word, [' ', ';', ',', '.']);
        let is_time = !was_quoted && exact.ends_with('Z') && Timestamp::parse(exact).is_some();
        if is_time { (time_of(exact), &word[exact.len()..]) } else { (Markup::default(), word) }
    };
    html! { bdi .selection { @for (time, text) in words.split_inclusive(' ').map(piece) { (time) (text) } } }
}

/// Text that may come from mail: on one line, cut, with hidden characters made visible.
pub(crate) fn mail(text: &str) -> Markup {
    let shown = visible_line(text, LONGEST);
    // Isolated, so that letters of another direction do not reorder the text around them.
    html! { bdi .mail { (shown) } }
}

/// The same in a cell, which may cut it: the whole is shown by a mouse that rests on it.
pub(crate) fn cell(text: &str) -> Markup {
    let shown = visible_line(text, LONGEST);
    html! { bdi .mail title=(shown) { (shown) } }
}

/// A subject; an empty one is said to be empty.
pub(crate) fn subject(text: &str) -> Markup {
    html! { @if text.trim().is_empty() { span .quiet { "(no subject)" } } @else { (cell(text)) } }
}

/// Text of several lines that a person wrote, with its line breaks.
pub(crate) fn lines(text: &str) -> Markup {
    html! { @for (place, line) in text.lines().enumerate() { @if place > 0 { br; } (mail(line)) } }
}

/// The same in full.
pub(crate) fn whole(text: &str) -> Markup {
    html! { @for (place, line) in text.lines().enumerate() { @if place > 0 { br; } bdi .selection { (visible(line)) } } }
}

/// A time to the minute, in UTC, as the side of each page says; the script shows it in the reader's zone, with UTC on hover.
pub(crate) fn time(at: Timestamp) -> Markup {
    time_of(&at.to_string())
}

/// The same of a time in RFC 3339.
pub(crate) fn time_of(exact: &str) -> Markup {
    html! { time datetime=(exact) title=(utc(exact)) { (short(exact)) } }
}

/// The same in less room: without the year in the year of `now`, and without the clock in another year.
pub(crate) fn brief(at: Timestamp, now: Timestamp) -> Markup {
    let (exact, today) = (at.to_string(), now.to_string());
    let (whole, year) = (short(&exact), exact.get(..4).unwrap_or_default());
    let shown = match whole.split_once(&format!(" {year}, ")) {
        Some((day, clock)) if today.starts_with(year) => format!("{day}, {clock}"),
        Some((day, _)) => format!("{day} {year}"),
        None => whole,
    };
    html! { time datetime=(exact) data-brief title=(utc(&exact)) { (shown) } }
}

/// The same to the second.
pub(crate) fn moment(at: Timestamp) -> Markup {
    let exact = at.to_string();
    html! { time datetime=(exact) data-seconds title=(utc(&exact)) { (utc(&exact)) } }
}

/// `2026-11-28T19:37:22Z` as `2026-11-28 19:37:22 UTC`.
fn utc(exact: &str) -> String {
    exact.replace('T', " ").replace('Z', " UTC")
}

/// `2026-11-28T19:37:22Z` as `28 Nov 2026, 19:37`.
pub(crate) fn short(exact: &str) -> String {
    let part = |from: usize, to: usize| exact.get(from..to).unwrap_or_default();
    let month = part(5, 7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    match month {
        Some(month) => {
            format!("{} {month} {}, {}", part(8, 10).trim_start_matches('0'), part(0, 4), part(11, 16))
        }
        None => utc(exact),
    }
}

/// A place in a mailbox by its name, or by its path if it is a folder of the owner; the exact place on hover.
pub(crate) fn place(location: &Location) -> Markup {
    let exact = visible_line(&location.to_string(), LONGEST);
    html! { bdi .mail title=(exact) {
        @if location.kind == LocationKind::Folder && !location.path.is_empty() { (visible_line(&location.path, LONGEST)) }
        @else { (spoken(location.kind.as_str())) }
    } }
}

/// A number with separators between thousands.
pub(crate) fn count(many: u64) -> Markup {
    html! { (number(many)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "<script>alert(1)</script>\" onmouseover=\"x \u{202e}gnp";

    #[test]
    fn text_of_mail_is_escaped_and_visible() {
        let folder = Location::new(LocationKind::Folder, HOSTILE);
        for shown in [
            mail(HOSTILE),
            cell(HOSTILE),
            subject(HOSTILE),
            lines(HOSTILE),
            whole(HOSTILE),
            selection(HOSTILE),
            place(&folder),
        ] {
            let shown = shown.into_string();
            assert!(!shown.contains("<script") && !shown.contains("\" on") && !shown.contains('\u{202e}'), "{shown}");
            assert!(shown.contains("\\u{202e}gnp"), "{shown}");
        }
        assert!(subject(" ").into_string().contains("(no subject)"));
        assert_eq!(lines("a\r\nb").into_string().matches("<br>").count(), 1);
    }

    #[test]
    fn the_times_of_a_selection_are_times() {
        let shown = selection("subject contains \"2026\"; received at or after 2026-10-30T12:53:20Z; in all folders");
        let shown = shown.into_string();
        assert!(
            shown.contains("datetime=\"2026-10-30T12:53:20Z\"") && shown.contains(">30 Oct 2026, 12:53</time>; in"),
            "{shown}"
        );
        assert!(shown.starts_with("<bdi class=\"selection\">subject contains &quot;2026&quot;; received"), "{shown}");
        let typed =
            selection("subject contains \"at 2026-10-30T12:53:20Z or so\"; before 2026-10-31T00:00:00Z").into_string();
        assert!(typed.contains("at 2026-10-30T12:53:20Z or") && typed.matches("<time").count() == 1, "{typed}");
        assert!(!selection("until 2026-99-99T00:00:00Z").into_string().contains("<time"));
    }

    #[test]
    fn a_time_has_one_form() {
        assert_eq!(short("2026-11-08T19:37:22Z"), "8 Nov 2026, 19:37");
        assert_eq!(short("no time"), "no time");
        let at = Timestamp::parse("2026-11-28T19:37:22Z").unwrap();
        assert!(time(at).into_string().contains("datetime=\"2026-11-28T19:37:22Z\""));
        let brief = |now: &str| brief(at, Timestamp::parse(now).unwrap()).into_string();
        assert!(brief("2026-12-31T00:00:00Z").contains(">28 Nov, 19:37<"));
        assert!(brief("2027-01-01T00:00:00Z").contains(">28 Nov 2026<"));
        assert!(moment(at).into_string().contains(">2026-11-28 19:37:22 UTC<"));
    }
}
