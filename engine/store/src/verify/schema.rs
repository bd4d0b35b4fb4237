//! Checks the schema: tables, columns, constraints, indexes, triggers and functions must be those that the steps of
//! this program create. There is no second description of them: the steps are applied to an empty schema, and the two
//! are compared.

use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;

use super::found::{Found, VerifyError};
use crate::database::dialect::{Pool, Tx};
use crate::database::schema;
use crate::error::StoreError;
use crate::store::Store;

/// The definitions of all objects, by kind and name.
type Parts = BTreeMap<String, String>;

/// Lists everything in a SQLite database, except what SQLite creates itself.
const SQLITE: &str = "SELECT type || ' ' || name || ' of ' || tbl_name, COALESCE(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

/// Lists everything in one schema of PostgreSQL, except what belongs to an extension and the table of the steps
/// themselves. `@` is the OID of the schema. NOT NULL is listed with the columns, however the catalog stores it.
const POSTGRES: &str = "
WITH tables AS (
    SELECT c.oid, c.relname, c.relkind, c.relrowsecurity FROM pg_class c
    WHERE c.relnamespace = @ AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname <> '_sqlx_migrations'
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
)
SELECT 'table ' || relname, relkind::TEXT || relrowsecurity::TEXT FROM tables
UNION ALL
SELECT 'column ' || a.attname || ' of ' || t.relname, format_type(a.atttypid, a.atttypmod) || a.attnotnull::TEXT
    || a.attidentity::TEXT || a.attgenerated::TEXT || COALESCE(pg_get_expr(d.adbin, d.adrelid), '')
FROM pg_attribute a JOIN tables t ON t.oid = a.attrelid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'constraint ' || k.conname || ' of ' || t.relname, pg_get_constraintdef(k.oid) || k.convalidated::TEXT
FROM pg_constraint k JOIN tables t ON t.oid = k.conrelid WHERE k.contype <> 'n'
UNION ALL
SELECT 'index ' || c.relname || ' of ' || t.relname,
    regexp_replace(pg_get_indexdef(i.indexrelid), ' ON .* USING ', ' ') || i.indisvalid::TEXT
FROM pg_index i JOIN tables t ON t.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid
UNION ALL
SELECT 'trigger ' || g.tgname || ' of ' || t.relname, g.tgtype::TEXT || g.tgenabled::TEXT || p.proname
    || (p.pronamespace = @)::TEXT || COALESCE(pg_get_expr(g.tgqual, g.tgrelid), '') || encode(g.tgargs, 'hex')
FROM pg_trigger g JOIN tables t ON t.oid = g.tgrelid JOIN pg_proc p ON p.oid = g.tgfoid WHERE NOT g.tgisinternal
UNION ALL
SELECT 'disabled constraints of ' || t.relname, COUNT(*)::TEXT
FROM pg_trigger g JOIN tables t ON t.oid = g.tgrelid WHERE g.tgisinternal AND g.tgenabled <> 'O' GROUP BY t.relname
UNION ALL
SELECT 'rule ' || r.rulename || ' of ' || t.relname, pg_get_ruledef(r.oid)
FROM pg_rewrite r JOIN tables t ON t.oid = r.ev_class
UNION ALL
SELECT 'policy ' || y.polname || ' of ' || t.relname, '' FROM pg_policy y JOIN tables t ON t.oid = y.polrelid
UNION ALL
SELECT 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
    p.prosrc || p.prosecdef::TEXT || p.prolang::TEXT
FROM pg_proc p WHERE p.pronamespace = @
AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')";

/// Lists event triggers, of which this program has none.
const EVENT_TRIGGERS: &str = "SELECT 'event trigger ' || v.evtname, '' FROM pg_event_trigger v \
    WHERE NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = v.oid AND d.deptype = 'e')";

impl Store {
    /// Compares the schema with the one that this program creates.
    pub(super) async fn check_schema(&self) -> Result<(), VerifyError> {
        let (expected, found) = match self.pool() {
            Pool::Sqlite { .. } => {
                let model = schema::model_sqlite().await?;
                let expected =
                    parts(&mut Tx::Sqlite(model.begin().await.map_err(StoreError::from)?), SQLITE.to_owned()).await;
                model.close().await;
                (expected?, parts(&mut self.read().await?, SQLITE.to_owned()).await?)
            }
            Pool::Postgres(_) => {
                let expected = self.model_postgres().await?;
                let mut tx = self.read().await?;
                let mut found =
                    parts(&mut tx, POSTGRES.replace('@', "CAST(current_schema()::regnamespace AS OID)")).await?;
                found.extend(parts(&mut tx, EVENT_TRIGGERS.to_owned()).await?);
                (expected, found)
            }
        };
        let names = expected.keys().chain(found.keys());
        let what = names.into_iter().find_map(|name| match (expected.get(name), found.get(name)) {
            (Some(_), None) => Some(format!("{name} is missing")),
            (None, Some(_)) => Some(format!("{name} was added")),
            (expected, found) => (expected != found).then(|| format!("{name} was changed")),
        });
        what.map_or(Ok(()), |what| Err(Found::Schema { what }.into()))
    }

    /// Applies the steps to the temporary tables of a transaction that is rolled back: every role may create those, and
    /// other sessions do not see them.
    async fn model_postgres(&self) -> Result<Parts, StoreError> {
        let mut tx = self.write().await?;
        // Functions in the temporary schema are found only with a qualified name.
        let steps = schema::steps_postgres().replace("EXECUTE FUNCTION ", "EXECUTE FUNCTION pg_temp.");
        if let Tx::Postgres(tx) = &mut tx {
            let steps = format!("SET LOCAL search_path TO pg_temp; {steps}");
            sqlx::raw_sql(AssertSqlSafe(steps)).execute(&mut **tx).await?;
        }
        let found = parts(&mut tx, POSTGRES.replace('@', "pg_my_temp_schema()")).await;
        tx.roll_back().await?;
        found
    }
}

async fn parts(tx: &mut Tx, sql: String) -> Result<Parts, StoreError> {
    tx.rows(sql, &[]).await?.iter().map(|row| Ok((row.string(0)?, row.string(1)?))).collect()
}
