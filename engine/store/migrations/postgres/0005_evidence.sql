-- The index that the history's filters are answered from. A block is 4,096 remediations that were submitted one after the
-- other; for each word that applies to one of them (`status:failed`, three letters of its name) a row holds which they are.

CREATE TABLE history_blocks (
    block BIGINT PRIMARY KEY,
    -- The earliest and the latest `created_at` in it.
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL
);

CREATE TABLE history_words (
    block BIGINT NOT NULL,
    word TEXT NOT NULL,
    -- A set of places in the block, in base 64.
    members TEXT NOT NULL,
    PRIMARY KEY (block, word)
) WITH (fillfactor = 70);

-- When each was submitted, in a table so narrow that a whole block of it is a few pages.
CREATE TABLE history_times (
    number BIGINT PRIMARY KEY,
    created_at BIGINT NOT NULL
);

-- Nothing walks remediations by time any more.
DROP INDEX remediations_by_time;

-- Raw messages that were kept before they were deleted for good. The bytes lie elsewhere, under their digest; the digest also
-- stands in the receipt of the outcome, and so under the chain.
CREATE TABLE evidence (
    remediation BIGINT NOT NULL REFERENCES remediations (number),
    seq BIGINT NOT NULL,
    -- sha256 of the bytes.
    digest TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    kept_at BIGINT NOT NULL,
    PRIMARY KEY (remediation, seq)
);
CREATE INDEX evidence_by_digest ON evidence (digest);

-- Ended remediations whose messages (targets, lanes, outcomes) were removed by policy. An event of the site says the same; events
-- and digests stay.
CREATE TABLE removals (
    remediation BIGINT PRIMARY KEY REFERENCES remediations (number),
    event BIGINT NOT NULL,
    -- 0 while rows are left: they go in bounded steps.
    done BIGINT NOT NULL CHECK (done IN (0, 1))
);
