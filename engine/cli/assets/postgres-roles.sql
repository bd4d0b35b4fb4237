-- Three roles of PostgreSQL, each with no more than it needs. Run this as a superuser, in Clawback's database:
--
--   1. once, before anything else;
--   2. again after the tables were made or changed, which whoever is `clawback_owner` does with `clawback doctor`.
--
-- clawback_owner   owns the tables and changes the schema: for upgrades alone
-- clawback_app     works: workers, the Action Center, the command line. It adds events, and cannot change or remove one
-- clawback_reader  reads, for reports; nothing that proves who somebody is
--
-- None has a password yet: ALTER ROLE ... PASSWORD, or what pg_hba.conf says.

DO $$ BEGIN CREATE ROLE clawback_owner LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE clawback_app LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE clawback_reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO clawback_owner;
GRANT USAGE ON SCHEMA public TO clawback_app, clawback_reader;

-- What the owner makes, the application may use.
ALTER DEFAULT PRIVILEGES FOR ROLE clawback_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO clawback_app;
ALTER DEFAULT PRIVILEGES FOR ROLE clawback_owner IN SCHEMA public GRANT USAGE ON SEQUENCES TO clawback_app;

DO $$
BEGIN
    IF to_regclass('public.events') IS NULL THEN
        RAISE NOTICE 'there are no tables yet: run `clawback doctor` as clawback_owner, then this again';
        RETURN;
    END IF;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clawback_app;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO clawback_app;
    -- The chain is added to, and nothing else.
    REVOKE UPDATE, DELETE, TRUNCATE ON events FROM clawback_app;
    -- Of the schema's steps it only reads which there are.
    REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON _sqlx_migrations FROM clawback_app;

    GRANT SELECT ON ALL TABLES IN SCHEMA public TO clawback_reader;
    REVOKE SELECT ON accounts, answers, identities, sessions, tokens FROM clawback_reader;
END $$;
