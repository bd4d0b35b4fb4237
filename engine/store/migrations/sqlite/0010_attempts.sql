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
) WITHOUT ROWID;
CREATE INDEX attempts_by_number ON attempts (number);
CREATE INDEX attempts_by_end ON attempts (locked_until);

-- Without `failures` and `locked_until`. Made anew, since SQLite stumbles over the comment before a column that it drops.
CREATE TABLE accounts_new (
    principal TEXT NOT NULL PRIMARY KEY REFERENCES principals (name),
    -- The password as an Argon2id hash in PHC form.
    password TEXT NOT NULL,
    changed_at BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO accounts_new SELECT principal, password, changed_at FROM accounts;
DROP TABLE accounts;
ALTER TABLE accounts_new RENAME TO accounts;
