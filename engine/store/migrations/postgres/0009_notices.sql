-- The outbox: one row for each change of status of which nobody has looked up yet whom to tell, and then one for each notifier that
-- has not been told of it. What it tells is the fold of the events up to that of the change.
CREATE TABLE notices (
    event BIGINT PRIMARY KEY,
    remediation_id TEXT NOT NULL REFERENCES remediations (id)
);
CREATE INDEX notices_by_remediation ON notices (remediation_id, event);

CREATE TABLE deliveries (
    notifier TEXT NOT NULL,
    -- No reference: checking one would lock the row that work is claimed by.
    remediation_id TEXT NOT NULL,
    event BIGINT NOT NULL,
    -- Since when it is tried.
    since BIGINT NOT NULL,
    -- How often it was taken; a node that took it earlier cannot tick it off.
    tries BIGINT NOT NULL CHECK (tries >= 0),
    next_at BIGINT NOT NULL,
    PRIMARY KEY (notifier, remediation_id, event)
);
CREATE INDEX deliveries_due ON deliveries (next_at, notifier);
