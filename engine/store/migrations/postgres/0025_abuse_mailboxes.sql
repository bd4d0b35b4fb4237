-- The mailboxes that people send reports to: when each is looked into next, and what the last look found.
CREATE TABLE abuse_mailboxes (
    store TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    next_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    -- The start of the last look that left no mail.
    whole_at BIGINT,
    looked_at BIGINT,
    -- Looks in a row that failed, and what the last look could not do.
    failures BIGINT NOT NULL DEFAULT 0,
    trouble TEXT,
    PRIMARY KEY (store, mailbox)
);
-- Why a mail to such a mailbox is not counted.
ALTER TABLE reports ADD COLUMN not_counted TEXT;
