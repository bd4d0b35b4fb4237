//! A throw-away PostgreSQL: one per test process, in a temporary folder, on a free port of loopback, with fsync on as
//! in production. A template database is migrated once; every test gets a copy of its own.
//!
//! The server is the child of a small shell that waits for this process to close a pipe. So it is stopped, by its
//! process id, and its folder removed, however the tests end: also when they panic or are killed.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use clawback_store::Store;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::OnceCell;

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    port: u16,
    folder: PathBuf,
    /// Closed when this process ends, in whatever way.
    _alive: ChildStdin,
}

/// How often a starting server is checked, and the time between two checks.
const TRIES: (u32, Duration) = (300, Duration::from_millis(100));
const TEMPLATE: &str = "template_clawback";

/// The URL of a new, migrated database.
pub async fn database() -> String {
    copy_of(TEMPLATE).await
}

/// The URL of a new, empty database.
pub async fn empty_database() -> String {
    copy_of("template0").await
}

async fn copy_of(template: &str) -> String {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = SERVER
        .get_or_init(|| async {
            let server = Server::start().await;
            server.create(TEMPLATE, "template0").await;
            Store::open(&server.url(TEMPLATE)).await.expect("the template is migrated").close().await;
            server
        })
        .await;
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    server.create(&name, template).await;
    server.url(&name)
}

impl Server {
    /// Starts a server of its own.
    ///
    /// # Panics
    /// If PostgreSQL is not installed or does not start: a test that needs it never passes without it.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// The same with TLS, with a certificate and its key in PEM.
    ///
    /// # Panics
    /// As [`Server::start`].
    #[expect(clippy::zombie_processes, reason = "the shell outlives this process, whose end it waits for")]
    pub async fn start_with(tls: Option<(&str, &str)>) -> Self {
        let tool = |name| {
            find(name)
                .unwrap_or_else(|| panic!("`{name}` was not found: install PostgreSQL 15 (apt-get install postgresql)"))
        };
        let (initdb, postgres) = (tool("initdb"), tool("postgres"));
        let folder =
            tempfile::Builder::new().prefix("clawback-postgres-").tempdir().expect("a temporary folder").keep();
        let data = folder.join("data");
        let port = free_port();
        let mut settings = String::new();
        if let Some((certificate, key)) = tls {
            for (name, text) in [("server.crt", certificate), ("server.key", key)] {
                let path = folder.join(name);
                crate::binary::write_secret(&path, text).expect("the folder is ours");
                if is_root() {
                    run(Command::new("chown").arg("postgres").arg(&path));
                }
            }
            let path = folder.display();
            settings = format!(
                "-c listen_addresses=127.0.0.1,127.0.0.2 -c ssl=on -c ssl_cert_file={path}/server.crt -c ssl_key_file={path}/server.key"
            );
        }
        // The server refuses to run as root.
        let become_other = if is_root() {
            run(Command::new("chown").arg("postgres").arg(&folder));
            "setpriv --reuid=postgres --regid=postgres --clear-groups"
        } else {
            ""
        };
        let script = format!(
            "trap '' HUP INT TERM
             cd \"$2\" && {become_other} \"$0\" -D \"$2/data\" -U clawback -A trust -E UTF8 --no-locale --no-sync || exit 1
             {become_other} \"$1\" -D \"$2/data\" -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
                 -c max_connections=300 -c shared_buffers=256MB {settings} </dev/null &
             server=$!
             read -r _ignored
             kill -INT $(head -n 1 \"$2/data/postmaster.pid\")
             while [ -e \"$2/data/postmaster.pid\" ]; do sleep 0.1; done
             rm -rf \"$2\""
        );
        let log = std::fs::File::create(folder.join("log")).expect("a log file");
        let mut shell = Command::new("sh")
            .args(["-c", &script])
            .args([initdb.as_path(), &postgres, &folder])
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log)
            .spawn()
            .expect("a shell");
        let alive = shell.stdin.take().expect("it was piped");
        let server = Self { port, folder: folder.clone(), _alive: alive };
        for _ in 0..TRIES.0 {
            if let Ok(connection) = PgConnection::connect(&server.url("postgres")).await {
                connection.close().await.expect("it closes");
                return server;
            }
            if let Ok(Some(_)) = shell.try_wait() {
                break;
            }
            tokio::time::sleep(TRIES.1).await;
        }
        let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
        panic!("PostgreSQL did not start in {}: {log}", data.display());
    }

    /// Kills the server and starts it again, as a crash of its machine would: every connection breaks.
    ///
    /// # Panics
    /// If it does not start again.
    pub fn restart(&self) {
        let control = find("pg_ctl").expect("it comes with the server");
        let mut command = Command::new(if is_root() { "setpriv".into() } else { control.clone() });
        if is_root() {
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(control);
        }
        command.current_dir(&self.folder).arg("restart").arg("-D").arg(self.folder.join("data"));
        run(command
            .args(["-m", "immediate", "-w", "-s", "-l", "/dev/null"])
            .stdin(Stdio::null())
            .stdout(Stdio::null()));
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://clawback@127.0.0.1:{}/{database}", self.port)
    }

    /// The same with a name that no setting recognizes as this machine, although it is: `127.1` is `127.0.0.1`
    /// (inet(3)).
    pub fn url_elsewhere(&self, database: &str) -> String {
        self.url(database).replace("127.0.0.1", "127.1")
    }

    /// Creates a database.
    ///
    /// # Panics
    /// If the server does not answer.
    pub async fn create(&self, name: &str, template: &str) {
        let mut connection = PgConnection::connect(&self.url("postgres")).await.expect("the server answers");
        let sql = format!("CREATE DATABASE {name} TEMPLATE {template}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.expect("the database is created");
        connection.close().await.expect("it closes");
    }
}

fn run(command: &mut Command) {
    let status = command.status().expect("the command starts");
    assert!(status.success(), "{command:?}: {status}");
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("`id` is part of every system");
    id.stdout.starts_with(b"0")
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("it has an address").port()
}

/// A program of PostgreSQL: in PATH, or where Debian installs it; the newest version first.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = (15..30).rev().map(|version| Path::new("/usr/lib/postgresql").join(version.to_string()).join("bin"));
    std::env::split_paths(&path).chain(versions).map(|folder| folder.join(name)).find(|file| file.is_file())
}
