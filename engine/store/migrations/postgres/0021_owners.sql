-- The person who owns a service: none for people, and for services that are older than this.
ALTER TABLE principals ADD COLUMN owner TEXT REFERENCES principals (name);
