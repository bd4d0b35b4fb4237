-- Who sent the message of a group as a phishing simulation; none if it is none.
ALTER TABLE report_groups ADD COLUMN simulation TEXT;
