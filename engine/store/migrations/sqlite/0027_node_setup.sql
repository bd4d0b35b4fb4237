-- The digests of what the node works by, as JSON; none if an earlier version of the program runs it.
ALTER TABLE nodes ADD COLUMN setup TEXT;
