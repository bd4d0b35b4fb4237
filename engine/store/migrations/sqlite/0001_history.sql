-- The history store on SQLite. Text, 64-bit integers and nothing else: times are microseconds UTC, JSON and digests are text.
-- A remediation is known by its number in every table that has many rows, so that keys stay small.

CREATE TABLE remediations (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- Lower case, for searching.
    name_key TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('informational', 'low', 'medium', 'high')),
    status TEXT NOT NULL CHECK (status IN ('queued', 'planning', 'pending-approval', 'approved', 'in-progress', 'paused',
        'completed', 'partially-completed', 'failed', 'rejected', 'expired', 'cancelled', 'nothing-to-do')),
    action TEXT NOT NULL CHECK (action IN ('move-to-junk', 'move-to-inbox', 'move-to-deleted-items', 'soft-delete',
        'hard-delete', 'move-to-quarantine', 'restore')),
    action_source TEXT NOT NULL CHECK (action_source IN ('manual', 'explorer', 'script', 'schedule', 'air', 'api')),
    approval_id TEXT NOT NULL UNIQUE,
    investigation_id TEXT NOT NULL UNIQUE,
    requested_by TEXT NOT NULL,
    decided_by TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- When there is work to do; none while it waits for a person or has ended.
    due_at BIGINT,
    lease_owner TEXT,
    lease_until BIGINT NOT NULL DEFAULT 0,
    -- Counts the claims; a late writer has an old one.
    fence BIGINT NOT NULL DEFAULT 0,
    version BIGINT NOT NULL,
    -- The fold of its events as JSON.
    state TEXT NOT NULL,
    CHECK (due_at IS NULL OR status NOT IN ('completed', 'partially-completed', 'failed', 'rejected', 'expired',
        'cancelled', 'nothing-to-do')),
    CHECK (status NOT IN ('approved', 'in-progress', 'paused', 'completed', 'partially-completed', 'rejected')
        OR decided_by IS NOT NULL)
);
CREATE INDEX remediations_by_time ON remediations (created_at, number);
CREATE INDEX remediations_due ON remediations (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    remediation_id TEXT NOT NULL UNIQUE REFERENCES remediations (id),
    created_at BIGINT NOT NULL,
    body TEXT NOT NULL
);

CREATE TABLE investigations (
    id TEXT PRIMARY KEY,
    remediation_id TEXT NOT NULL UNIQUE REFERENCES remediations (id),
    kind TEXT NOT NULL CHECK (kind IN ('admin', 'air')),
    created_at BIGINT NOT NULL,
    body TEXT NOT NULL
);

CREATE TABLE plans (
    remediation BIGINT PRIMARY KEY REFERENCES remediations (number),
    header TEXT NOT NULL,
    digest TEXT NOT NULL,
    targets BIGINT NOT NULL
);

-- One mailbox of one store; its targets follow each other in the plan.
CREATE TABLE lanes (
    remediation BIGINT NOT NULL,
    lane BIGINT NOT NULL,
    store TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    first_seq BIGINT NOT NULL,
    targets BIGINT NOT NULL CHECK (targets > 0),
    PRIMARY KEY (remediation, lane)
) WITHOUT ROWID;

CREATE TABLE targets (
    remediation BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    lane BIGINT NOT NULL,
    locator TEXT NOT NULL,
    message_id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    location TEXT NOT NULL,
    original_location TEXT,
    subject TEXT NOT NULL,
    from_address TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    former TEXT,
    not_remediable TEXT,
    PRIMARY KEY (remediation, seq)
) WITHOUT ROWID;

-- Exactly one row per target, written once.
CREATE TABLE outcomes (
    remediation BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('succeeded', 'already-in-destination', 'not-found', 'moved-since', 'not-remediable', 'failed', 'cancelled')),
    reason TEXT NOT NULL,
    detail TEXT,
    receipt TEXT,
    batch BIGINT,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (remediation, seq),
    CHECK (batch IS NOT NULL OR kind IN ('not-remediable', 'cancelled'))
) WITHOUT ROWID;

CREATE TABLE batches (
    remediation BIGINT NOT NULL REFERENCES remediations (number),
    number BIGINT NOT NULL,
    first_seq BIGINT NOT NULL,
    targets BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT,
    report TEXT,
    outcomes TEXT,
    PRIMARY KEY (remediation, number),
    CHECK ((finished_at IS NULL) = (report IS NULL) AND (finished_at IS NULL) = (outcomes IS NULL))
) WITHOUT ROWID;

CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    remediation_id TEXT NOT NULL UNIQUE REFERENCES remediations (id),
    digest TEXT NOT NULL,
    requester TEXT NOT NULL,
    votes_required BIGINT NOT NULL,
    rule TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    deadline BIGINT NOT NULL
);

-- Every vote ever cast, also on plans that were replaced.
CREATE TABLE votes (
    event BIGINT PRIMARY KEY,
    approval_id TEXT NOT NULL REFERENCES approvals (id),
    voter TEXT NOT NULL,
    decision TEXT NOT NULL CHECK (decision IN ('approve', 'reject')),
    digest TEXT NOT NULL,
    comment TEXT,
    cast_at BIGINT NOT NULL
);
CREATE INDEX votes_by_approval ON votes (approval_id, event);

-- One chain over all remediations and the site itself. Rows are only ever added.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    remediation_id TEXT,
    recorded_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX events_by_remediation ON events (remediation_id, seq);

CREATE TABLE principals (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('person', 'service')),
    -- JSON array of words.
    roles TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- The digest of each secret, never the secret.
CREATE TABLE tokens (
    digest TEXT PRIMARY KEY,
    principal TEXT NOT NULL REFERENCES principals (name),
    label TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    UNIQUE (principal, label)
);

CREATE TABLE schedules (
    id TEXT PRIMARY KEY,
    playbook TEXT NOT NULL,
    cron TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    paused BIGINT NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    next_at BIGINT
);

-- A fire time is taken once over all nodes.
CREATE TABLE slots (
    schedule TEXT NOT NULL REFERENCES schedules (id),
    fire_at BIGINT NOT NULL,
    remediation_id TEXT,
    PRIMARY KEY (schedule, fire_at)
) WITHOUT ROWID;

CREATE TABLE nodes (
    id TEXT PRIMARY KEY,
    alive_until BIGINT NOT NULL
);

CREATE TRIGGER events_are_final BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'rows of events are never changed'); END;

CREATE TRIGGER events_are_kept BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'rows of events are never changed'); END;

CREATE TRIGGER outcomes_are_final BEFORE UPDATE ON outcomes BEGIN SELECT RAISE(ABORT, 'rows of outcomes are never changed'); END;

CREATE TRIGGER targets_are_final BEFORE UPDATE ON targets BEGIN SELECT RAISE(ABORT, 'rows of targets are never changed'); END;
