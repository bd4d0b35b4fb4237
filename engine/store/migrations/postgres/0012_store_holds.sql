-- A store that throttles asked every node to leave it alone until then.
ALTER TABLE store_limits ADD COLUMN held_until BIGINT NOT NULL DEFAULT 0;
