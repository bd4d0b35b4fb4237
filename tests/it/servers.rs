//! The fixtures themselves: a test that uses a wrong server proves nothing.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use clawback_tests::dovecot::{self, Dovecot, Format, Options};
use clawback_tests::mail::{self, Kind};
use clawback_tests::maildirs;
use clawback_tests::proxy::{self, Proxy};

/// Sends `commands` in one flight. Returns every line up to the answer to the last one.
fn say(address: SocketAddr, commands: &[&str]) -> Vec<String> {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let mut text = String::new();
    for (at, command) in commands.iter().enumerate() {
        let _ = write!(text, "a{at} {command}\r\n");
    }
    stream.write_all(text.as_bytes()).expect("the server reads");
    let last = format!("a{} ", commands.len() - 1);
    let mut lines = Vec::new();
    for line in BufReader::new(stream).lines() {
        lines.push(line.expect("the server answers in UTF-8"));
        if lines.last().is_some_and(|line| line.starts_with(&last)) {
            break;
        }
    }
    lines
}

fn as_admin(user: &str) -> String {
    format!("LOGIN {user}*{} {}", dovecot::ADMIN, dovecot::ADMIN_PASSWORD)
}

#[test]
fn dovecot_announces_the_requested_capabilities_only() {
    let server = Dovecot::start(&Options { users: 1, ..Options::default() });
    let lines =
        say(server.plain(), &[&as_admin("u0001@acme.test"), "CAPABILITY", "LIST \"\" \"*\" RETURN (SPECIAL-USE)"]);
    let text = lines.join("\n");
    for word in ["MOVE", "UIDPLUS", "ESEARCH", "LITERAL+", "(\\Trash) \"/\" Trash", "(\\Junk) \"/\" Junk"] {
        assert!(text.contains(word), "{word} is missing from {text}");
    }

    let server = Dovecot::start(&Options { users: 1, without: vec!["MOVE", "SPECIAL-USE"], ..Options::default() });
    let text = say(server.plain(), &[&as_admin("u0001@acme.test"), "CAPABILITY", "LIST \"\" \"*\""]).join("\n");
    assert!(!text.contains(" MOVE") && !text.contains("SPECIAL-USE") && !text.contains("\\Trash"), "{text}");
    assert!(text.contains(" Trash"), "{text}");
}

#[test]
fn dovecot_accepts_a_user_an_administrator_and_a_token() {
    let server = Dovecot::start(&Options { users: 2, record_commands: true, ..Options::default() });
    let base64 = |text: &str| {
        let script = format!("printf '{text}' | base64 -w0");
        String::from_utf8(Command::new("sh").args(["-c", &script]).output().unwrap().stdout).unwrap()
    };
    let own = format!("LOGIN {} {}", dovecot::user(2), dovecot::PASSWORD);
    let plain =
        |password: &str| format!("AUTHENTICATE PLAIN {}", base64(&format!("u0002@acme.test\\0admin\\0{password}")));
    let token = server.access_token(&dovecot::user(2), 4_000_000_000);
    let bearer =
        format!("AUTHENTICATE XOAUTH2 {}", base64(&format!("user=u0002@acme.test\\1auth=Bearer {token}\\1\\1")));
    for login in [own, as_admin("u0002@acme.test"), plain(dovecot::ADMIN_PASSWORD), bearer] {
        let lines = say(server.plain(), &[&login, "SELECT INBOX"]);
        assert!(lines.last().unwrap().contains("OK"), "{login}: {lines:?}\n{}", server.log());
    }
    assert!(server.commands().iter().any(|line| line.contains("SELECT INBOX")), "{:?}", server.commands());

    let expired = server.access_token(&dovecot::user(2), 1_000);
    let bearer =
        format!("AUTHENTICATE XOAUTH2 {}", base64(&format!("user=u0002@acme.test\\1auth=Bearer {expired}\\1\\1")));
    for login in [plain("wrong"), bearer, format!("LOGIN {} {}", dovecot::user(3), dovecot::PASSWORD)] {
        // An empty line ends the dialogue in which XOAUTH2 returns the reason.
        let mut stream = TcpStream::connect(server.plain()).unwrap();
        write!(stream, "a0 {login}\r\n\r\n").unwrap();
        let answer = BufReader::new(stream).lines().map(Result::unwrap).find(|line| line.starts_with("a0 ")).unwrap();
        assert!(answer.contains("NO"), "{login}: {answer}");
    }
}

#[test]
fn dovecot_keeps_mail_in_each_format_and_reports_read_only() {
    for format in [Format::Maildir, Format::Sdbox, Format::Mdbox] {
        let server = Dovecot::start(&Options { users: 1, format, ..Options::default() });
        let user = dovecot::user(1);
        server.deliver(&user, "Archive/2026", b"Subject: one\r\n\r\nbody\r\n", &["\\Seen", "\\Flagged"]);
        let found = server.doveadm(&["fetch", "-A", "user mailbox flags hdr.subject", "subject", "one"]);
        for word in ["user: u0001@acme.test", "mailbox: Archive/2026", "\\Seen", "\\Flagged", "hdr.subject: one"] {
            assert!(found.contains(word), "{format:?}: {word} is missing from {found}");
        }
        if format == Format::Maildir {
            server.make_read_only(&user, "Archive/2026");
            let lines = say(server.plain(), &[&as_admin(&user), "SELECT Archive/2026", "UID MOVE 1 Trash"]);
            assert!(lines.iter().any(|line| line.starts_with("a1 OK [READ-ONLY]")), "{lines:?}");
            // Dovecot answers as if it had moved the message, but has copied it. The message stays where it was.
            assert!(lines.last().unwrap().starts_with("a2 OK"), "{lines:?}");
            let left = server.doveadm(&["search", "-u", &user, "mailbox", "Archive/2026"]);
            assert_eq!(left.lines().count(), 1);
        }
    }
}

