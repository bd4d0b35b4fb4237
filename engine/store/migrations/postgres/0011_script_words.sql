-- Why the scripts of a playbook kept a message, in their words, and the word that they group it by; NULL: they said nothing.
ALTER TABLE targets ADD COLUMN script_reason TEXT;
ALTER TABLE targets ADD COLUMN script_tag TEXT;
