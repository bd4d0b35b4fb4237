//! `verify` covers every table and the schema: each column of each table is changed by hand on both databases, and each
//! change is named or listed as without effect, with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clawback_model::{
    Action, ActionSource, ApprovalRule, Counted, CountedBy, Decision, Digest, Event, Id, Misfire, NodeSetup, Origin,
    Overlap, Principal, PrincipalKind, Remediation, Role, Round, SlotReason, Sweep, SweepApproval, Timestamp,
    Timetable,
};
use clawback_runtime::SiteKey;
use clawback_store::{
    FailedAttempt, Filing, Kept, LaneEnd, LaneReport, NewSession, Refusal, Renewal, SlotFate, SlotRecord, TokenTerms,
    TrustedHeads, UNTIL_CLOSED, VerifyError, WITHOUT_EFFECT, WantedSchedule,
};

use super::harness::{Database, filing, header, outcome, planned, request, targets};

const NOW: Timestamp = Timestamp(3_000_000);
const MINUTE: i64 = 60_000_000;
/// Far beyond any wait: the year 2100.
const FAR: &str = "4102444800000000";

fn at(micros: i64) -> Timestamp {
    Timestamp(micros)
}

/// A history with rows in every table, in every state that matters.
async fn history(database: &Database) {
    let store = &database.store;
    let root = Principal::new("root", PrincipalKind::Person, vec![Role::Admin]);
    store.add_principal(&root, "root", at(1)).await.unwrap();
    let scope = [Role::Viewer];
    let terms = TokenTerms { label: "laptop", expires: Some(at(9)), scope: Some(&scope) };
    store.add_token("root", &Digest::of(b"secret"), terms, "root", at(2)).await.unwrap();
    store.add_token("root", &Digest::of(b"other"), TokenTerms::labelled("old"), "root", at(2)).await.unwrap();
    store.revoke_token("root", "old", "root", at(3)).await.unwrap();
    store.set_password("root", "$argon2id$x", "root", at(4)).await.unwrap();
    store.principal_of_identity("https://id.example", "sub", "ida", &[Role::Viewer], at(5)).await.unwrap();
    let [id, secret, new] = [b"i", b"s", b"n"].map(|part| Digest::of(part));
    let session = NewSession { id, secret, principal: "ida", at: at(6), expires: at(7_000_000), at_provider: true };
    store.begin_session(&session, at(0)).await.unwrap();
    assert!(store.renew_session(&Renewal { id, shown: secret, current: secret, new }, at(7)).await.unwrap());
    store.expire_earlier_secret(&id, &new, at(8)).await.unwrap();
    store.take_key("root", "key", &Digest::of(b"request"), at(9), at(0)).await.unwrap();
    let refusal = Refusal {
        at: at(9),
        last_at: at(9),
        times: 1,
        known: None,
        source: "192.0.2.1".into(),
        principal: None,
        request: "GET /".into(),
        reason: "no token".into(),
    };
    store.note_refusals(&[(None, refusal)]).await.unwrap();
    let wrong = FailedAttempt { name: Digest::of(b"eve"), is_account: false, at: at(9), forget_before: at(0), most: 9 };
    store.count_wrong(&wrong, |_| Duration::from_secs(1)).await.unwrap();
    store.node_alive("node-1", at(4_000_000), &NodeSetup::default()).await.unwrap();
    store.take_seats("node-1", "corp", 8, 0, at(9), at(4_000_000)).await.unwrap();
    store.hold_store("corp", at(10)).await.unwrap();

    database.finished(1, 16).await;
    store.remove_messages(&database.finished(2, 8).await, at(9_000_000), "root", at(2_000_900)).await.unwrap();
    waiting(database).await;
    running(database).await;
    let (id, lease) = database.planned(5, &targets(12), Some(1)).await;
    database.vote(&id, "eve", Decision::Approve).await;
    store.record(&id, Some(&lease), "automation", &Event::Started, at(2_000_300)).await.unwrap();
    database.batch(&id, &lease, 0, 0, 6).await;
    store.cancel_open(&id, &lease, "ann", at(2_000_700)).await.unwrap();
    kept(database).await;
    scheduled(database).await;
    swept(database).await;
    started_without_a_vote(database).await;
    super::reports::reported(database).await;
    super::saved_searches::saved(database, &root).await;
    let change = store.changes(None, 1).await.unwrap().remove(0);
    store.address(&[(change, vec!["soc".into()])], at(2_000_800)).await.unwrap();
    store.halt("a drill", "root", at(2_000_900)).await.unwrap();
    let (size, root) = store.grow_log().await.unwrap();
    let note = SiteKey::generate("corp.example/log", &[1; 32]).unwrap().0.sign(size, root);
    store.keep_head(size, &note, at(2_000_950)).await.unwrap();
}

