-- Roles that a second administrator has yet to confirm, and who asked for them.
ALTER TABLE principals ADD COLUMN pending_roles TEXT;
ALTER TABLE principals ADD COLUMN pending_by TEXT;
-- 1: has had a credential that they made themselves, or that an identity provider vouched for.
ALTER TABLE principals ADD COLUMN own INTEGER NOT NULL DEFAULT 0;
WITH made AS MATERIALIZED (
    SELECT json_extract(body, '$.principal') AS principal, kind,
        COALESCE(json_extract(body, '$."password-by"'), json_extract(body, '$."issued-by"'), actor) AS maker
    FROM events WHERE kind IN ('password-set', 'token-added', 'identity-linked')
)
UPDATE principals SET own = 1
    WHERE name IN (SELECT principal FROM made WHERE kind = 'identity-linked' OR maker = principal);
