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

-- A browser that is signed in. Whoever was signed in before this step signs in once more: their cookie has but one part.
DROP TABLE sessions;
CREATE TABLE sessions (
    -- The sha256 of the first part of its cookie, which stays.
    digest TEXT NOT NULL PRIMARY KEY,
    -- The sha256 of the second part, which is replaced while the session is in use; and since when it is this one.
    secret TEXT NOT NULL,
    secret_at BIGINT NOT NULL,
    -- That of the one before it, and until when it holds: without end until the browser has shown that it has the new one.
    earlier TEXT,
    earlier_until BIGINT,
    principal TEXT NOT NULL REFERENCES principals (name),
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- 1: begun at the identity provider.
    at_provider BIGINT NOT NULL
);
CREATE INDEX sessions_by_principal ON sessions (principal);
CREATE INDEX sessions_by_end ON sessions (expires_at);