/// Adds a remediation that waits for votes, with reminders to come.
async fn waiting(database: &Database) {
    let store = &database.store;
    let id = database.submit_as(3, |request| request.in_words = "from eve".into()).await;
    let lease = database.claim(&id).await;
    store.record(&id, Some(&lease), "automation", &Event::PlanningStarted, at(2_000_100)).await.unwrap();
    store.begin_plan(&id, &lease).await.unwrap();
    let plan = targets(8);
    store.append_targets(&id, &lease, &plan).await.unwrap();
    let texts =
        ["playbook: purge", "fn keep(message) { true }"].map(|text| (Digest::of(text.as_bytes()), text.to_owned()));
    store.keep_texts(&id, &lease, &texts.into()).await.unwrap();
    let (event, parts) = planned(&header(), &plan, Some(ApprovalRule::default().reminding(0.5, 0.75)));
    store.freeze_plan(&id, &lease, (&header(), parts.as_ref()), "automation", &event, at(2_000_200)).await.unwrap();
}

/// Adds one in the middle of a batch: with lanes that are done, claimed and free.
async fn running(database: &Database) {
    let store = &database.store;
    let (id, lease) = database.planned(4, &targets(24), Some(1)).await;
    database.vote(&id, "eve", Decision::Approve).await;
    store.record(&id, Some(&lease), "automation", &Event::Started, at(2_000_300)).await.unwrap();
    let event = Event::BatchStarted { number: 0, first: 0, targets: 22 };
    store.record(&id, Some(&lease), "automation", &event, at(2_000_400)).await.unwrap();
    let lanes = database.lanes("node-1", &id).await;
    database.report("node-1", &lanes[..2], 0, LaneEnd::Done).await.unwrap();
    database.report("node-1", &[], 0, LaneEnd::Done).await.unwrap();
    store.stop_lanes(&id, false).await.unwrap();
}

/// Adds one that counts towards the limits of what is done without a vote.
async fn started_without_a_vote(database: &Database) {
    let (id, lease) = database.planned(90, &targets(4), None).await;
    let by = |by, name: &str| Counted { by, name: name.into(), messages: 4, mailboxes: 1 };
    let counted = vec![by(CountedBy::Requester, "ann"), by(CountedBy::Sender, "eve@evil.example")];
    for event in [Event::Counted { counted }, Event::Started] {
        database.store.record(&id, Some(&lease), "automation", &event, at(2_000_300)).await.unwrap();
    }
}

/// Adds one whose messages were deleted for good, and kept before.
async fn kept(database: &Database) {
    let store = &database.store;
    let id = database.submit_as(6, |request| request.action = Action::HardDelete).await;
    let lease = database.claim(&id).await;
    database.plan(&id, &lease, &targets(4), Some(1)).await;
    database.vote(&id, "eve", Decision::Approve).await;
    store.record(&id, Some(&lease), "automation", &Event::Started, at(2_000_300)).await.unwrap();
    let event = Event::BatchStarted { number: 0, first: 0, targets: 4 };
    store.record(&id, Some(&lease), "automation", &event, at(2_000_400)).await.unwrap();
    let rows: Vec<Kept> =
        (0..4).map(|seq| Kept { seq, digest: Digest([7; 32]), bytes: 9, at: at(2_000_410) }).collect();
    store.record_evidence(&id, &rows).await.unwrap();
    let lanes = database.lanes("node-1", &id).await;
    let outcomes: Vec<_> = lanes[0].targets.iter().map(|target| outcome(target, 0)).collect();
    let gone: Vec<_> = outcomes
        .into_iter()
        .map(|mut outcome| {
            if let Some(receipt) = &mut outcome.receipt {
                (receipt.now, receipt.location) = (None, None);
            }
            outcome
        })
        .collect();
    let report = LaneReport { claim: lanes[0].claim, outcomes: &gone, throttled: 0, end: LaneEnd::Done };
    store.record_lanes("node-1", &[report]).await.unwrap();
    store.finish_batch(&id, &lease, "automation", 0, &[], at(2_000_500)).await.unwrap();
    store.record(&id, Some(&lease), "automation", &Event::Finished, at(2_000_600)).await.unwrap();
}

