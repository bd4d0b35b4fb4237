-- The usual words: a reminder and a checkpoint are sent.
ALTER TABLE reminders RENAME COLUMN told TO sent;
ALTER TABLE heads RENAME COLUMN told_at TO sent_at;
