-- Reports of suspicious messages. No text of a message is kept but its subject. Of one campaign, they are a group.
CREATE TABLE report_groups (
    number INTEGER PRIMARY KEY,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    reports INTEGER NOT NULL,
    people INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    subject TEXT NOT NULL,
    root TEXT NOT NULL,
    -- Filed once, when there were enough reports.
    remediation_id TEXT UNIQUE REFERENCES remediations (id)
);
CREATE INDEX report_groups_last ON report_groups (last_at);
CREATE TABLE reports (
    id TEXT PRIMARY KEY,
    -- None for a report that is not counted.
    report_group INTEGER REFERENCES report_groups (number),
    reporter TEXT NOT NULL,
    reported_at INTEGER NOT NULL,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    subject TEXT NOT NULL,
    -- The principal that brought it.
    brought_by TEXT NOT NULL,
    -- Of a mail to the mailbox for reports: each is reported once.
    fingerprint TEXT UNIQUE
);
CREATE INDEX reports_group ON reports (report_group);
CREATE INDEX reports_at ON reports (reported_at);
-- The people of a group. next_at: an answer is due.
CREATE TABLE reporters (
    report_group INTEGER NOT NULL REFERENCES report_groups (number),
    reporter TEXT NOT NULL,
    reported_at INTEGER NOT NULL,
    next_at INTEGER,
    since INTEGER,
    tries INTEGER NOT NULL DEFAULT 0,
    answered_at INTEGER,
    PRIMARY KEY (report_group, reporter)
);
CREATE INDEX reporters_next ON reporters (next_at) WHERE next_at IS NOT NULL;