/// Adds a schedule with a run, slots that were left out, and one that was removed.
async fn scheduled(database: &Database) {
    let store = &database.store;
    let timetable = Timetable {
        cron: "0 * * * * *".into(),
        time_zone: "UTC".into(),
        jitter: Duration::ZERO,
        overlap: Overlap::Skip,
        misfire: Misfire::Backfill(3),
    };
    let wanted = |name: &str| WantedSchedule { name: name.into(), timetable: timetable.clone(), starts_paused: false };
    store.sync_schedules(&[wanted("tidy"), wanted("gone")], &[], "automation", at(-5 * MINUTE)).await.unwrap();
    store.sync_schedules(&[wanted("tidy")], &[], "automation", at(-4 * MINUTE)).await.unwrap();
    store.pause_schedule("tidy", "root", at(-4 * MINUTE)).await.unwrap();
    store.resume_schedule("tidy", "root", at(-4 * MINUTE)).await.unwrap();
    let schedule = store.schedules().await.unwrap().into_iter().find(|one| one.name == "tidy").unwrap();
    let mut asked = request(7);
    (asked.source, asked.playbook, asked.as_of) = (ActionSource::Schedule, "tidy".into(), Some(at(0)));
    let run = filing(Remediation::submitted(Id::from_random(7), asked, at(1_000_007)));
    let reason = SlotReason::Missed;
    let records = [
        SlotRecord {
            first: at(-3 * MINUTE),
            last: at(-2 * MINUTE),
            slots: 2,
            fate: SlotFate::LeftOut { reason, detail: Some("no node".into()) },
        },
        SlotRecord { first: at(0), last: at(0), slots: 1, fate: SlotFate::Runs(Box::new(run)) },
    ];
    let (decided_to, next_at) = (at(0), Some(at(MINUTE)));
    let round = Round { decided: vec![], decided_to, waiting: None, replaces: false, next_at };
    assert!(store.decide_slots(&schedule, &round, &records, &[], at(10)).await.unwrap());
}

/// Adds sweeps: one that is under way, and one that has ended and has a follow-up.
async fn swept(database: &Database) {
    let store = &database.store;
    let every = Duration::from_secs(1);
    let sweep = Sweep { every, lasts: Duration::from_hours(1), approval: SweepApproval::Same, at_most: 3 };
    for number in [8, 9] {
        let first = filing(Remediation::submitted(Id::from_random(number), request(number), at(1_000_008)));
        store.file(&Filing { sweep: Some(sweep.clone()), ..first }).await.unwrap();
    }
    let due = store.due_sweeps(NOW).await.unwrap().remove(0).unwrap();
    let taken = store.take_look(&due, at(3_500_000)).await.unwrap().unwrap();
    let mut found = request(10);
    found.origin = Origin::Sweep { of: due.first.clone() };
    let found = filing(Remediation::submitted(Id::from_random(10), found, at(2_500_000)));
    assert!(store.finish_look(&taken, Some(&found), at(2_500_000)).await.unwrap());
    let why = clawback_model::SweepEnd::Stopped { by: "ann".into() };
    assert!(store.end_sweep(&due.first, &why, "ann", at(2_600_000)).await.unwrap());
}

/// The finding of `verify`, if there is one.
async fn found(database: &Database) -> Option<String> {
    let noted = TrustedHeads { now: Some(NOW), ..TrustedHeads::default() };
    match database.store.verify(noted, |_| {}).await {
        Ok(_) => None,
        // A value that cannot be read is named by its table and column.
        Err(error @ (VerifyError::Broken(_) | VerifyError::Store(clawback_store::StoreError::Corrupt { .. }))) => {
            Some(error.to_string())
        }
        Err(error) => panic!("{}: {error:?}", database.name),
    }
}

