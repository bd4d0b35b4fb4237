//! Databases to test on, and the remediations that are put into them.

use std::collections::BTreeMap;
use std::time::Duration;

use clawback_model::{
    Action, ActionSource, Alert, ApprovalId, ApprovalRule, Counts, Decision, Digest, Event, Guards, Id, Investigation,
    Location, LocationKind, MessageRef, Origin, Outcome, OutcomeKind, PlanFacts, PlanHasher, PlanHeader, PlanParts,
    PlanSummary, Reason, Receipt, Remediation, RemediationId, Request, RestorePoint, SelectionMode, Severity, Target,
    Terms, Timestamp, Vote,
};
use clawback_store::{ClaimScope, Filing, Lane, LaneClaim, LaneEnd, LaneReport, Lease, Store, StoreError};
use sqlx::Connection as _;
use tempfile::TempDir;

pub(crate) const TTL: Duration = Duration::from_mins(1);

/// A new database of one kind.
pub(crate) struct Database {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    pub(crate) store: Store,
    _folder: Option<TempDir>,
}

impl Database {
    /// One of each kind.
    pub(crate) async fn all() -> [Self; 2] {
        [Self::sqlite().await, Self::postgres().await]
    }

    pub(crate) async fn sqlite() -> Self {
        let folder = clawback_tests::world::in_memory();
        let url = format!("sqlite:{}", folder.path().join("history.db").display());
        let store = Store::open(&url).await.unwrap();
        Self { name: "sqlite", url, store, _folder: Some(folder) }
    }

    pub(crate) async fn postgres() -> Self {
        let url = clawback_tests::postgres::database().await;
        let store = Store::open(&url).await.unwrap();
        Self { name: "postgres", url, store, _folder: None }
    }

