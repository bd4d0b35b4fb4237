-- What started without a vote, by what it is counted by: each row is an entry of an event `counted`.
CREATE TABLE counted (
    counted_by TEXT NOT NULL CHECK (counted_by IN ('requester', 'service', 'playbook', 'sender')),
    name TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    remediation BIGINT NOT NULL REFERENCES remediations (number),
    messages BIGINT NOT NULL,
    mailboxes BIGINT NOT NULL,
    PRIMARY KEY (counted_by, name, started_at, remediation)
);
CREATE INDEX counted_of ON counted (remediation);