/// Columns of a table: name, whether it holds integers, whether it may be null.
async fn columns(database: &Database, table: &str) -> Vec<(String, bool, bool)> {
    let sql = if database.name == "sqlite" {
        format!(
            "SELECT name || '|' || (type <> 'TEXT') || '|' || (\"notnull\" = 0 AND pk = 0) FROM pragma_table_info('{table}')"
        )
    } else {
        format!(
            "SELECT column_name || '|' || (data_type <> 'text')::INT || '|' || (is_nullable = 'YES')::INT \
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name = '{table}'"
        )
    };
    let lines = database.lines(&sql).await;
    let column = |line: &String| {
        let parts: Vec<&str> = line.split('|').collect();
        (parts[0].to_owned(), parts[1] == "1", parts[2] == "1")
    };
    lines.iter().map(column).collect()
}

/// The first, the middle and the last row of a table, each as the condition that selects it.
async fn rows(database: &Database, table: &str) -> Vec<String> {
    let keys = if database.name == "sqlite" {
        format!("SELECT name FROM pragma_table_info('{table}') WHERE pk > 0 ORDER BY pk")
    } else {
        format!(
            "SELECT a.attname::TEXT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid \
             AND a.attnum = ANY (i.indkey) WHERE i.indrelid = '{table}'::regclass AND i.indisprimary ORDER BY a.attnum"
        )
    };
    let quote = if database.name == "sqlite" { "quote" } else { "quote_literal" };
    let keys = database.lines(&keys).await;
    let parts: Vec<String> = keys.iter().map(|key| format!("'{key} = ' || {quote}({key})")).collect();
    let all = database
        .lines(&format!("SELECT {} FROM {table} ORDER BY {}", parts.join(" || ' AND ' || "), keys.join(", ")))
        .await;
    assert!(!all.is_empty(), "{}: the history has no row of {table}", database.name);
    let some: BTreeSet<usize> = [0, all.len() / 2, all.len() - 1].into();
    some.into_iter().map(|place| all[place].clone()).collect()
}

/// Other values for a column; the database may refuse some of them.
fn variants(column: &str, integer: bool, nullable: bool) -> Vec<String> {
    let other = match column {
        "severity" => Some("'high'"),
        "status" => Some("'failed'"),
        "action" => Some("'move-to-junk'"),
        "action_source" => Some("'api'"),
        "decision" => Some("'reject'"),
        "reason" => Some("'paused'"),
        "kind" => Some("'air'"),
        _ => None,
    };
    let kind = (column == "kind").then_some(["'failed'", "'service'"]).into_iter().flatten();
    let simple: &[&str] = if integer { &["+ 1", FAR, "flip"] } else { &["x", "''"] };
    let simple = simple.iter().map(|how| match *how {
        "+ 1" => format!("COALESCE({column}, 0) + 1"),
        "flip" => format!("1 - {column}"),
        "x" => format!("COALESCE({column}, '') || 'x'"),
        how => how.to_owned(),
    });
    simple.chain(other.into_iter().chain(kind).map(str::to_owned)).chain(nullable.then(|| "NULL".to_owned())).collect()
}

pub(crate) fn is_listed(table: &str, column: &str) -> bool {
    WITHOUT_EFFECT.iter().any(|(listed, name, _)| *listed == table && (*name == column || *name == "*"))
}

