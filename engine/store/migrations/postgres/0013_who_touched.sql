-- The history is asked by mailbox, by requester and by playbook.
CREATE INDEX lanes_by_mailbox ON lanes (mailbox, remediation);

-- The index of the history has no words for requesters and playbooks yet: it is built anew when the program starts.
DELETE FROM history_words;
DELETE FROM history_times;
DELETE FROM history_blocks;
