-- The Merkle tree over the events, in tiles: up to 256 hashes of neighbouring subtrees of 256^level events each. They follow from
-- the events, are brought up to date behind them, and may be behind.
CREATE TABLE log_tiles (
    level BIGINT NOT NULL,
    number BIGINT NOT NULL,
    -- In base 64, one behind the other.
    hashes TEXT NOT NULL,
    PRIMARY KEY (level, number)
);

-- Checkpoints of the tree that were given out, as they were signed.
CREATE TABLE heads (
    size BIGINT PRIMARY KEY,
    note TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    -- When everybody who is to keep them had been told.
    told_at BIGINT
);
