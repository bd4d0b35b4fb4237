//! A long, generated history: remediations with the events that the model requires, written without the store so that
//! ten million events take minutes. States are folds, hashes are a chain; plans, targets and outcomes are left out.
//!
//! Values are correlated as in practice, so that some never occur together: what a schedule submits is decided by
//! `automation`, what no one voted on has no decider, a rejected purge was asked for by a person.

use std::fmt::Write as _;

use clawback_model::{
    Action, ActionSource, ApprovalRule, BatchReport, Counts, Decision, Digest, Event, Guards, Id, Link, Origin,
    PlanFacts, PlanSummary, Remediation, Request, SelectionMode, Severity, Status, StopReason, Timestamp, Vote,
    link_hash,
};
use clawback_store::Store;
use sqlx::{Connection as _, PgConnection, SqliteConnection};

/// Time between two remediations, in microseconds: a thousand a day.
const APART: i64 = 86_400_000_000 / 1_000;
/// Rows in one transaction.
const ROWS: u32 = 2_000;
const CAMPAIGNS: [&str; 12] = [
    "Parcel notice",
    "Payroll update",
    "Überweisung fällig",
    "Shared document",
    "Voicemail",
    "MFA expiry",
    "Tax refund",
    "Invoice overdue",
    "QR code parking",
    "HR survey",
    "CEO gift card",
    "Password reset",
];
/// Names of approvers.
pub const DECIDERS: [&str; 6] = ["ann", "ben", "eve", "soc-night", "soc-day", "zoe"];

/// What is passed on about each remediation, for comparison with answers.
pub struct Made {
    /// Its number in the history, from 1.
    pub number: i64,
    /// The remediation, without its playbook.
    pub remediation: Remediation,
}

/// Writes `count` remediations to the database at `url`, which is created and migrated. Returns the number of their
/// events.
pub async fn write(url: &str, count: u32, mut made: impl FnMut(Made)) -> i64 {
    Store::open(url).await.expect("the database is made").close().await;
    let mut database = Connection::open(url).await;
    let mut chain = (0, Digest::default());
    for first in (1..=count).step_by(ROWS as usize) {
        let mut rows = Rows::default();
        for number in first..=count.min(first + ROWS - 1) {
            let mut remediation = one(number, &mut chain, &mut rows);
            rows.add(number, &remediation);
            remediation.request.playbook_source.clear();
            made(Made { number: number.into(), remediation });
        }
        database.write(&rows).await;
    }
    database.finish().await;
    chain.0
}

/// Passes on the same remediations without writing them: for a database that has them already. Returns the same number.
pub fn retell(count: u32, mut made: impl FnMut(Made)) -> i64 {
    let mut chain = (0, Digest::default());
    for number in 1..=count {
        let mut remediation = one(number, &mut chain, &mut Rows::default());
        remediation.request.playbook_source.clear();
        made(Made { number: number.into(), remediation });
    }
    chain.0
}

