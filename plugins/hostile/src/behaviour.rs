//! The violations. Each states what the host must do about it.

use std::hint::black_box;
use std::time::Duration;

use clawback_connector_sdk::{
    folder,
    host::{Granted, Host as _, Http as _, Level, Memo as _, Request, Scope},
    mail_stream,
    types::{Error, Located, MessagePage, Outcome},
};

use crate::benign;

/// A violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// No violation.
    Benign,
    /// `loop`: `search` never returns. The deadline ends it.
    Loop,
    /// `loop-in-describe`: `describe` never returns.
    LoopInDescribe,
    /// `loop-in-start`: the component never finishes its start.
    LoopInStart,
    /// `wait-in-start`: the same, but it mostly waits for the host: it lists its directory in a loop.
    WaitInStart,
    /// `huge-headers`: `search` sends as many concurrent requests to the endpoint `flood` as the setting `requests`
    /// says. The subject of the page's one message contains the number of responses.
    HugeHeaders,
    /// `memory`: `search` allocates memory until it is refused.
    Memory,
    /// `panic`: `search` panics; the text appears in the log.
    Panic,
    /// `trap`: `search` and `describe` reach an unreachable instruction.
    Trap,
    /// `recursion`: `search` overflows its stack.
    Recursion,
    /// `oversized-page`: more messages than requested, and above 16 MiB.
    OversizedPage,
    /// `too-many`: one message more than requested.
    TooMany,
    /// `forbidden-host`: HTTP to an endpoint that no manifest names, and a mail connection without a grant. The subject
    /// of the page's one message contains the host's responses.
    ForbiddenHost,
    /// `forbidden-file`: paths outside the granted directory. Answers like `forbidden-host`; the setting `path` adds a
    /// path to try (a symbolic link that the test made).
    ForbiddenFile,
    /// `fewer-outcomes`, in `apply` and `locate`: one answer less than requested.
    FewerOutcomes,
    /// `more-outcomes`: one answer too many.
    MoreOutcomes,
    /// `other-locators`: answers for other locators than requested.
    OtherLocators,
    /// `endless-cursor`: `next` is always given, and always the same.
    EndlessCursor,
    /// `garbage`: control characters and bidi overrides in all texts.
    Garbage,
    /// `noisy`: a hundred thousand log lines.
    Noisy,
    /// `long-locator`: a locator above 1,024 bytes.
    LongLocator,
    /// `memo`: keeps its mailbox's name for other calls, in both scopes. Answers like `forbidden-host` with what it finds
    /// there before.
    Memo,
    /// `sleep`: waits for ever. The time-out of the call ends it.
    Sleep,
    /// `throttled`: answers `throttled(1500)` to search and apply.
    Throttled,
    /// `denied`: answers `denied` to search and apply.
    Denied,
}

impl Behaviour {
    pub(crate) fn of(mailbox: &str) -> Self {
        let name =
            crate::setting("hostile").unwrap_or_else(|| mailbox.split('@').next().unwrap_or_default().to_owned());
        match name.as_str() {
            "loop" => Self::Loop,
            "loop-in-describe" => Self::LoopInDescribe,
            "loop-in-start" => Self::LoopInStart,
            "wait-in-start" => Self::WaitInStart,
            "huge-headers" => Self::HugeHeaders,
            "memory" => Self::Memory,
            "panic" => Self::Panic,
            "trap" => Self::Trap,
            "recursion" => Self::Recursion,
            "oversized-page" => Self::OversizedPage,
            "too-many" => Self::TooMany,
            "forbidden-host" => Self::ForbiddenHost,
            "forbidden-file" => Self::ForbiddenFile,
            "fewer-outcomes" => Self::FewerOutcomes,
            "more-outcomes" => Self::MoreOutcomes,
            "other-locators" => Self::OtherLocators,
            "endless-cursor" => Self::EndlessCursor,
            "garbage" => Self::Garbage,
            "noisy" => Self::Noisy,
            "long-locator" => Self::LongLocator,
            "memo" => Self::Memo,
            "sleep" => Self::Sleep,
            "throttled" => Self::Throttled,
            "denied" => Self::Denied,
            _ => Self::Benign,
        }
    }
}

#[cfg(target_arch = "wasm32")]
pub(crate) fn in_start(behaviour: Behaviour) {
    match behaviour {
        Behaviour::LoopInStart => spin(),
        Behaviour::WaitInStart => loop {
            let _ = black_box(folder::list(""));
        },
        _ => {}
    }
}

pub(crate) fn in_describe(behaviour: Behaviour) {
    match behaviour {
        Behaviour::LoopInDescribe => spin(),
        Behaviour::Trap => trap(),
        _ => {}
    }
}

