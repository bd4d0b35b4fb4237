//! Throttling, alone and inside of batches: the same result, no request before its time, and never too many at once.

use std::time::Duration;

use clawback_connectors::{ActionTarget, CallError};
use clawback_model::{Action, Effect, Query};
use clawback_tests::graph::Options;

use super::{ANN, BEN, MONDAY, mail, patiently, search, start};

#[tokio::test]
async fn a_tenth_of_all_requests_throttled_changes_no_result() {
    for seed in 1..=2 {
        let (graph, store, _folder) = start(Options { seed, ..Options::default() }, &[ANN, BEN]).await;
        for mailbox in [ANN, BEN] {
            for number in 0..30 {
                graph.deliver(mailbox, "inbox", mail(number, "Your parcel").as_bytes(), MONDAY);
            }
        }
        graph.behave(|options| (options.throttled, options.latency) = (100, Duration::from_millis(3)));
        let purge = async |mailbox: &'static str| {
            let found = search(&*store, mailbox, &Query::default(), 10).await;
            assert_eq!(found.len(), 30, "{mailbox}");
            let aims: Vec<ActionTarget> = found
                .iter()
                .map(|one| ActionTarget {
                    reference: one.reference.clone(),
                    location: one.location.clone(),
                    former: None,
                })
                .collect();
            // After a throttled call the engine asks where everything is, as the contract says.
            let effects = patiently(async || store.apply(mailbox, Action::SoftDelete, &aims).await).await;
            for effect in &effects {
                assert!(matches!(effect, Effect::Succeeded(_) | Effect::AlreadyInDestination), "{effect:?}");
            }
            let references: Vec<_> = found.iter().map(|one| one.reference.clone()).collect();
            let located = patiently(async || store.locate(mailbox, &references).await).await;
            assert!(located.iter().all(|one| one.sightings.len() == 1));
        };
        tokio::join!(purge(ANN), purge(BEN));
        for mailbox in [ANN, BEN] {
            let kept = graph.kept(mailbox);
            assert!(kept.len() == 30 && kept.iter().all(|one| one.folder == "Deletions"), "{mailbox}: {kept:?}");
        }
        let counts = graph.counts();
        assert!(counts.throttled + counts.throttled_parts >= 5, "{counts:?}");
        assert_eq!(counts.impatient, 0, "{counts:?}");
        assert!(counts.most_at_once <= 4, "{counts:?}");
        graph.check();
    }
}

#[tokio::test]
async fn a_long_pause_is_the_hosts() {
    let (graph, store, _folder) = start(Options::default(), &[ANN]).await;
    graph.deliver(ANN, "inbox", mail(1, "Your parcel").as_bytes(), MONDAY);
    graph.behave(|options| (options.throttled, options.retry_after) = (1_000, 120));
    let throttled = store.search(&ANN.into(), &Query::default(), None, 10).await.unwrap_err();
    let CallError::Throttled { after, .. } = throttled else { panic!("{throttled}") };
    assert_eq!(after, Some(Duration::from_mins(2)));
    assert_eq!(graph.counts().requests, 1, "it did not try again");
}
