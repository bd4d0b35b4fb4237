-- What is refused to strangers stands apart from what is refused to principals, so that no flood of the one pushes out the other;
-- what is refused again and again stands in one row.
ALTER TABLE refusals ADD COLUMN last_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE refusals ADD COLUMN times BIGINT NOT NULL DEFAULT 1;
-- Where the request came from; empty where nobody knows.
ALTER TABLE refusals ADD COLUMN source TEXT NOT NULL DEFAULT '';
-- The principal who had shown that they are it; empty for strangers, whatever name they gave. Of each the newest are kept.
ALTER TABLE refusals ADD COLUMN kept_for TEXT NOT NULL DEFAULT '';
UPDATE refusals SET last_at = at;
UPDATE refusals SET kept_for = principal WHERE principal IN (SELECT name FROM principals);
CREATE INDEX refusals_by_owner ON refusals (kept_for, number);
CREATE INDEX refusals_by_time ON refusals (last_at, number);
