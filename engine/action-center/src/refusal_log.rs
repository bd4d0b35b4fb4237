//! What is refused is noted: who asked for what, and why not. A flood of refusals is counted and written down a few times a second.

use std::time::Duration;

use crate::center::Center;
use crate::error_chain::chain;
use crate::refusals::Refused;

/// When what was only counted is written down.
const LATER: Duration = Duration::from_secs(1);

/// Notes a refusal. One that cannot be noted is at least logged.
pub(crate) async fn note(center: &Center, refused: &Refused<'_>) {
    let now = center.now();
    let at_once = center.refusals().count(refused, now);
    if at_once {
        write(center).await;
    } else if center.refusals().begins_later() {
        let center = center.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LATER).await;
            center.refusals().ends_later();
            write(&center).await;
        });
    }
}

/// Writes down what has only been counted. Whoever has the turn writes for all.
pub(crate) async fn write(center: &Center) {
    let refusals = center.refusals();
    let _turn = refusals.turn.lock().await;
    let (keys, noted) = refusals.take(center.now());
    if noted.is_empty() {
        return;
    }
    match center.site().history.note_refusals(&noted).await {
        Ok(rows) => refusals.keep(keys, rows, &noted),
        Err(error) => tracing::error!(error = chain(&error), "{} refusals not noted.", noted.len()),
    }
}