/// Well-mixed bits of a number.
fn mixed(number: u32, salt: u64) -> u64 {
    let mut bits = (u64::from(number) ^ (salt << 40)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 8
}

fn of<T: Copy>(choices: &[T], bits: u64) -> T {
    choices[usize::try_from(bits % choices.len() as u64).expect("few")]
}

fn request(number: u32) -> Request {
    let per_mille = mixed(number, 1) % 1_000;
    let (source, verb) = match per_mille {
        0..450 => (ActionSource::Schedule, "Sweep"),
        450..700 => (ActionSource::Air, "Pull back"),
        700..950 => (ActionSource::Manual, "Purge"),
        950..995 => (ActionSource::Explorer, "Remove"),
        995..999 => (ActionSource::Api, "Remove"),
        _ => (ActionSource::Script, "Remove"),
    };
    let action = match mixed(number, 2) % 1_000 {
        0..700 => Action::SoftDelete,
        700..850 => Action::MoveToJunk,
        850..930 => Action::MoveToDeletedItems,
        930..980 => Action::MoveToQuarantine,
        980..996 => Action::Restore,
        996..999 => Action::HardDelete,
        _ => Action::MoveToInbox,
    };
    let mut name = format!("{verb}: {} {number}", of(&CAMPAIGNS, mixed(number, 3)));
    if mixed(number, 4).is_multiple_of(20_000) {
        name.push_str(" (Zanzibar)");
    }
    Request {
        name,
        severity: of(&Severity::ALL, mixed(number, 5)),
        description: "Pull back every copy of a delivered campaign.".into(),
        action,
        delete_senders_copy: false,
        source,
        mode: SelectionMode::Query,
        playbook: "purge-phish-campaign".into(),
        playbook_source: include_str!("../../workflows/purge-phish-campaign.yaml").into(),
        inputs: [("sender".to_owned(), format!("billing-{number}@evil.example"))].into(),
        picked: Vec::new(),
        requested_by: if source == ActionSource::Schedule { "scheduler" } else { of(&DECIDERS, mixed(number, 6)) }
            .into(),
        owner: None,
        agent: None,
        reported: false,
        origin: Origin::Fresh,
        in_words: String::new(),
        as_of: None,
        approval_id: Id::from_random(number.into()),
        investigation_id: Id::from_random(number.into()),
        alert_id: Id::from_random(number.into()),
    }
}

/// The events after the submission.
fn story(number: u32, request: &Request) -> Vec<(String, Event)> {
    let by_itself = request.source == ActionSource::Schedule;
    let automation = || "automation".to_owned();
    let total = 40 + mixed(number, 7) % 4_000;
    let fate = mixed(number, 8) % 1_000;
    let counts = Counts::planned(if fate < 40 { 0 } else { total }, 3);
    let digest = Digest::of(&number.to_be_bytes());
    let plan = PlanSummary { digest, counts, facts: PlanFacts::default() };
    let approval = (!by_itself).then(|| ApprovalRule { votes: 2, ..ApprovalRule::default() });
    let decided_by = by_itself.then(automation);
    let planned =
        Event::Planned { plan, guards: Guards::default(), verify: true, approval, decided_by, under: None, wait: None };
    let mut told = vec![(automation(), Event::PlanningStarted)];
    if fate < 5 {
        let reason = StopReason::Person { by: "ann".into() };
        told.push((automation(), Event::PlanRefused { reason }));
        return told;
    }
    told.push((automation(), planned));
    if fate < 40 || (!by_itself && mixed(number, 9).is_multiple_of(3_000)) {
        return told;
    }
    if !by_itself {
        let voters = [mixed(number, 10), mixed(number, 10) + 1 + mixed(number, 11) % 5].map(|bits| of(&DECIDERS, bits));
        let decision = if fate < 90 { Decision::Reject } else { Decision::Approve };
        for by in voters.iter().take(if fate < 90 { 1 } else { 2 }) {
            let vote = Vote { by: (*by).into(), decision, digest, comment: None, at: at(number), signature: None };
            told.push(((*by).into(), Event::Voted { vote }));
        }
        if fate < 90 {
            return told;
        }
    }
    told.push((automation(), Event::Started));
    let failed = if (90..180).contains(&fate) { 2 } else { 0 };
    let half = total / 2;
    for (batch, first, size) in [(0, 0, half), (1, half, total - half)] {
        let small = |number| u32::try_from(number).expect("a few thousand");
        told.push((automation(), Event::BatchStarted { number: batch, first: small(first), targets: small(size) }));
        if (180..182).contains(&fate) && batch == 1 {
            told.push((automation(), Event::Paused { reason: StopReason::Person { by: "ann".into() } }));
            return told;
        }
        let mut counts = Counts::planned(size, 0);
        counts.record(clawback_model::OutcomeKind::Failed, failed);
        counts.record(clawback_model::OutcomeKind::Succeeded, size - failed);
        let report = BatchReport { counts, throttled: 0 };
        told.push((automation(), Event::BatchFinished { number: batch, report, outcomes: digest }));
    }
    told.push((automation(), Event::Verified { confirmed: total - 2 * failed, unconfirmed: 0, sample: Vec::new() }));
    told.push((automation(), Event::Finished));
    told
}

/// When it was submitted.
fn at(number: u32) -> Timestamp {
    Timestamp(1_600_000_000_000_000 + i64::from(number) * APART)
}

/// When the one with this number was submitted.
pub fn submitted_at(number: u32) -> Timestamp {
    at(number)
}

fn one(number: u32, chain: &mut (i64, Digest), rows: &mut Rows) -> Remediation {
    let request = request(number);
    let told = story(number, &request);
    let submitted = Event::Submitted { request: request.clone() };
    let mut remediation = Remediation::submitted(Id::from_random(number.into()), request, at(number));
    let actor = remediation.request.requested_by.clone();
    rows.event(&remediation, chain, actor, &submitted);
    for (actor, event) in told {
        remediation = remediation.apply(&event, at(number)).expect("the story is possible");
        rows.event(&remediation, chain, actor, &event);
    }
    remediation
}

/// Rows to write, in the text format of `COPY`; SQLite gets the same fields.
#[derive(Default)]
struct Rows {
    remediations: Vec<Vec<String>>,
    events: Vec<Vec<String>>,
}

const REMEDIATIONS: &str = "number, id, name, name_key, severity, status, action, action_source, approval_id, \
    investigation_id, requested_by, decided_by, created_at, updated_at, due_at, version, state";
const EVENTS: &str = "seq, remediation_id, recorded_at, actor, kind, body, previous, hash";
/// No value, as `COPY` writes it.
const NULL: &str = "\\N";

impl Rows {
    fn add(&mut self, number: u32, remediation: &Remediation) {
        let request = &remediation.request;
        let due = (!remediation.status.is_final() && remediation.status != Status::Paused).then_some(at(number).0);
        self.remediations.push(vec![
            number.to_string(),
            remediation.id.to_string(),
            request.name.clone(),
            request.name.to_lowercase(),
            request.severity.to_string(),
            remediation.status.to_string(),
            request.action.to_string(),
            request.source.to_string(),
            request.approval_id.to_string(),
            request.investigation_id.to_string(),
            request.requested_by.clone(),
            remediation.decided_by.clone().unwrap_or_else(|| NULL.to_owned()),
            remediation.created_at.0.to_string(),
            remediation.updated_at.0.to_string(),
            due.map_or_else(|| NULL.to_owned(), |due| due.to_string()),
            "1".to_owned(),
            json(remediation),
        ]);
    }

    fn event(&mut self, remediation: &Remediation, chain: &mut (i64, Digest), actor: String, event: &Event) {
        let link = Link {
            seq: chain.0 + 1,
            at: remediation.updated_at,
            remediation: Some(remediation.id.to_string()),
            actor,
            kind: event.kind().to_owned(),
            body: json(event),
            previous: chain.1,
        };
        let hash = link_hash(&link);
        *chain = (link.seq, hash);
        self.events.push(vec![
            link.seq.to_string(),
            remediation.id.to_string(),
            link.at.0.to_string(),
            link.actor,
            link.kind,
            link.body,
            link.previous.to_string(),
            hash.to_string(),
        ]);
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("the model's types are texts, numbers and maps by text")
}

/// A direct connection, without the store.
enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Connection {
    async fn open(url: &str) -> Self {
        if url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(url).await.expect("the file opens");
            let pragmas = "PRAGMA synchronous = OFF; PRAGMA cache_size = -200000";
            sqlx::raw_sql(pragmas).execute(&mut connection).await.expect("pragmas are known");
            Self::Sqlite(connection)
        } else {
            Self::Postgres(PgConnection::connect(url).await.expect("the server answers"))
        }
    }

    async fn write(&mut self, rows: &Rows) {
        for (table, columns, rows) in
            [("remediations", REMEDIATIONS, &rows.remediations), ("events", EVENTS, &rows.events)]
        {
            match self {
                Self::Sqlite(connection) => insert(connection, table, columns, rows).await,
                Self::Postgres(connection) => copy(connection, table, columns, rows).await,
            }
        }
    }

    /// Updates the database's statistics, as they are after a night.
    async fn finish(self) {
        match self {
            Self::Sqlite(connection) => connection.close().await.expect("it closes"),
            Self::Postgres(mut connection) => {
                sqlx::raw_sql("VACUUM ANALYZE").execute(&mut connection).await.expect("it may");
                connection.close().await.expect("it closes");
            }
        }
    }
}

async fn insert(connection: &mut SqliteConnection, table: &str, columns: &str, rows: &[Vec<String>]) {
    let mut transaction = connection.begin().await.expect("a transaction begins");
    for rows in rows.chunks(100) {
        let tuple = format!("({})", vec!["?"; rows[0].len()].join(", "));
        let tuples = vec![tuple; rows.len()].join(", ");
        let sql = format!("INSERT INTO {table} ({columns}) VALUES {tuples}");
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for field in rows.iter().flatten() {
            query = query.bind((field != NULL).then_some(field.as_str()));
        }
        query.execute(&mut *transaction).await.expect("the rows fit the table");
    }
    transaction.commit().await.expect("it commits");
}

async fn copy(connection: &mut PgConnection, table: &str, columns: &str, rows: &[Vec<String>]) {
    let mut text = String::new();
    for row in rows {
        for (place, field) in row.iter().enumerate() {
            let end = if place + 1 == row.len() { '\n' } else { '\t' };
            let field = if field == NULL {
                field.clone()
            } else {
                field.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r")
            };
            write!(text, "{field}{end}").expect("a String takes any text");
        }
    }
    let sql = format!("COPY {table} ({columns}) FROM STDIN");
    let mut copy = connection.copy_in_raw(&sql).await.expect("the table is there");
    copy.send(text.as_bytes()).await.expect("the server reads");
    copy.finish().await.expect("the rows fit the table");
}
