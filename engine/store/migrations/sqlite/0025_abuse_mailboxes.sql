-- The mailboxes that people send reports to: when each is looked into next, and what the last look found.
CREATE TABLE abuse_mailboxes (
    store TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    next_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    -- The start of the last look that left no mail.
    whole_at INTEGER,
    looked_at INTEGER,
    -- Looks in a row that failed, and what the last look could not do.
    failures INTEGER NOT NULL DEFAULT 0,
    trouble TEXT,
    PRIMARY KEY (store, mailbox)
);
-- Why a mail to such a mailbox is not counted.
ALTER TABLE reports ADD COLUMN not_counted TEXT;
