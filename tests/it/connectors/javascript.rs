//! A connector that is written in JavaScript, in the real host: the contract is not that of one language.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use clawback_connectors::conformance::Seed;
use clawback_connectors::{ActionTarget, CallError, Host, MailStore, SandboxLimits};
use clawback_model::{Action, Digest, Effect, Location, LocationKind, MessageRef, Query, RestorePoint};
use clawback_tests::contract::{check_contract, search};
use clawback_tests::javascript;

use super::{config, host};

const ANN: &str = "ann@acme.test";
const BEN: &str = "ben@acme.test";

/// Built and compiled once.
static BUILT: LazyLock<(tempfile::TempDir, PathBuf, Host)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let component = javascript::build(folder.path());
    // An eighth of the usual memory is enough.
    (folder, component, host(SandboxLimits { memory_bytes: 8 << 20, ..SandboxLimits::default() }))
});

/// A site of two mailboxes, and its store.
struct Site {
    folder: tempfile::TempDir,
    store: Arc<dyn MailStore>,
}

impl Site {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (_, component, host) = &*BUILT;
        let bytes = fs::read(component).unwrap();
        for mailbox in [ANN, BEN] {
            fs::create_dir_all(folder.path().join("mail").join(mailbox).join("inbox")).unwrap();
        }
        let text = format!(
            "connector = {{ path = \"{}\", sha256 = \"{}\" }}\ndirectory = \"{}\"",
            component.display(),
            Digest::of(&bytes),
            folder.path().join("mail").display(),
        );
        let store = host.load("files", &config(&text)).await.unwrap();
        Self { folder, store }
    }

    fn deliver(&self, mailbox: &str, path: &str, raw: &str) {
        let file = self.folder.path().join("mail").join(mailbox).join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, raw).unwrap();
    }

    fn has(&self, path: &str) -> bool {
        self.folder.path().join("mail").join(path).is_file()
    }

    async fn all(&self) -> Vec<clawback_model::Message> {
        search(&*self.store, &ANN.into(), &Query::default(), 10).await
    }
}

fn mail(subject: &str, from: &str) -> String {
    format!("From: {from}\r\nTo: {ANN}\r\nSubject: {subject}\r\nMessage-ID: <1@x.test>\r\n\r\nBody\r\n")
}

#[tokio::test]
async fn a_connector_in_javascript_keeps_the_contract() {
    let site = Site::new().await;
    let seed = Seed::new(ANN, "Your parcel waits", 5).unwrap();
    for (number, raw) in seed.raw().iter().enumerate() {
        site.deliver(ANN, &format!("inbox/{number}.eml"), raw);
    }
    site.deliver(ANN, "Projects/lunch.eml", &mail("Lunch", "friend@acme.test"));
    site.deliver(BEN, "inbox/0.eml", &seed.raw()[0]);
    check_contract(&*site.store, &seed).await;

    let probe = clawback_connectors::check(&*site.store).await.unwrap();
    assert_eq!(probe.mailbox.as_deref(), Some(ANN));
    let known = site.store.check(ANN).await.unwrap();
    assert!(known.iter().all(|one| one.obstacle.is_none()), "{known:?}");
    assert!(site.has(&format!("{ANN}/inbox/0.eml")) && site.has(&format!("{BEN}/inbox/0.eml")));

    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(site.all().await.len(), 6);
    }
    println!("a search takes {:?}, with its new instance", began.elapsed() / 20);
}

#[tokio::test]
async fn what_it_does_not_decode_is_undecided() {
    let site = Site::new().await;
    for (name, subject, from) in [
        ("a", "=?UTF-8?B?w4Ru?= =?utf-8?q?derung_=C3=A9?=", "=?utf-8?q?J=C3=BCrgen?= <Boss@Evil.Example>"),
        ("b", "=?iso-2022-jp?B?GyRC?=", "\"Boss, the\" <boss@evil.example>"),
        ("c", "plain", "one@x.test, two@x.test"),
    ] {
        site.deliver(ANN, &format!("inbox/{name}.eml"), &mail(subject, from));
    }
    site.deliver(ANN, "inbox/d.eml", "no header at all");
    let page = site.store.search(&ANN.into(), &Query::default(), None, 10).await.unwrap();
    let shown: Vec<_> = page.items.iter().map(|one| (&*one.subject, &*one.from_name, &*one.from_address)).collect();
    assert_eq!(shown[0], ("\u{c4}nderung \u{e9}", "J\u{fc}rgen", "boss@evil.example"));
    let is_cut = |at: usize, name: &str| page.items[at].cut.iter().any(|cut| cut == name);
    assert!(!is_cut(0, "subject") && !is_cut(0, "from") && !is_cut(0, "to"), "{:?}", page.items[0]);
    assert!(is_cut(1, "subject") && is_cut(1, "from") && is_cut(2, "from"), "{:?}", page.items);
    assert_eq!(page.gaps.len(), 1, "{:?}", page.gaps);
    assert_eq!((&*page.gaps[0].folder, &*page.gaps[0].item), ("inbox", "d.eml"));
}

#[tokio::test]
async fn names_from_outside_lead_nowhere_else() {
    let site = Site::new().await;
    site.deliver(ANN, "inbox/1.eml", &mail("mine", "a@x.test"));
    site.deliver(BEN, "inbox/2.eml", &mail("another's", "a@x.test"));
    let mine = site.all().await.remove(0);
    let other = search(&*site.store, &BEN.into(), &Query::default(), 10).await.remove(0);
    for locator in [format!("../../{BEN}/inbox/2.eml"), "../inbox/1.eml".into(), "/etc/passwd".into(), ".eml".into()] {
        let reference = MessageRef { locator, ..other.reference.clone() };
        let located = site.store.locate(ANN, std::slice::from_ref(&reference)).await.unwrap();
        assert!(located[0].sightings.is_empty());
        assert!(site.store.fetch_raw(ANN, &reference, 10).await.is_err());
    }
    for mailbox in [format!("{ANN}/../{BEN}"), "..".to_owned(), ".".to_owned(), String::new()] {
        let refused = site.store.search(&mailbox.as_str().into(), &Query::default(), None, 10).await.unwrap_err();
        assert!(!matches!(refused, CallError::Transient { .. }), "{refused}");
    }
    let former =
        RestorePoint { location: Location::new(LocationKind::Folder, format!("../{BEN}/inbox")), flags: vec![] };
    let aim = ActionTarget { reference: mine.reference, location: mine.location, former: Some(former) };
    let effects = site.store.apply(ANN, Action::Restore, &[aim]).await.unwrap();
    assert!(matches!(effects[0], Effect::Failed(_)), "{effects:?}");
    assert!(site.has(&format!("{ANN}/inbox/1.eml")) && !site.has(&format!("{BEN}/inbox/1.eml")));
}
