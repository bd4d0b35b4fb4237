-- Wrong passwords, by the sha256 of the name that was tried, whether or not anybody has it: neither a wait nor its end tells
-- which names there are.
CREATE TABLE attempts (
    name TEXT NOT NULL PRIMARY KEY,
    -- Since the last right one.
    failures BIGINT NOT NULL,
    -- Until then no password is looked at.
    locked_until BIGINT NOT NULL,
    -- Place in the order of trying; only those of the last are kept. NULL: an account's, which stays whatever else is tried.
    number BIGINT
);
CREATE INDEX attempts_by_number ON attempts (number);
CREATE INDEX attempts_by_end ON attempts (locked_until);

ALTER TABLE accounts DROP COLUMN failures;
ALTER TABLE accounts DROP COLUMN locked_until;
