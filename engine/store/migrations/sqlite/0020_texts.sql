-- Texts that plans were made with, each under the sha256 that stands in the header of the plan: playbooks, scripts, lists.
CREATE TABLE texts (
    digest TEXT PRIMARY KEY,
    body TEXT NOT NULL
);

-- Which remediation's plan refers to which of them. A text that none refers to is removed.
CREATE TABLE plan_texts (
    remediation BIGINT NOT NULL REFERENCES remediations (number),
    digest TEXT NOT NULL REFERENCES texts (digest),
    PRIMARY KEY (remediation, digest)
) WITHOUT ROWID;
CREATE INDEX plan_texts_by_digest ON plan_texts (digest);