    /// Runs SQL without the store, as an intruder would.
    pub(crate) async fn sql(&self, sql: &str) {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        if self.name == "sqlite" {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        } else {
            let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }

    /// Locks a table of PostgreSQL for as long as the returned connection lives.
    pub(crate) async fn locked(&self, table: &str) -> sqlx::PgConnection {
        let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
        let sql = sqlx::AssertSqlSafe(format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"));
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection
    }

    /// Ends every connection to this database of PostgreSQL, whatever it is doing.
    pub(crate) async fn drop_connections(&self) {
        let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Runs SQL as an intruder with the database's rights would, who removes the triggers that protect rows and
    /// restores them. Returns false if the database refused it nevertheless.
    pub(crate) async fn force(&self, sql: &str) -> bool {
        self.force_after("", sql).await
    }

    /// The same after a statement that cannot be part of a transaction of SQLite.
    async fn force_after(&self, before: &str, sql: &str) -> bool {
        if self.name == "sqlite" {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
            let triggers = "SELECT sql FROM sqlite_master WHERE type = 'trigger'";
            let kept: Vec<String> = sqlx::query_scalar(triggers).fetch_all(&mut connection).await.unwrap();
            let names = "SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger'";
            let drops: Vec<String> = sqlx::query_scalar(names).fetch_all(&mut connection).await.unwrap();
            let before = sqlx::AssertSqlSafe(format!("PRAGMA foreign_keys = OFF; {before}"));
            sqlx::raw_sql(before).execute(&mut connection).await.unwrap();
            let all = format!("BEGIN; {}; {sql}; {}; COMMIT", drops.join("; "), kept.join("; "));
            let done = sqlx::raw_sql(sqlx::AssertSqlSafe(all)).execute(&mut connection).await.is_ok();
            connection.close().await.unwrap();
            done
        } else {
            let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
            let all = sqlx::AssertSqlSafe(format!("SET session_replication_role = replica; {sql}"));
            let done = sqlx::raw_sql(all).execute(&mut connection).await.is_ok();
            connection.close().await.unwrap();
            done
        }
    }

    /// Every table except that of the migrations, by name.
    pub(crate) async fn tables(&self) -> Vec<String> {
        self.lines(if self.name == "sqlite" {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> '_sqlx_migrations' \
             ORDER BY name"
        } else {
            "SELECT table_name::TEXT FROM information_schema.tables WHERE table_schema = 'public' \
             AND table_name <> '_sqlx_migrations' ORDER BY table_name"
        })
        .await
    }

    /// Copies every row to a place that the program does not read: another schema, or another file.
    pub(crate) async fn keep(&self) -> Vec<String> {
        let tables = self.tables().await;
        if self.name == "sqlite" {
            // An empty file is an empty database; a missing one is not created.
            std::fs::File::create_new(format!("{}.kept", self.url.trim_start_matches("sqlite:"))).ok();
        }
        let copies = tables.iter().map(|table| match self.name {
            "sqlite" => {
                format!("DROP TABLE IF EXISTS kept.{table}; CREATE TABLE kept.{table} AS SELECT * FROM main.{table};")
            }
            _ => format!("CREATE TABLE kept.{table} AS SELECT * FROM public.{table};"),
        });
        self.sql(&format!("{} {}", self.elsewhere(true), copies.collect::<String>())).await;
        tables
    }

    /// Puts back every row that [`Database::keep`] copied.
    pub(crate) async fn put_back(&self, tables: &[String]) {
        let copies = tables.iter().map(|table| match self.name {
            "sqlite" => format!("DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM kept.{table};"),
            _ => format!(
                "DELETE FROM public.{table}; INSERT INTO public.{table} OVERRIDING SYSTEM VALUE SELECT * FROM kept.{table};"
            ),
        });
        assert!(self.force_after(&self.elsewhere(false), &copies.collect::<String>()).await);
    }

    fn elsewhere(&self, fresh: bool) -> String {
        match (self.name, fresh) {
            ("sqlite", _) => format!("ATTACH '{}.kept' AS kept;", self.url.trim_start_matches("sqlite:")),
            (_, true) => "DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept;".to_owned(),
            (_, false) => String::new(),
        }
    }

    /// Every row of a query as text. The query joins its columns itself.
    pub(crate) async fn lines(&self, sql: &str) -> Vec<String> {
        let query = sqlx::AssertSqlSafe(sql.to_owned());
        if self.name == "sqlite" {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap()
        } else {
            let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar(query).fetch_all(&mut connection).await.unwrap()
        }
    }

    /// Submits remediation `number`.
    pub(crate) async fn submit(&self, number: u64) -> RemediationId {
        self.submit_as(number, |_| {}).await
    }

    pub(crate) async fn submit_as(&self, number: u64, change: impl FnOnce(&mut Request)) -> RemediationId {
        let mut request = request(number);
        change(&mut request);
        let at = Timestamp(1_000_000 + i64::try_from(number).unwrap());
        let remediation = Remediation::submitted(Id::from_random(number), request, at);
        let filing = filing(remediation);
        self.store.file(&filing).await.unwrap();
        filing.remediation.id
    }

    /// Claims it.
    pub(crate) async fn claim(&self, id: &RemediationId) -> Lease {
        self.store.claim(id, "node-1", Timestamp(2_000_000), TTL).await.unwrap().unwrap().1
    }

    /// Submits, claims and plans a remediation with `votes` needed, if any.
    pub(crate) async fn planned(&self, number: u64, plan: &[Target], votes: Option<u32>) -> (RemediationId, Lease) {
        let id = self.submit(number).await;
        let lease = self.claim(&id).await;
        self.plan(&id, &lease, plan, votes).await;
        (id, lease)
    }

    pub(crate) async fn plan(&self, id: &RemediationId, lease: &Lease, plan: &[Target], votes: Option<u32>) {
        let store = &self.store;
        let at = Timestamp(2_000_100);
        store.record(id, Some(lease), "automation", &Event::PlanningStarted, at).await.unwrap();
        store.begin_plan(id, lease).await.unwrap();
        for page in plan.chunks(1_000) {
            store.append_targets(id, lease, page).await.unwrap();
        }
        let approval = votes.map(|votes| ApprovalRule { votes, ..ApprovalRule::default() });
        let (event, parts) = planned(&header(), plan, approval);
        store
            .freeze_plan(id, lease, (&header(), parts.as_ref()), "automation", &event, Timestamp(2_000_200))
            .await
            .unwrap();
    }

    /// Runs one batch to its end.
    pub(crate) async fn batch(&self, id: &RemediationId, lease: &Lease, number: u32, first: u32, targets: u32) {
        let store = &self.store;
        let event = Event::BatchStarted { number, first, targets };
        store.record(id, Some(lease), "automation", &event, Timestamp(2_000_400)).await.unwrap();
        loop {
            let lanes = self.lanes("node-1", id).await;
            if lanes.is_empty() {
                break;
            }
            let (early, late) = lanes.split_at(lanes.len() / 2);
            for half in [early, late] {
                assert_eq!(self.report("node-1", half, number, LaneEnd::Done).await.unwrap(), []);
            }
        }
        store.finish_batch(id, lease, "automation", number, &[], Timestamp(2_000_500)).await.unwrap();
    }

    /// Claims free lanes of a remediation: all of them, unless they have thousands of targets.
    pub(crate) async fn lanes(&self, node: &str, id: &RemediationId) -> Vec<Lane> {
        let claimed =
            self.store.claim_lanes(node, "corp", ClaimScope::Only(id), 10_000, Timestamp(2_000_400)).await.unwrap();
        claimed.map_or(Vec::new(), |claimed| claimed.lanes)
    }

    /// Reports an outcome for every target of some lanes. Returns the claims that were void.
    pub(crate) async fn report(
        &self,
        node: &str,
        lanes: &[Lane],
        batch: u32,
        end: LaneEnd,
    ) -> Result<Vec<LaneClaim>, StoreError> {
        let outcomes: Vec<Vec<Outcome>> =
            lanes.iter().map(|lane| lane.targets.iter().map(|target| outcome(target, batch)).collect()).collect();
        let report = |(lane, outcomes): (&Lane, _)| LaneReport { claim: lane.claim, outcomes, throttled: 0, end };
        let reports: Vec<_> = lanes.iter().zip(outcomes.iter().map(Vec::as_slice)).map(report).collect();
        self.store.record_lanes(node, &reports).await
    }

    /// A remediation of `count` targets that ran to its end: voted on, two batches, finished.
    pub(crate) async fn finished(&self, number: u64, count: u32) -> RemediationId {
        let plan = targets(count);
        let (id, lease) = self.planned(number, &plan, Some(1)).await;
        self.vote(&id, "eve", Decision::Approve).await;
        let store = &self.store;
        store.record(&id, Some(&lease), "automation", &Event::Started, Timestamp(2_000_300)).await.unwrap();
        self.batch(&id, &lease, 0, 0, count / 2).await;
        self.batch(&id, &lease, 1, count / 2, count - count / 2).await;
        store.record(&id, Some(&lease), "automation", &Event::Finished, Timestamp(2_000_600)).await.unwrap();
        store.release(&lease).await.unwrap();
        id
    }

    pub(crate) async fn vote(&self, id: &RemediationId, by: &str, decision: Decision) {
        let at = Timestamp(2_000_250);
        let digest = self.store.load(id).await.unwrap().approval.unwrap().digest;
        let vote = Vote { by: by.into(), decision, digest, comment: Some("seen".into()), at, signature: None };
        self.store.record(id, None, by, &Event::Voted { vote }, at).await.unwrap();
    }
}

pub(crate) fn request(number: u64) -> Request {
    Request {
        name: format!("Purge {number}"),
        severity: Severity::Medium,
        description: String::new(),
        action: Action::SoftDelete,
        delete_senders_copy: false,
        source: ActionSource::Manual,
        mode: SelectionMode::Query,
        playbook: "purge".into(),
        playbook_source: "playbook: purge".into(),
        inputs: BTreeMap::new(),
        picked: vec![],
        requested_by: "ann".into(),
        owner: None,
        agent: None,
        reported: false,
        origin: Origin::Fresh,
        in_words: String::new(),
        as_of: None,
        approval_id: Id::from_random(number),
        investigation_id: Id::from_random(number),
        alert_id: Id::from_random(number),
    }
}

/// A remediation as ann submits it.
pub(crate) fn filing(remediation: Remediation) -> Filing {
    let (alert, investigation) = records(&remediation);
    Filing { remediation, alert, investigation, actor: "ann".into(), credential: None, sweep: None, key: None }
}

pub(crate) fn records(remediation: &Remediation) -> (Alert, Investigation) {
    let (request, id, at) = (&remediation.request, &remediation.id, remediation.created_at);
    (Alert::of(request, id, &request.requested_by, at), Investigation::of(request, id, at))
}

/// Four to a mailbox; every seventh cannot be acted on. Texts are such as mail may have.
pub(crate) fn targets(count: u32) -> Vec<Target> {
    (0..count).map(target).collect()
}

pub(crate) fn target(seq: u32) -> Target {
    Target {
        seq,
        store: "corp".into(),
        mailbox: format!("user{:06}@corp.example", seq / 4).into(),
        reference: MessageRef {
            locator: format!("1700000000:{seq}:INBOX"),
            message_id: format!("<{seq}.campaign@evil.example>"),
            fingerprint: format!("{seq:032x}"),
        },
        location: Location::new(LocationKind::Inbox, "INBOX"),
        original_location: seq.is_multiple_of(3).then(|| Location::new(LocationKind::Folder, "A:b/'c")),
        subject: "Überweisung \0 'fällig' \u{10FFFF}0 100 %".into(),
        from_address: "eve@evil.example".into(),
        received_at: Timestamp(1_700_000_000_000_000),
        former: seq.is_multiple_of(5).then(former),
        not_remediable: (seq % 7 == 6).then_some(Reason::LocationNotRemediable),
        script_reason: seq.is_multiple_of(4).then(|| "=known \0 \u{202e}brand".into()),
        script_tag: seq.is_multiple_of(8).then(|| "vip".into()),
    }
}

fn former() -> RestorePoint {
    RestorePoint {
        location: Location::new(LocationKind::Inbox, "INBOX"),
        flags: vec!["\\Seen".into(), "$Label \"1\"".into()],
    }
}

pub(crate) fn header() -> PlanHeader {
    PlanHeader {
        action: Action::SoftDelete,
        playbook: "purge".into(),
        playbook_digest: Digest::of(b"playbook: purge"),
        inputs: BTreeMap::new(),
        scripts: BTreeMap::new(),
        connectors: BTreeMap::new(),
        terms: Some(Terms::default()),
    }
}

pub(crate) fn planned(
    header: &PlanHeader,
    plan: &[Target],
    approval: Option<ApprovalRule>,
) -> (Event, Option<PlanParts>) {
    let mut hasher = PlanHasher::new(header);
    for target in plan {
        hasher.add(target);
    }
    let not = plan.iter().filter(|target| target.not_remediable.is_some()).count() as u64;
    let counts = Counts::planned(plan.len() as u64 - not, not);
    let whole = hasher.finish();
    let plan = PlanSummary { digest: whole.digest, counts, facts: PlanFacts::default() };
    let decided_by = approval.is_none().then(|| "ann".to_owned());
    let under = None;
    (
        Event::Planned { plan, guards: Guards::default(), verify: false, approval, decided_by, under, wait: None },
        whole.parts,
    )
}

/// Every tenth fails, the others are moved.
pub(crate) fn outcome(target: &Target, batch: u32) -> Outcome {
    let failed = target.seq % 10 == 9;
    let receipt = Receipt {
        former: former(),
        now: Some(MessageRef { locator: format!("1700000001:{}:Trash", target.seq), ..target.reference.clone() }),
        location: Some(Location::new(LocationKind::RecoverableItems, "Recoverable")),
        evidence: None,
        calendar_entry: None,
    };
    Outcome {
        seq: target.seq,
        kind: if failed { OutcomeKind::Failed } else { OutcomeKind::Succeeded },
        reason: if failed { Reason::StoreRefused } else { Reason::Confirmed },
        detail: failed.then(|| "NO [OVERQUOTA] \0 full".to_owned()),
        receipt: (!failed).then_some(receipt),
        batch: Some(batch),
        recorded_at: Timestamp(2_000_450),
    }
}

pub(crate) fn approval_id(number: u64) -> ApprovalId {
    Id::from_random(number)
}
