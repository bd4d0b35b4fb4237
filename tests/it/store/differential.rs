//! One random history on both databases: every row must be the same afterwards.

use clawback_model::{Decision, Event, RemediationId, StopReason, Timestamp};
use clawback_store::Lease;

use super::harness::{Database, TTL, targets};

/// xorshift64: the same numbers on both.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// Errors are part of the history: both must refuse the same.
async fn live(database: &Database, seed: u64) -> Vec<String> {
    let mut random = Seeded(seed);
    let mut told = Vec::new();
    let mut held: Vec<(RemediationId, Option<Lease>)> = Vec::new();
    for step in 0..60 {
        let at = Timestamp(10_000_000 + step);
        let store = &database.store;
        if held.len() < 4 && random.below(4) == 0 || held.is_empty() {
            held.push((database.submit(u64::try_from(step).unwrap()).await, None));
            continue;
        }
        let which = usize::try_from(random.below(held.len() as u64)).unwrap();
        let (id, lease) = held[which].clone();
        let result = match random.below(9) {
            0 => {
                let claimed = store.claim_due("n", at, TTL).await.unwrap();
                if let Some((remediation, lease)) = &claimed {
                    held.iter_mut().filter(|(id, _)| *id == remediation.id).for_each(|one| one.1 = Some(lease.clone()));
                }
                told.push(format!("{claimed:?}"));
                continue;
            }
            1..=3 => {
                let status = store.load(&id).await.unwrap().status.as_str();
                let Some(lease) = &lease else { continue };
                if status == "queued" {
                    let count = u32::try_from(random.below(60)).unwrap();
                    database.plan(&id, lease, &targets(count), (random.below(2) == 0).then_some(1)).await;
                    continue;
                }
                let next = store.load(&id).await.unwrap();
                match next.progress.open_batch {
                    Some(..) => continue,
                    None if status == "in-progress" => {
                        let first = next.progress.next_seq;
                        let left = u32::try_from(next.counts.submitted).unwrap() - first;
                        database.batch(&id, lease, next.progress.next_batch, first, left.min(17)).await;
                        continue;
                    }
                    None => store.record(&id, Some(lease), "automation", &Event::Started, at).await,
                }
            }
            4 => {
                if store.load(&id).await.unwrap().approval.is_some_and(|approval| approval.votes.is_empty()) {
                    let decision = if random.below(4) == 0 { Decision::Reject } else { Decision::Approve };
                    database.vote(&id, "eve", decision).await;
                }
                continue;
            }
            5 => {
                store
                    .record(&id, None, "ann", &Event::Paused { reason: StopReason::Person { by: "ann".into() } }, at)
                    .await
            }
            6 => store.record(&id, None, "ann", &Event::Resumed { by: "ann".into() }, at).await,
            7 => match &lease {
                Some(lease) => store.cancel_open(&id, lease, "ann", at).await,
                None => store.record(&id, None, "ann", &Event::Finished, at).await,
            },
            _ => store.record(&id, lease.as_ref(), "automation", &Event::Finished, at).await,
        };
        told.push(result.map_or_else(|error| error.to_string(), |next| next.status.to_string()));
    }
    told
}

async fn dump(database: &Database) -> Vec<String> {
    let mut lines = Vec::new();
    for (table, columns, order) in [
        ("events", "seq, remediation_id, recorded_at, actor, kind, body, previous, hash", "seq"),
        (
            "remediations",
            "number, id, name, name_key, severity, status, action, action_source, approval_id, investigation_id, \
             requested_by, decided_by, created_at, updated_at, due_at, lease_owner, lease_until, fence, version, state",
            "number",
        ),
        ("plans", "remediation, header, digest, targets", "remediation"),
        ("lanes", "remediation, lane, store, mailbox, first_seq, targets", "remediation, lane"),
        (
            "targets",
            "remediation, seq, lane, locator, message_id, fingerprint, location, original_location, subject, \
             from_address, received_at, former, not_remediable",
            "remediation, seq",
        ),
        ("outcomes", "remediation, seq, kind, reason, detail, receipt, batch, recorded_at", "remediation, seq"),
        (
            "batches",
            "remediation, number, first_seq, targets, started_at, finished_at, report, outcomes",
            "remediation, number",
        ),
        ("approvals", "id, remediation_id, digest, requester, votes_required, rule, asked_at, deadline", "id"),
        ("votes", "event, approval_id, voter, decision, digest, comment, cast_at", "event"),
    ] {
        let texts: Vec<_> =
            columns.split(", ").map(|column| format!("COALESCE(CAST({} AS TEXT), '-')", column.trim())).collect();
        let sql = format!("SELECT '{table} ' || {} FROM {table} ORDER BY {order}", texts.join(" || '|' || "));
        lines.extend(database.lines(&sql).await);
    }
    lines
}

#[tokio::test]
async fn both_databases_hold_the_same_rows() {
    for seed in [1, 20_261_123, 0xC1A3_BACC] {
        let [one, other] = Database::all().await;
        assert_eq!(live(&one, seed).await, live(&other, seed).await, "seed {seed}");
        let (left, right) = (dump(&one).await, dump(&other).await);
        for (left, right) in left.iter().zip(&right) {
            assert_eq!(left, right, "seed {seed}");
        }
        assert_eq!(left.len(), right.len());
        assert!(left.len() > 100, "seed {seed} does too little");
        for database in [one, other] {
            database.store.verify(None, |_| {}).await.unwrap();
        }
    }
}
