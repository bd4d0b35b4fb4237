//! Charts, drawn as SVG on the server. Each has a description in words, and is shown with its numbers.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use clawback_model::{Counts, LocationKind};
use clawback_store::Batch;
use maud::{Markup, html};

use super::text::mail;
use super::words::{number, spoken};

/// Width and height of a curve, in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 90.0;
/// Largest number of bars of a curve; beyond that, batches are combined.
const BARS: i64 = 72;
const SECOND: i64 = 1_000_000;
/// The throughput of fewer batches is shown as a number, not as a curve.
const FEWEST_BATCHES: usize = 3;

/// One bar of all messages, with a part for each outcome.
pub(crate) fn outcomes(counts: &Counts) -> Markup {
    let parts: Vec<_> = counts.parts().into_iter().filter(|(_, count)| *count > 0).collect();
    if parts.is_empty() {
        return html! {};
    }
    let words = parts.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ");
    let whole = counts.submitted.max(1);
    let mut left = 0.0;
    html! {
        figure .bar {
            svg viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label=(words) {
                @for (name, count) in &parts {
                    @let width = share(*count, whole);
                    rect class=(name.replace(' ', "-")) x=(left) y="0" width=(width) height="4" {}
                    ({ left += width; "" })
                }
            }
            figcaption { @for (name, count) in &parts {
                span .key { span class={ "dot " (name.replace(' ', "-")) } {} (number(*count)) " " (name) }
            } }
        }
    }
}

fn share(count: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "the width of a bar")]
    let share = count as f64 * 100.0 / whole as f64;
    share
}

/// The number of messages per location.
pub(crate) fn locations(counts: &BTreeMap<LocationKind, u64>) -> Markup {
    bars(counts.iter().map(|(kind, count)| (html! { (spoken(kind.as_str())) }, *count)).collect())
}

/// The mailboxes with the most messages.
pub(crate) fn mailboxes(counts: &BTreeMap<Arc<str>, u64>, most: usize) -> Markup {
    let mut largest: Vec<_> = counts.iter().collect();
    largest.sort_by_key(|(_, count)| Reverse(**count));
    html! {
        (bars(largest.iter().take(most).map(|(mailbox, count)| (mail(mailbox), **count)).collect()))
        @if largest.len() > most { p .empty { "and " (largest.len() - most) " more mailboxes" } }
    }
}

fn bars(counts: Vec<(Markup, u64)>) -> Markup {
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(1);
    html! {
        ul .counts { @for (name, count) in counts {
            li {
                span .name { (name) }
                svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" {
                    rect .open x="0" y="0" width=(share(count, most)) height="4" {}
                }
                span .number { (number(count)) }
            }
        } }
    }
}

/// The scale of the upright axis.
fn scale(most: u64) -> Markup {
    html! { div .scale aria-hidden="true" { span { (number(most)) } span { "0" } } }
}

/// Messages per second, batch by batch, from the first to the last that has ended. Pauses between batches are gaps.
pub(crate) fn throughput(batches: &[Batch]) -> Markup {
    let ended: Vec<Piece> = batches.iter().filter_map(Piece::of).collect();
    let (Some(first), Some(last)) = (ended.first(), ended.last()) else { return html! {} };
    if ended.len() < FEWEST_BATCHES {
        return html! {};
    }
    let each = ended.len().div_ceil(usize::try_from(BARS).unwrap_or(1));
    let bars: Vec<Piece> = ended.chunks(each).filter_map(Piece::joined).collect();
    let whole = Piece { end: last.end, messages: ended.iter().map(|piece| piece.messages).sum(), ..*first };
    let most = bars.iter().map(Piece::rate).max().unwrap_or(1);
    let place = |at: i64| share(u64::try_from(at - whole.start).unwrap_or(0), whole.micros()) / 100.0 * WIDTH;
    let words = format!(
        "{} messages in {}.{} s: {} messages/s from end to end, {most} at most",
        whole.messages,
        whole.micros() / SECOND.unsigned_abs(),
        whole.micros() % SECOND.unsigned_abs() * 10 / SECOND.unsigned_abs(),
        whole.rate(),
    );
    html! {
        figure .timeline {
            (scale(most))
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(words) {
                @for bar in &bars {
                    @let height = share(bar.rate(), most) / 100.0 * HEIGHT;
                    @let left = place(bar.start);
                    rect .succeeded x=(left) y=(HEIGHT - height) width=((place(bar.end) - left - 1.0).max(1.0)) height=(height) {
                        title { (bar.rate()) " messages/s" }
                    }
                }
            }
            figcaption { (words) }
        }
    }
}

/// Messages of consecutive batches.
#[derive(Clone, Copy)]
struct Piece {
    start: i64,
    end: i64,
    messages: u64,
}

impl Piece {
    fn of(batch: &Batch) -> Option<Self> {
        let (end, ..) = batch.finished.as_ref()?;
        Some(Self { start: batch.started_at.0, end: end.0, messages: batch.targets.into() })
    }

    fn joined(pieces: &[Self]) -> Option<Self> {
        let messages = pieces.iter().map(|piece| piece.messages).sum();
        Some(Self { start: pieces.first()?.start, end: pieces.last()?.end, messages })
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.end - self.start).unwrap_or(0).max(1)
    }

    /// Messages per second.
    fn rate(&self) -> u64 {
        self.messages * SECOND.unsigned_abs() / self.micros()
    }
}

#[cfg(test)]
mod tests {
    use clawback_model::{BatchReport, Digest, Timestamp};

    use super::*;

    fn batch(number: u32, started_at: i64, ended: Option<i64>, targets: u32) -> Batch {
        let finished = ended.map(|at| (Timestamp(at * SECOND), BatchReport::default(), Digest::default()));
        Batch { number, first: 0, targets, started_at: Timestamp(started_at * SECOND), finished }
    }

    #[test]
    fn throughput_is_drawn_from_batches_that_have_ended() {
        let mut batches = vec![batch(1, 0, Some(1), 10), batch(2, 1, Some(11), 5_000), batch(3, 12, None, 5_000)];
        assert_eq!(throughput(&batches).into_string(), "", "two batches are no curve");
        batches[2].finished = batch(3, 0, Some(22), 0).finished;
        let shown = throughput(&batches).into_string();
        assert!(shown.contains("10010 messages in 22.0 s: 455 messages/s from end to end, 500 at most"), "{shown}");
        assert_eq!(shown.matches("<rect").count(), 3);
        let many: Vec<Batch> =
            (0..1_000).map(|number| batch(number, number.into(), Some(i64::from(number) + 1), 7)).collect();
        let shown = throughput(&many).into_string();
        assert!(
            shown.matches("<rect").count() <= 72 && shown.contains("7 messages/s from end to end, 7 at most"),
            "{shown}"
        );
        // A clock that went back must not cause a panic.
        throughput(&[batch(1, 9, Some(3), 1), batch(2, 3, Some(3), 1), batch(3, 1, Some(0), 1)]);
    }
}
