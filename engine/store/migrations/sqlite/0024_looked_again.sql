-- When a plan that waits for votes is looked at again, and what the last look counted, for the plan of that digest.
CREATE TABLE looked_again (
    remediation_id TEXT PRIMARY KEY,
    next_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    digest TEXT,
    looked TEXT
);
CREATE INDEX remediations_pending ON remediations (number) WHERE status = 'pending-approval';
