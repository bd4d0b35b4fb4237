-- Who signs in to the Action Center, with what, and what was refused to whom.

-- The password of a local account, as an Argon2id hash in PHC form.
CREATE TABLE accounts (
    principal TEXT NOT NULL PRIMARY KEY REFERENCES principals (name),
    password TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    -- Wrong passwords since the last right one, and until when none is looked at.
    failures BIGINT NOT NULL DEFAULT 0,
    locked_until BIGINT NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Who somebody is at an identity provider (OpenID Connect Core 1.0, section 2: `iss` and `sub`).
CREATE TABLE identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    principal TEXT NOT NULL REFERENCES principals (name),
    PRIMARY KEY (issuer, subject)
) WITHOUT ROWID;
CREATE UNIQUE INDEX identities_by_principal ON identities (principal);

-- A browser that is signed in, by the sha256 of its cookie.
CREATE TABLE sessions (
    digest TEXT NOT NULL PRIMARY KEY,
    principal TEXT NOT NULL REFERENCES principals (name),
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_by_principal ON sessions (principal);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- Answers that were given under an idempotency key; status 0 while the first request is under way.
CREATE TABLE answers (
    principal TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request TEXT NOT NULL,
    status BIGINT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (principal, idempotency_key)
) WITHOUT ROWID;
CREATE INDEX answers_by_time ON answers (created_at);

-- What was refused, the newest ten thousand. Beside the chain, because whoever is refused must not be able to make it grow.
CREATE TABLE refusals (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    -- Empty where the caller is unknown.
    principal TEXT NOT NULL,
    request TEXT NOT NULL,
    reason TEXT NOT NULL
);
