-- What each part of a plan hashes to, so that a part can be checked without the others; NULL: a plan of version 1 has none.
ALTER TABLE plans ADD COLUMN parts TEXT;