pub(crate) fn in_search(
    behaviour: Behaviour,
    mailbox: &str,
    cursor: Option<&str>,
    most: u32,
) -> Result<MessagePage, Error> {
    let mut page = benign::search(cursor, most);
    match behaviour {
        Behaviour::Loop => spin(),
        Behaviour::Memory => {
            let mut taken: Vec<Vec<u8>> = Vec::new();
            loop {
                taken.push(black_box(vec![1; 1024 * 1024]));
            }
        }
        Behaviour::Panic => panic!("a panic that the log should show"),
        Behaviour::Trap => trap(),
        Behaviour::Recursion => {
            black_box(recurse(black_box(1)));
        }
        Behaviour::OversizedPage => {
            page.messages = (0..most.saturating_add(1)).map(benign::message).collect();
            for message in &mut page.messages {
                message.subject = "x".repeat(32 * 1024);
            }
        }
        Behaviour::TooMany => page.messages = (0..=most).map(benign::message).collect(),
        Behaviour::ForbiddenHost => tell(&mut page, &forbidden_host()),
        Behaviour::HugeHeaders => tell(&mut page, &[flood()]),
        Behaviour::ForbiddenFile => tell(&mut page, &forbidden_files()),
        Behaviour::EndlessCursor => page.next = Some("again".into()),
        Behaviour::Memo => tell(&mut page, &memo(mailbox)),
        Behaviour::Sleep => Granted.sleep(Duration::MAX),
        Behaviour::Garbage => {
            for message in &mut page.messages {
                message.subject = "\u{1b}[2J\u{202e}=HYPERLINK(\"x\")\0\r\n<script>".into();
                message.from_name = "\u{202e}\u{7f}".into();
            }
            page.next = Some("\0\u{1b}".into());
        }
        Behaviour::Noisy => {
            for number in 0..100_000_u32 {
                Granted.log(Level::Error, &format!("line {number}\n{}", "x".repeat(200)));
            }
        }
        Behaviour::LongLocator => {
            for message in &mut page.messages {
                message.ref_.locator = "x".repeat(1025);
            }
        }
        Behaviour::Throttled => return Err(Error::Throttled(Some(1500))),
        Behaviour::Denied => return Err(Error::Denied("no right".into())),
        _ => {}
    }
    Ok(page)
}

pub(crate) fn in_locate(behaviour: Behaviour, mut located: Vec<Located>) -> Vec<Located> {
    match behaviour {
        Behaviour::FewerOutcomes => drop(located.pop()),
        Behaviour::MoreOutcomes => located.extend(located.first().cloned()),
        Behaviour::OtherLocators => located.iter_mut().for_each(|one| one.locator = "another".into()),
        _ => {}
    }
    located
}

pub(crate) fn in_apply(behaviour: Behaviour, mut outcomes: Vec<Outcome>) -> Result<Vec<Outcome>, Error> {
    match behaviour {
        Behaviour::Loop => spin(),
        Behaviour::Trap => trap(),
        Behaviour::FewerOutcomes => drop(outcomes.pop()),
        Behaviour::MoreOutcomes => outcomes.extend(outcomes.first().cloned()),
        Behaviour::OtherLocators => outcomes.iter_mut().for_each(|one| one.locator = "another".into()),
        Behaviour::Throttled => return Err(Error::Throttled(Some(1500))),
        Behaviour::Denied => return Err(Error::Denied("no right".into())),
        _ => {}
    }
    Ok(outcomes)
}

fn forbidden_host() -> Vec<String> {
    let request = Request {
        endpoint: "http://169.254.169.254".into(),
        method: "GET".into(),
        path: "/latest/meta-data/".into(),
        headers: vec![("Host".into(), "internal".into()), ("Authorization".into(), "Bearer x".into())],
        body: Vec::new(),
    };
    let mail = match mail_stream::Connection::open("someone@example.test") {
        Ok(_) => "mail-stream: OPEN".to_owned(),
        Err(error) => format!("mail-stream: {error:?}"),
    };
    vec![format!("http: {:?}", Granted.send(&request)), mail]
}

fn memo(mailbox: &str) -> Vec<String> {
    [Scope::Mailbox, Scope::Store]
        .map(|scope| {
            let found = Granted.get(scope, "note").map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let kept = Granted.put(scope, "note", mailbox.as_bytes(), Duration::from_mins(1));
            format!("found {found:?}, kept {kept}")
        })
        .to_vec()
}

fn flood() -> String {
    let many = crate::setting("requests").and_then(|text| text.parse().ok()).unwrap_or(0);
    let request = Request {
        endpoint: "flood".into(),
        method: "GET".into(),
        path: "/".into(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let answers = Granted.send_many(&vec![request; many]);
    let (taken, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.is_ok());
    format!("{} taken, {} refused", taken.len(), refused.len())
}

fn forbidden_files() -> Vec<String> {
    let mut paths = vec![
        "../../etc/passwd".to_owned(),
        "/etc/passwd".into(),
        "a/../../../etc/passwd".into(),
        "..".into(),
        "\0".into(),
    ];
    paths.extend(crate::setting("path"));
    let mut told: Vec<String> = paths
        .iter()
        .map(|path| match folder::read(path, 0, 64) {
            Ok(bytes) => format!("read {path:?}: GOT {} BYTES", bytes.len()),
            Err(error) => format!("read {path:?}: {error:?}"),
        })
        .collect();
    told.push(match folder::list("../..") {
        Ok(entries) => format!("list: GOT {} ENTRIES", entries.len()),
        Err(error) => format!("list: {error:?}"),
    });
    told
}

fn tell(page: &mut MessagePage, lines: &[String]) {
    let mut message = benign::message(0);
    message.subject = lines.join("; ");
    page.messages = vec![message];
    page.next = None;
}

fn spin() -> ! {
    loop {
        black_box(());
    }
}

#[cfg(target_arch = "wasm32")]
fn trap() -> ! {
    core::arch::wasm32::unreachable()
}

#[cfg(not(target_arch = "wasm32"))]
fn trap() -> ! {
    std::process::abort()
}

#[expect(unconditional_recursion, reason = "that is the misdeed")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(depth + 1) + frame[7]
}