#[test]
fn dovecot_offers_tls_and_starttls() {
    let server = Dovecot::start(&Options { users: 1, ..Options::default() });
    for door in
        [vec![format!("{}", server.imaps())], vec![format!("{}", server.plain()), "-starttls".into(), "imap".into()]]
    {
        let output = Command::new("openssl")
            .args(["s_client", "-verify_return_error", "-verify_ip", "127.0.0.1", "-CAfile"])
            .arg(server.authority())
            .arg("-connect")
            .args(door)
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("Verification: OK"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_killed_test_leaves_no_server_behind() {
    // The pipe closes when its holder dies; dropping our end without a signal is the same event.
    let mut server = Dovecot::start(&Options { users: 1, ..Options::default() });
    let (address, folder) = (server.plain(), server.folder().to_owned());
    server.lose();
    assert!(TcpStream::connect(address).is_err(), "the server still answers");
    assert!(!folder.exists(), "its folder is left");
}

#[test]
fn maildirs_read_back_as_written_and_as_dovecot_sees_them() {
    let root = tempfile::tempdir().unwrap();
    let owner = dovecot::Owner::of_servers().unwrap();
    let options = maildirs::Options { owner: Some((owner.uid, owner.gid)), ..maildirs::Options::default() };
    let truth = maildirs::write(root.path(), &options).unwrap();
    let before = maildirs::snapshot(root.path()).unwrap();
    truth.snapshot().check(&before).unwrap();
    assert_eq!(before.count(), options.messages);
    assert_eq!(truth.of(Kind::Campaign).count(), options.campaign);
    assert_eq!(before.entries().map(|entry| entry.content).collect::<HashSet<_>>().len(), options.messages);

    let server_options = Options { users: options.mailboxes, mail: Some(root.path().to_owned()), ..Options::default() };
    let server = Dovecot::start(&server_options);
    let search = ["from", mail::CAMPAIGN_SENDER, "subject", mail::CAMPAIGN_SUBJECT];
    let found = server.doveadm(&[&["search", "-A"], search.as_slice()].concat());
    assert_eq!(found.lines().count(), options.campaign + options.traps, "{found}\n{}", server.log());

    // Folder by folder, so that the check itself is tested: what it must accept, then what it must not.
    server.doveadm(
        &[
            &["move", "-A", "Trash", "mailbox", "*"],
            search.as_slice(),
            &["not", "from", "not-", "not", "from", "abuse"],
        ]
        .concat(),
    );
    let after = maildirs::snapshot(root.path()).unwrap();
    truth.check_campaign_removed(&after, Some("Trash")).unwrap();
    assert!(truth.check_campaign_removed(&after, None).is_err());
    assert!(truth.check_campaign_removed(&before, Some("Trash")).is_err());
    let panicked = server.log().lines().any(|line| line.contains("Panic") || line.contains("Error"));
    assert!(!panicked, "{}", server.log());
}

#[test]
fn the_same_seed_gives_the_same_mail() {
    let write = |seed| {
        let root = tempfile::tempdir().unwrap();
        maildirs::write(root.path(), &maildirs::Options { seed, ..maildirs::Options::default() }).unwrap().snapshot()
    };
    assert_eq!(write(7), write(7));
    assert_ne!(write(7), write(8));
    assert_eq!(mail::date(mail::NOW), "Mon, 23 Nov 2026 12:00:00 +0000");
    assert_eq!(mail::date(951_782_400), "Tue, 29 Feb 2000 00:00:00 +0000");
}

#[test]
fn the_proxy_delays_a_flight_once_and_cuts_where_told() {
    let server = Dovecot::start(&Options { users: 1, ..Options::default() });
    let round_trip = Duration::from_millis(100);
    let proxy = Proxy::start(server.plain(), proxy::Options { round_trip, ..proxy::Options::default() }).unwrap();
    let login = as_admin(&dovecot::user(1));
    let commands: Vec<&str> = [login.as_str()].into_iter().chain(std::iter::repeat_n("NOOP", 50)).collect();
    let started = Instant::now();
    let lines = say(proxy.address(), &commands);
    let took = started.elapsed();
    assert!(lines.last().unwrap().starts_with("a50 OK"), "{lines:?}");
    // Fifty round trips one after the other would take 5 s.
    assert!(took >= round_trip && took < round_trip * 20, "{took:?}");

    let short = proxy::Options { cut_after_bytes: Some(700), ..proxy::Options::default() };
    let proxy = Proxy::start(server.plain(), short).unwrap();
    let text = say(proxy.address(), &commands).join("\r\n");
    assert!(!text.contains("a50 OK") && text.len() >= 650, "{text}");
    proxy.take_down();
    let mut answer = String::new();
    let _ = TcpStream::connect(proxy.address()).unwrap().read_to_string(&mut answer);
    assert_eq!(answer, "");
    proxy.restore();
    TcpStream::connect(proxy.address()).unwrap().read_exact(&mut [0; 4]).unwrap();
}
