//! The columns that a change by hand may leave unnoticed, and why that does no harm: nothing else is done to a message, and
//! nothing else is recorded of it. Every other column of every table is compared with the chain. A test changes each column of
//! each table on both databases, and fails for one that is neither named nor listed here.

/// Columns of outcomes that are compared once their batch is closed: its event then carries the digest of its outcomes. Until
/// then, for the minutes that a batch takes, a change of one goes unnoticed, and the digest is that of what it was changed to.
pub const UNTIL_CLOSED: [&str; 5] = ["kind", "reason", "detail", "receipt", "recorded_at"];

/// Table, column, reason.
pub const WITHOUT_EFFECT: &[(&str, &str, &str)] = &[
    ("_sqlx_migrations", "*", "compared with the steps that this program knows whenever it opens the database"),
    (
        "answers",
        "*",
        "an answer is given to its own principal alone, and only instead of the same request; what was done is in the chain",
    ),
    ("attempts", "*", "counts wrong passwords; a password that is right is asked for all the same"),
    ("batches", "served_at", "whose turn it is among open batches; further ahead than a day is named"),
    ("batches", "stopped", "whoever sees the batch through sets it anew before it runs"),
    ("batches", "throttled", "counted while a batch is open; makes the next batch smaller, or a person look"),
    ("deliveries", "*", "who is still to be told; what is told is the fold of the events"),
    ("evidence", "bytes", "shown; the bytes themselves are compared by their digest"),
    ("evidence", "kept_at", "shown; when it was deleted is in the outcome"),
    ("follow_ups", "filed_at", "the order in which follow-ups are shown"),
    ("heads", "made_at", "shown; the checkpoint itself is compared with the events"),
    ("heads", "told_at", "when the next checkpoint is told; an earlier one that somebody keeps covers what it covered"),
    ("nodes", "*", "which node says it is alive; further ahead than a day is named"),
    ("notices", "*", "what is still to be told; what is told is the fold of the events"),
    (
        "plan_texts",
        "*",
        "which texts retention leaves; one that is missing is shown as not kept, and another is not taken for it",
    ),
    ("refusals", "*", "kept beside the chain; nothing is done because of it"),
    ("reminders", "version", "tells two nodes apart that take the same reminder"),
    ("remediations", "due_at", "when a worker looks; whether one looks at all, and further ahead than a day, is named"),
    ("remediations", "fence", "another count makes the holder of the lease give up, and the next goes on"),
    ("remediations", "lease_owner", "a lease that nobody renews ends at `lease_until`"),
    ("remediations", "lease_until", "a lease that nobody renews ends; further ahead than a day is named"),
    ("removals", "done", "a removal that is not done is gone on with, and finds nothing left"),
    ("schedules", "next_at", "an earlier look decides on nothing before its time; a later one is named"),
    ("schedules", "version", "tells two nodes apart that decide on the same slots"),
    ("seats", "*", "how many calls a node may have under way; further ahead than a day is named"),
    ("sessions", "earlier", "useless without the part of the cookie that `digest` is of; ends the session at most"),
    ("sessions", "earlier_until", "as `earlier`"),
    ("sessions", "secret", "useless without the part of the cookie that `digest` is of; ends the session at most"),
    ("sessions", "secret_at", "when the secret is replaced next"),
    ("sessions", "seen_at", "when an idle session ends; it ends at `expires_at` in any case"),
    ("slots", "decided_at", "shown"),
    ("slots", "detail", "shown"),
    (
        "slots",
        "fire_at",
        "of a slot that did not run: shown; that of a run is compared, and the end of what was decided too",
    ),
    ("slots", "last_at", "as `fire_at`"),
    ("slots", "reason", "why a slot did not run: shown; whether one waits is compared"),
    ("slots", "slots", "shown"),
    ("store_limits", "*", "how fast calls go; further ahead than a day is named"),
    ("sweeps", "looked_at", "shown"),
    ("sweeps", "looks", "shown"),
    ("sweeps", "next_at", "when it is looked next; further ahead than a day and its period is named"),
    ("sweeps", "version", "tells two nodes apart that take the same look"),
    (
        "work",
        "claims",
        "whether it is looked first what was done; a store that has moved a message does not move it again",
    ),
    ("work", "next_at", "when a lane is claimed; further ahead than a day is named"),
    ("work", "node", "a lane of a node that is not alive is freed by any other"),
];
