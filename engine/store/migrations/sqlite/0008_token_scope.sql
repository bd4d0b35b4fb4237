-- The only ones of a principal's roles that a token brings, as a JSON list; NULL: all of them.
ALTER TABLE tokens ADD COLUMN scope TEXT;
