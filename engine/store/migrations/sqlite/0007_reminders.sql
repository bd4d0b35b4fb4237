-- Approvers are told again of what waits: one row for each plan that waits for votes and has a reminder to come.
CREATE TABLE reminders (
    remediation_id TEXT PRIMARY KEY REFERENCES remediations (id),
    -- How many reminders went out.
    told BIGINT NOT NULL CHECK (told >= 0),
    next_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX reminders_due ON reminders (next_at);
