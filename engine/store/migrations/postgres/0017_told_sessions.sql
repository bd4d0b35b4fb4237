-- That somebody signs in is an event of the site now. Whoever was signed in before this step signs in once more: no event tells of
-- their session.
DELETE FROM sessions;
