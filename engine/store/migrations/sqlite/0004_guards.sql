-- The kill switch: a row while the site is halted.
CREATE TABLE halts (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    halted_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    since BIGINT NOT NULL
);

-- Digest of playbook, inputs, action and picked messages; none where the same may run again at once.
ALTER TABLE remediations ADD COLUMN selection TEXT;
-- When it was decided that it may run.
ALTER TABLE remediations ADD COLUMN approved_at BIGINT;
-- The remediation that it undoes or tries again.
ALTER TABLE remediations ADD COLUMN follows TEXT;

CREATE INDEX remediations_by_selection ON remediations (selection, approved_at) WHERE selection IS NOT NULL;
CREATE INDEX remediations_by_followed ON remediations (follows) WHERE follows IS NOT NULL;
CREATE INDEX remediations_in_progress ON remediations (number) WHERE status = 'in-progress';
CREATE INDEX remediations_approved ON remediations (due_at) WHERE status = 'approved';
CREATE INDEX remediations_paused ON remediations (number) WHERE status = 'paused';
