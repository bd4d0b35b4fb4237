//! Records refused requests: who asked for what, and why it was refused. A flood of refusals is counted and written a
//! few times a second.

use std::time::Duration;

use crate::center::Center;
use crate::error_chain::chain;
use crate::refusals::Refused;

/// When refusals that were only counted are written.
const LATER: Duration = Duration::from_secs(1);

/// Records a refusal. One that cannot be recorded is logged.
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

/// Writes the refusals that have only been counted. The holder of the turn writes for all.
pub(crate) async fn write(center: &Center) {
    let refusals = center.refusals();
    let _turn = refusals.turn.lock().await;
    let (keys, noted) = refusals.take(center.now());
    if noted.is_empty() {
        return;
    }
    match center.site().history.note_refusals(&noted).await {
        Ok(rows) => refusals.keep(keys, rows, &noted),
        Err(error) => tracing::error!(error = chain(&error), "{} refusals not recorded.", noted.len()),
    }
}
