-- Schedules and sweeps. Nothing has written the two tables before: they are made anew.

DROP TABLE slots;
DROP TABLE schedules;

-- A playbook that runs by itself. What the playbook says stands beside where the schedule is.
CREATE TABLE schedules (
    -- The playbook's name.
    name TEXT PRIMARY KEY,
    -- The timetable as JSON.
    timetable TEXT NOT NULL,
    paused BIGINT NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    -- The playbook is not there any more, or has no schedule.
    removed BIGINT NOT NULL DEFAULT 0 CHECK (removed IN (0, 1)),
    -- Every slot up to here has its row in `slots`.
    decided_to BIGINT NOT NULL,
    -- Slots up to here fell into a pause.
    paused_to BIGINT,
    -- The slot that waits for an earlier run to end.
    waiting BIGINT,
    -- When to look again.
    next_at BIGINT,
    version BIGINT NOT NULL DEFAULT 1,
    CHECK (next_at IS NULL OR (paused = 0 AND removed = 0))
);
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;

-- A slot is taken once over all nodes: by a run, or for a reason. Slots that were left out together share a row.
CREATE TABLE slots (
    schedule TEXT NOT NULL REFERENCES schedules (name),
    fire_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    slots BIGINT NOT NULL CHECK (slots > 0),
    remediation_id TEXT REFERENCES remediations (id),
    reason TEXT CHECK (reason IN ('missed', 'made-up', 'overlapped', 'paused', 'refused', 'waiting')),
    detail TEXT,
    decided_at BIGINT NOT NULL,
    PRIMARY KEY (schedule, fire_at),
    CHECK ((remediation_id IS NULL) <> (reason IS NULL)),
    CHECK (last_at >= fire_at AND (slots = 1) = (last_at = fire_at))
) WITHOUT ROWID;
-- The runs of a schedule, newest first, past the slots that were left out.
CREATE INDEX slots_with_runs ON slots (schedule, fire_at) WHERE remediation_id IS NOT NULL;

-- Looking for late copies of what the first remediation of a family took.
CREATE TABLE sweeps (
    first_id TEXT PRIMARY KEY REFERENCES remediations (id),
    -- What the playbook says, as JSON.
    sweep TEXT NOT NULL,
    looks BIGINT NOT NULL DEFAULT 0,
    looked_at BIGINT,
    next_at BIGINT,
    -- Why it goes on no more, as JSON.
    ended TEXT,
    version BIGINT NOT NULL DEFAULT 1,
    CHECK ((next_at IS NULL) = (ended IS NOT NULL))
);
CREATE INDEX sweeps_due ON sweeps (next_at) WHERE next_at IS NOT NULL;

-- The remediations that took late copies.
CREATE TABLE follow_ups (
    remediation_id TEXT PRIMARY KEY REFERENCES remediations (id),
    first_id TEXT NOT NULL REFERENCES sweeps (first_id),
    filed_at BIGINT NOT NULL
);
CREATE INDEX follow_ups_by_first ON follow_ups (first_id, filed_at);
