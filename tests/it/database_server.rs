//! PostgreSQL on another machine: the server is authenticated, and the roles have no more rights than they need.

use std::error::Error as _;
use std::path::Path;

use clawback_store::{Access, Store, StoreError};
use clawback_tests::binary::Clawback;
use clawback_tests::openssl;
use clawback_tests::postgres::Server;
use sqlx::{Connection as _, PgConnection};

/// The script with which an operator creates the roles.
const ROLES: &str = include_str!("../../engine/cli/assets/postgres-roles.sql");

async fn run(url: &str, sql: &'static str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::raw_sql(sql).execute(&mut connection).await?;
    connection.close().await
}

/// The code of the error with which PostgreSQL refused.
async fn refused(url: &str, sql: &'static str) -> String {
    let error = run(url, sql).await.expect_err(sql);
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default().into_owned()
}

async fn open(url: &str, allow_cleartext: bool) -> Result<Option<bool>, StoreError> {
    let store = Store::open_with(url, Access { allow_cleartext, ..Access::default() }).await?;
    let tls = store.health().await?.tls;
    store.close().await;
    Ok(tls)
}

#[tokio::test]
async fn the_server_proves_who_it_is() {
    let (ours, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    openssl::write_certificates(ours.path()).unwrap();
    openssl::write_certificates(other.path()).unwrap();
    let read = |name: &str| std::fs::read_to_string(ours.path().join(name)).unwrap();
    let server = Server::start_with(Some((&read("server.pem"), &read("server.key")))).await;
    server.create("history", "template0").await;
    let url = |mode: &str, authority: &Path| {
        let authority = authority.join("authority.pem");
        format!("{}?sslmode={mode}&sslrootcert={}", server.url("history"), authority.display())
    };
    assert_eq!(open(&url("verify-full", ours.path()), false).await.unwrap(), Some(true));
    assert_eq!(open(&url("verify-ca", ours.path()), false).await.unwrap(), Some(true));
    // Another authority than the one that signed.
    let error = open(&url("verify-full", other.path()), false).await.unwrap_err();
    let cause = error.source().unwrap().to_string();
    assert!(matches!(error, StoreError::Tls { .. }) && cause.contains("invalid peer certificate"), "{error}: {cause}");
    // The right authority, for another name.
    let aside = url("verify-full", ours.path()).replace("127.0.0.1", "127.0.0.2");
    let error = open(&aside, false).await.unwrap_err();
    let cause = error.source().unwrap().to_string();
    assert!(matches!(error, StoreError::Tls { .. }) && cause.contains("not valid for name"), "{error}: {cause}");
    // For a server on another machine, verification is the default; encryption alone is not enough.
    let elsewhere = server.url_elsewhere("history");
    assert!(matches!(open(&elsewhere, false).await, Err(StoreError::Tls { .. })));
    let error = open(&format!("{elsewhere}?sslmode=require"), false).await.unwrap_err().to_string();
    assert!(error.contains("`sslmode=require`") && error.contains("verify-full"), "{error}");
}

#[tokio::test]
async fn cleartext_to_another_machine_must_be_allowed() {
    let server = Server::start().await;
    server.create("history", "template0").await;
    let elsewhere = server.url_elsewhere("history");
    // It offers no TLS.
    let error = open(&elsewhere, false).await.unwrap_err();
    let (said, cause) = (error.to_string(), error.source().unwrap().to_string());
    assert!(said.contains("`127.1`") && said.contains("database-allow-cleartext"), "{said}");
    assert!(cause.contains("does not support TLS"), "{cause}");
    assert!(matches!(open(&format!("{elsewhere}?sslmode=disable"), false).await, Err(StoreError::Cleartext { .. })));
    assert_eq!(open(&format!("{elsewhere}?sslmode=disable"), true).await.unwrap(), Some(false));
    assert_eq!(open(&server.url("history"), false).await.unwrap(), Some(false), "this machine's own");
    // The same from the command line.
    let folder = tempfile::tempdir().unwrap();
    let clawback = Clawback::init_on(
        folder.path(),
        "connector = \"maildir\"\ndirectory = \"mail\"\n",
        Some(&server.url("history")),
    );
    assert!(clawback.ok(&["history"]).is_ascii());
    let config = folder.path().join("clawback.toml");
    let text = std::fs::read_to_string(&config).unwrap().replace("127.0.0.1", "127.1");
    std::fs::write(&config, &text).unwrap();
    assert!(clawback.fails(1, &["history"]).contains("TLS with the database server `127.1` failed"));
    std::fs::write(&config, format!("database-allow-cleartext = true\n{text}")).unwrap();
    clawback.ok(&["history"]);
    let said = String::from_utf8(clawback.run(&["doctor"]).stdout).unwrap();
    assert!(said.contains("without TLS"), "{said}");
}

#[tokio::test]
async fn the_application_works_with_less_than_the_owners_rights() {
    const NO_PRIVILEGE: &str = "42501";
    let server = Server::start().await;
    server.create("history", "template0").await;
    let admin = server.url("history");
    let role = |name: &str| admin.replace("clawback@", &format!("{name}@"));
    let (owner, app, reader) = (role("clawback_owner"), role("clawback_app"), role("clawback_reader"));
    run(&admin, ROLES).await.unwrap();
    let early = Store::open(&app).await.unwrap_err();
    assert!(matches!(early, StoreError::NotTheOwner), "{early}");
    Store::open(&owner).await.unwrap().close().await;
    run(&admin, ROLES).await.unwrap();

    // A whole remediation with the application's role.
    let folder = tempfile::tempdir().unwrap();
    let inbox = folder.path().join("mail/u1/cur");
    for part in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(folder.path().join("mail/u1").join(part)).unwrap();
    }
    // More messages than one person may remove alone.
    for number in 0..12 {
        let text = format!("Message-ID: <{number}@x.example>\r\nFrom: eve@evil.example\r\nSubject: x\r\n\r\nx\r\n");
        std::fs::write(inbox.join(format!("17000000{number:02}.M{number}P1.host:2,S")), text).unwrap();
    }
    let store = "connector = \"maildir\"\ndirectory = \"mail\"\n";
    let clawback = Clawback::init_on(folder.path(), store, Some(&app));
    let ben = clawback.add("ben", "approver");
    let run_once = ["submit", "--name", "x", "--action", "soft-delete", "--from", "eve@evil.example"];
    let submitted = clawback.json(&run_once);
    assert_eq!(submitted["status"], "pending-approval", "{submitted}");
    ben.ok(&["approve", submitted["approval_id"].as_str().unwrap()]);
    assert_eq!(std::fs::read_dir(&inbox).unwrap().count(), 0, "they were moved");
    assert!(clawback.ok(&["verify"]).contains("ok"));
    clawback.ok(&["doctor"]);

    for sql in [
        "UPDATE events SET actor = 'zoe'",
        "DELETE FROM events",
        "TRUNCATE events CASCADE",
        "ALTER TABLE events DISABLE TRIGGER ALL",
        "DROP TABLE events",
        "CREATE TABLE mine (x INT)",
        "DELETE FROM _sqlx_migrations",
    ] {
        assert_eq!(refused(&app, sql).await, NO_PRIVILEGE, "{sql}");
    }
    for sql in ["SELECT COUNT(*) FROM events", "SELECT COUNT(*) FROM outcomes"] {
        run(&reader, sql).await.unwrap();
    }
    for sql in ["SELECT * FROM tokens", "SELECT * FROM sessions", "SELECT * FROM accounts", "DELETE FROM remediations"]
    {
        assert_eq!(refused(&reader, sql).await, NO_PRIVILEGE, "{sql}");
    }
    run(&admin, "DELETE FROM _sqlx_migrations WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)")
        .await
        .unwrap();
    let said = clawback.fails(1, &["history"]);
    assert!(said.contains("as the owner of the tables"), "{said}");
}