#[tokio::test]
async fn each_column_of_each_table_is_named_or_listed() {
    let mut wrong = Vec::new();
    let mut unnoticed: BTreeMap<(String, String), usize> = BTreeMap::new();
    for database in Database::all().await {
        history(&database).await;
        assert_eq!(found(&database).await, None, "{}", database.name);
        let tables = database.keep().await;
        for table in &tables {
            if is_listed(table, "*") {
                continue;
            }
            for (column, integer, nullable) in columns(&database, table).await {
                let mut changed = 0;
                for row in rows(&database, table).await {
                    for value in variants(&column, integer, nullable) {
                        let differs =
                            format!("SELECT '1' FROM {table} WHERE {row} AND {column} IS DISTINCT FROM {value}");
                        if database.lines(&differs).await.is_empty() {
                            continue;
                        }
                        // A change that the database itself refuses counts as found: its constraints are compared too.
                        changed += 1;
                        if !database.force(&format!("UPDATE {table} SET {column} = {value} WHERE {row}")).await {
                            continue;
                        }
                        let found = found(&database).await;
                        database.put_back(std::slice::from_ref(table)).await;
                        if found.is_none() {
                            *unnoticed.entry((table.clone(), column.clone())).or_default() += 1;
                            // An empty text is equivalent to null, and has the same digest.
                            let same =
                                (table.as_str(), column.as_str(), value.as_str()) == ("outcomes", "detail", "''");
                            let open = table == "outcomes"
                                && UNTIL_CLOSED.contains(&column.as_str())
                                && (row.contains("remediation = 4") || row.contains("remediation = '4'"));
                            if !is_listed(table, &column) && !same && !open {
                                wrong.push(format!("{}: {table}.{column} = {value} WHERE {row}", database.name));
                            }
                        }
                    }
                }
                assert!(changed > 0, "{}: nothing could be changed in {table}.{column}", database.name);
            }
        }
        assert_eq!(found(&database).await, None, "{}: everything is as it was", database.name);
        for (table, column, _) in WITHOUT_EFFECT {
            let known = tables.iter().any(|known| known == table) || *table == "_sqlx_migrations";
            assert!(known, "{table} is listed, and there is no such table");
            let seen = *column == "*" || unnoticed.contains_key(&((*table).to_owned(), (*column).to_owned()));
            if !seen {
                wrong.push(format!("{table}.{column} is listed, and every change of it is named"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} unnoticed: {wrong:#?}", wrong.len());
}

#[test]
fn the_list_is_the_one_that_people_read() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/README.md");
    let page = std::fs::read_to_string(page).unwrap();
    let chapter = page.split("### What `verify` leaves out").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<&str> = chapter.lines().filter(|line| line.starts_with("| `")).collect();
    let listed = WITHOUT_EFFECT.iter().map(|(table, column, reason)| {
        let column = if *column == "*" { "every one".to_owned() } else { format!("`{column}`") };
        format!("| `{table}` | {column} | {reason} |")
    });
    assert_eq!(rows, listed.collect::<Vec<_>>());
    for column in UNTIL_CLOSED {
        assert!(chapter.contains(&format!("`{column}`")), "{column}");
    }
}

#[tokio::test]
async fn rows_that_are_inserted_or_removed_are_named() {
    for database in Database::all().await {
        history(&database).await;
        database.keep().await;
        for (table, change, expected) in [
            ("alerts", "DELETE FROM alerts WHERE id = (SELECT MIN(id) FROM alerts)", "the alert of"),
            ("investigations", "DELETE FROM investigations", "the investigation of"),
            ("approvals", "DELETE FROM approvals", "the request for votes on"),
            ("approvals", "UPDATE approvals SET votes_required = 0", "the request for votes on"),
            ("reminders", "DELETE FROM reminders", "the reminder of"),
            ("sweeps", "DELETE FROM sweeps WHERE ended IS NULL", "the sweep settings of"),
            ("sweeps", "DELETE FROM sweeps WHERE ended IS NOT NULL", "sweep of"),
            ("follow_ups", "DELETE FROM follow_ups", "whose follow-up"),
            ("schedules", "DELETE FROM schedules WHERE name = 'tidy'", "schedule `tidy`"),
            ("slots", "DELETE FROM slots WHERE remediation_id IS NOT NULL", "schedule `tidy`"),
            ("work", "DELETE FROM work", "there is no work for it"),
            ("saved_searches", "DELETE FROM saved_searches WHERE is_shared = 1", "the shared search S-"),
            ("lanes", "DELETE FROM lanes WHERE remediation = 1 AND lane = 0", "lane 0"),
            ("evidence", "DELETE FROM evidence", "what was kept of target 0"),
            ("evidence", "INSERT INTO evidence VALUES (1, 0, 'x', 1, 1)", "what was kept of target 0"),
            ("evidence", "INSERT INTO evidence VALUES (99, 0, 'x', 1, 1)", "table evidence"),
            (
                "sessions",
                "INSERT INTO sessions VALUES ('d', 's', 1, NULL, NULL, 'root', 1, 1, 99, 0)",
                "a session of `root`",
            ),
            (
                "work",
                "INSERT INTO work (remediation, lane, batch, store, mailbox, first_seq, targets) \
                 SELECT remediation, lane, 0, store, mailbox, first_seq, targets FROM lanes WHERE remediation = 2",
                "work on lane 0",
            ),
            (
                "sweeps",
                "INSERT INTO sweeps (first_id, sweep, next_at) SELECT id, '{}', 1 FROM remediations WHERE number = 1",
                "the sweep settings of",
            ),
            (
                "reminders",
                "INSERT INTO reminders SELECT id, 0, 5, 1 FROM remediations WHERE number = 1",
                "the reminder of",
            ),
            ("remediations", "UPDATE remediations SET due_at = NULL WHERE number = 4", "due_at"),
            (
                "remediations",
                "UPDATE remediations SET lease_owner = 'x', lease_until = 4102444800000000 WHERE number = 4",
                "column lease_until",
            ),
        ] {
            let change = if change.contains("FROM lanes WHERE remediation = 2") {
                change.replace("remediation = 2", "remediation = 3")
            } else {
                change.to_owned()
            };
            assert!(database.force(&change).await, "{}: {change}", database.name);
            let said = found(&database).await.unwrap_or_else(|| panic!("{}: unnoticed: {change}", database.name));
            assert!(said.contains(expected), "{}: {change}: {said}", database.name);
            database.put_back(&[table.to_owned()]).await;
        }
        assert_eq!(found(&database).await, None, "{}", database.name);
    }
}

#[tokio::test]
async fn changes_of_the_schema_are_named() {
    for database in Database::all().await {
        database.finished(1, 8).await;
        assert_eq!(found(&database).await, None, "{}", database.name);
        let sqlite = [
            ("CREATE TABLE extra (x TEXT)", "DROP TABLE extra", "table extra of extra was added"),
            ("CREATE VIEW extra AS SELECT 1", "DROP VIEW extra", "view extra of extra was added"),
            (
                "ALTER TABLE nodes ADD COLUMN x TEXT",
                "ALTER TABLE nodes DROP COLUMN x",
                "table nodes of nodes was changed",
            ),
            (
                "CREATE TRIGGER extra AFTER INSERT ON votes BEGIN DELETE FROM halts; END",
                "DROP TRIGGER extra",
                "trigger extra of votes was added",
            ),
            (
                "DROP INDEX votes_by_approval",
                "CREATE INDEX votes_by_approval ON votes (approval_id, event)",
                "index votes_by_approval of votes is missing",
            ),
            ("DROP TRIGGER targets_are_final", "", "trigger targets_are_final of targets is missing"),
        ];
        let postgres = [
            ("CREATE TABLE extra (x TEXT)", "DROP TABLE extra", "extra"),
            ("CREATE VIEW extra AS SELECT 1 AS x", "DROP VIEW extra", "extra"),
            ("ALTER TABLE nodes ADD COLUMN x TEXT", "ALTER TABLE nodes DROP COLUMN x", "column x of nodes was added"),
            (
                "CREATE FUNCTION extra() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
                "DROP FUNCTION extra",
                "function extra() was added",
            ),
            (
                "CREATE RULE extra AS ON INSERT TO votes DO INSTEAD NOTHING",
                "DROP RULE extra ON votes",
                "rule extra of votes was added",
            ),
            (
                "CREATE TRIGGER extra BEFORE INSERT ON votes FOR EACH ROW EXECUTE FUNCTION refuse_change()",
                "DROP TRIGGER extra ON votes",
                "trigger extra of votes was added",
            ),
            (
                "ALTER TABLE events DISABLE TRIGGER events_are_final",
                "ALTER TABLE events ENABLE TRIGGER events_are_final",
                "trigger events_are_final of events was changed",
            ),
            (
                "ALTER TABLE votes DISABLE TRIGGER ALL",
                "ALTER TABLE votes ENABLE TRIGGER ALL",
                "disabled constraints of votes was added",
            ),
            (
                "ALTER TABLE halts DROP CONSTRAINT halts_one_check",
                "ALTER TABLE halts ADD CONSTRAINT halts_one_check CHECK (one = 1)",
                "constraint halts_one_check of halts is missing",
            ),
            (
                "DROP INDEX votes_by_approval",
                "CREATE INDEX votes_by_approval ON votes (approval_id, event)",
                "index votes_by_approval of votes is missing",
            ),
            (
                "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
                "",
                "function refuse_change() was changed",
            ),
        ];
        let changes = if database.name == "sqlite" { &sqlite[..] } else { &postgres[..] };
        for (change, back, expected) in changes {
            database.sql(change).await;
            let said = found(&database).await.unwrap_or_else(|| panic!("{}: unnoticed: {change}", database.name));
            assert!(said.contains(expected), "{}: {change}: {said}", database.name);
            if !back.is_empty() {
                database.sql(back).await;
                assert_eq!(found(&database).await, None, "{}: {back}", database.name);
            }
        }
    }
}
