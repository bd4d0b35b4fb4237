-- Lanes of open batches become work that any node may claim, and a store's limits become rows, so that they hold over all nodes.

-- A lane of the open batch of a remediation; gone once each of its targets has its outcome.
CREATE TABLE work (
    remediation BIGINT NOT NULL REFERENCES remediations (number),
    lane BIGINT NOT NULL,
    batch BIGINT NOT NULL,
    store TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    first_seq BIGINT NOT NULL,
    targets BIGINT NOT NULL CHECK (targets > 0),
    -- Not before: what a store asked for (Retry-After).
    next_at BIGINT NOT NULL DEFAULT 0,
    -- Who works on it, for as long as that node is alive.
    node TEXT,
    -- Counts the claims; a late writer has an old one. Above 1, some of it may have been done.
    claims BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (remediation, lane)
);
-- One node at a time in a mailbox, whatever the remediations.
CREATE UNIQUE INDEX work_mailboxes ON work (store, mailbox) WHERE node IS NOT NULL;
CREATE INDEX work_nodes ON work (node) WHERE node IS NOT NULL;

-- When a node last claimed lanes of it: they take turns.
ALTER TABLE batches ADD COLUMN served_at BIGINT NOT NULL DEFAULT 0;
-- Whether its lanes must be handed back: for a pause, a cancel.
ALTER TABLE batches ADD COLUMN stopped BIGINT NOT NULL DEFAULT 0 CHECK (stopped IN (0, 1));
-- Targets whose call was throttled, while it is open.
ALTER TABLE batches ADD COLUMN throttled BIGINT NOT NULL DEFAULT 0;
CREATE INDEX batches_open ON batches (remediation) WHERE finished_at IS NULL;

-- How many of a store's calls a node may have under way. They never sum to more than the store allows.
CREATE TABLE seats (
    store TEXT NOT NULL,
    node TEXT NOT NULL,
    seats BIGINT NOT NULL CHECK (seats >= 0),
    until BIGINT NOT NULL,
    PRIMARY KEY (store, node)
);

-- A store's token bucket; its row is also what a change of its seats locks.
CREATE TABLE store_limits (
    store TEXT PRIMARY KEY,
    -- Millionths of a call.
    tokens BIGINT NOT NULL DEFAULT 0,
    filled_at BIGINT NOT NULL DEFAULT 0
);

-- What an earlier version left half done.
INSERT INTO work (remediation, lane, batch, store, mailbox, first_seq, targets, claims)
SELECT remediation, lane, batch, store, mailbox, first_seq, end_seq - first_seq, 1 FROM (
    SELECT b.remediation, l.lane, b.number AS batch, l.store, l.mailbox,
        CASE WHEN l.first_seq > b.first_seq THEN l.first_seq ELSE b.first_seq END AS first_seq,
        CASE WHEN l.first_seq + l.targets < b.first_seq + b.targets THEN l.first_seq + l.targets
            ELSE b.first_seq + b.targets END AS end_seq
    FROM batches b JOIN lanes l ON l.remediation = b.remediation
    WHERE b.finished_at IS NULL AND l.first_seq < b.first_seq + b.targets AND l.first_seq + l.targets > b.first_seq
) AS open_lanes;
