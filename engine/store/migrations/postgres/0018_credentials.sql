-- Who made a token and who set a password, as the events tell: what is its owner's own may vote. Empty: nothing tells.
ALTER TABLE tokens ADD COLUMN issued_by TEXT NOT NULL DEFAULT '';
WITH made AS MATERIALIZED (
    SELECT body::JSON ->> 'digest' AS digest, actor FROM events WHERE kind = 'token-added'
)
UPDATE tokens SET issued_by = made.actor FROM made WHERE made.digest = tokens.digest;

ALTER TABLE accounts ADD COLUMN password_by TEXT NOT NULL DEFAULT '';
WITH told AS MATERIALIZED (
    SELECT seq, body::JSON ->> 'principal' AS principal, actor FROM events WHERE kind = 'password-set'
)
UPDATE accounts SET password_by = told.actor FROM told WHERE told.principal = accounts.principal
    AND told.seq = (SELECT MAX(seq) FROM told AS other WHERE other.principal = accounts.principal);
