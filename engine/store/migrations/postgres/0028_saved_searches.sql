-- The searches that people saved under a name. Those that are shared are in the events of the site, too.
CREATE TABLE saved_searches (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL REFERENCES principals (name),
    name TEXT NOT NULL,
    -- The name as names are compared.
    name_key TEXT NOT NULL,
    is_shared BIGINT NOT NULL CHECK (is_shared IN (0, 1)),
    -- Inputs of the playbook `manual` as JSON, as they were typed.
    conditions TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    version BIGINT NOT NULL DEFAULT 1,
    UNIQUE (owner, name_key)
);
CREATE INDEX saved_searches_shared ON saved_searches (id) WHERE is_shared = 1;
