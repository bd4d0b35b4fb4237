//! The columns that may change unnoticed, and why that does no harm: it affects neither an action on a message nor what
//! is recorded of one. Every other column of every table is compared with the chain. A test changes each column of each
//! table on both databases, and fails for one that is neither detected nor listed here.

/// Columns of outcomes that are compared once their batch is closed: its event then carries the digest of its outcomes.
/// Until then, for the minutes that a batch takes, a change goes unnoticed, and the digest will be that of the changed
/// value.
pub const UNTIL_CLOSED: [&str; 5] = ["kind", "reason", "detail", "receipt", "recorded_at"];

/// Table, column, reason.
pub const WITHOUT_EFFECT: &[(&str, &str, &str)] = &[
    ("_sqlx_migrations", "*", "compared with the steps of this program whenever it opens the database"),
    (
        "abuse_mailboxes",
        "*",
        "when reports are read next, and what the last look found; more than a day ahead is reported",
    ),
    (
        "answers",
        "*",
        "a response is returned only to its own principal and only for the same request; what was done is in the chain",
    ),
    ("attempts", "*", "counts wrong passwords; the right password is required in any case"),
    ("batches", "served_at", "the order among open batches; more than a day ahead is reported"),
    ("batches", "stopped", "the worker that holds the lease sets it again before the batch runs"),
    ("batches", "throttled", "counted while a batch is open; makes the next batch smaller, or pauses the remediation"),
    ("deliveries", "*", "pending notifications; their content is the fold of the events"),
    ("evidence", "bytes", "shown; the bytes are compared by their digest"),
    ("evidence", "kept_at", "shown; the time of the deletion is in the outcome"),
    ("follow_ups", "filed_at", "the order in which follow-ups are shown"),
    ("heads", "made_at", "shown; the checkpoint itself is compared with the events"),
    ("heads", "sent_at", "when the next checkpoint is sent; earlier checkpoints that were sent remain valid"),
    ("looked_again", "*", "counts shown to approvers, and when the next look is; more than a day ahead is reported"),
    ("nodes", "*", "which nodes are alive, and how they differ; more than a day ahead is reported"),
    ("notices", "*", "pending changes of status; their content is the fold of the events"),
    (
        "plan_texts",
        "*",
        "which texts retention keeps; a missing text is shown as not kept, and another text is not accepted for it",
    ),
    ("refusals", "*", "not part of the chain; nothing depends on it"),
    ("reminders", "version", "distinguishes two nodes that take the same reminder"),
    ("remediations", "due_at", "when a worker checks it; a missing time, and more than a day ahead, is reported"),
    ("remediations", "fence", "another count makes the holder give up its lease, and the next holder continues"),
    ("remediations", "lease_owner", "a lease that is not renewed expires at `lease_until`"),
    ("remediations", "lease_until", "a lease that is not renewed expires; more than a day ahead is reported"),
    ("removals", "done", "an unfinished removal is continued, and finds nothing left"),
    (
        "report_groups",
        "*",
        "reports of people; what they lead to is a remediation, whose request is in the chain and which waits for votes",
    ),
    ("reporters", "*", "who is answered when a remediation ends; what is said of it is the fold of its events"),
    ("reports", "*", "like `report_groups`"),
    ("saved_searches", "changed_at", "shown"),
    (
        "saved_searches",
        "conditions",
        "of a private search: read by its owner alone; those of a shared one are compared",
    ),
    ("saved_searches", "created_at", "shown"),
    ("saved_searches", "id", "like `conditions`"),
    ("saved_searches", "name", "like `conditions`"),
    ("saved_searches", "name_key", "like `conditions`"),
    ("saved_searches", "owner", "like `conditions`"),
    ("saved_searches", "version", "distinguishes two people who change the same search"),
    ("schedules", "next_at", "an earlier round decides nothing before its time; a later one is reported"),
    ("schedules", "version", "distinguishes two nodes that decide on the same slots"),
    ("seats", "*", "how many calls a node may have in progress; more than a day ahead is reported"),
    ("sessions", "earlier", "useless without the part of the cookie that `digest` covers; at most ends the session"),
    ("sessions", "earlier_until", "like `earlier`"),
    ("sessions", "secret", "useless without the part of the cookie that `digest` covers; at most ends the session"),
    ("sessions", "secret_at", "when the secret is replaced next"),
    ("sessions", "seen_at", "when an idle session ends; it ends at `expires_at` in any case"),
    ("slots", "decided_at", "shown"),
    ("slots", "detail", "shown"),
    ("slots", "fire_at", "shown for a slot that did not run; compared for a run, as is the end of the decided slots"),
    ("slots", "last_at", "like `fire_at`"),
    ("slots", "reason", "why a slot did not run: shown; that a slot waits is compared"),
    ("slots", "slots", "shown"),
    ("store_limits", "*", "the rate of calls; more than a day ahead is reported"),
    ("sweeps", "looked_at", "shown"),
    ("sweeps", "looks", "shown"),
    ("sweeps", "next_at", "the time of the next look; more than a day and its period ahead is reported"),
    ("sweeps", "version", "distinguishes two nodes that take the same look"),
    (
        "work",
        "claims",
        "whether the state is checked before acting; a store that has moved a message does not move it again",
    ),
    ("work", "next_at", "when a lane is claimed; more than a day ahead is reported"),
    ("work", "node", "any other node frees a lane of a node that is not alive"),
];
