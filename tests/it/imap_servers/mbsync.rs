//! A real mail program (isync's `mbsync`) keeps a copy of a mailbox synchronized while the campaign is removed and put
//! back.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use clawback_model::Status;
use clawback_tests::dovecot::{self, ADMIN, ADMIN_PASSWORD, Dovecot};

use super::{Names, World, assert_same, seed};

/// Times that the campaign is removed and put back.
const ROUNDS: usize = 3;

fn configuration(folder: &Path, server: &Dovecot, user: &str) -> String {
    let folder = folder.display();
    format!(
        "IMAPAccount a\nHost 127.0.0.1\nPort {}\nUser \"{user}*{ADMIN}\"\nPass {ADMIN_PASSWORD}\nSSLType None\n\
         AuthMechs LOGIN\n\nIMAPStore far\nAccount a\n\nMaildirStore near\nPath {folder}/mail/\nInbox {folder}/inbox\n\
         SubFolders Verbatim\n\nChannel c\nFar :far:\nNear :near:\nPatterns *\nCreate Near\nSync All\nExpunge Both\n\
         CopyArrivalDate yes\nSyncState *\n",
        server.plain().port()
    )
}

fn sync(configuration: &Path) -> Result<(), String> {
    let output = Command::new("mbsync").arg("-q").arg("-c").arg(configuration).arg("c").output();
    let output = output.expect("`cargo xtask test` installs isync");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_syncing_mail_program_loses_and_duplicates_nothing() {
    let server = Dovecot::start(&dovecot::Options { users: 1, ..Default::default() });
    let seeded = seed(&server.access(), Names::FLAT.with_plainer_names());
    let world = World::new(server.access()).await;
    // This program expunges what its owner marked, so none of it may be marked here.
    let mut session = world.access.session(&world.access.mailboxes[0]);
    for folder in session.folders() {
        if !session.messages(&folder).is_empty() {
            let name = clawback_tests::imap_client::quoted(&clawback_tests::imap_client::encoded(&folder));
            session.ok(&format!("SELECT {name}"));
            session.ok("STORE 1:* -FLAGS.SILENT (\\Deleted)");
        }
    }
    let before = world.snapshot(&[]);
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("mail")).unwrap();
    let file = folder.path().join("mbsyncrc");
    std::fs::write(&file, configuration(folder.path(), &server, &dovecot::user(1))).unwrap();
    sync(&file).unwrap();

    let (is_over, syncs) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let syncing = scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                // A message that is moved while it is copied is an error to mbsync, which the next round corrects.
                let _ = sync(&file);
                syncs.fetch_add(1, Ordering::SeqCst);
            }
        });
        let rounds = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(async {
                    for round in 0.. {
                        // A fast machine does several rounds in one sync.
                        if round >= ROUNDS && syncs.load(Ordering::SeqCst) >= ROUNDS {
                            return;
                        }
                        let done = world.act("soft-delete").await;
                        let told = world.told(&done).await;
                        assert_eq!((done.status, done.counts.succeeded), (Status::Completed, seeded.each), "{told}");
                        let moved = seeded.moved(&before, "Recoverable Items");
                        assert_same(&moved, &world.snapshot(&[]), &format!("round {round}"));
                        let undone = world.undo(&done).await;
                        let told = world.told(&undone).await;
                        assert_eq!(
                            (undone.status, undone.counts.succeeded),
                            (Status::Completed, seeded.each),
                            "{told}"
                        );
                        assert_same(&before, &world.snapshot(&[]), &format!("undo of round {round}"));
                    }
                });
            });
        }));
        is_over.store(true, Ordering::SeqCst);
        syncing.join().unwrap();
        if let Err(panic) = rounds {
            std::panic::resume_unwind(panic);
        }
    });
    // A second sync, so that the copy is complete; then the server is as it was, and so is the copy.
    sync(&file).unwrap();
    sync(&file).unwrap();
    assert_same(&before, &world.snapshot(&[]), "after the last sync");
    let count = |path: &Path| -> usize {
        let folders = ["cur", "new"].map(|part| path.join(part));
        folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).map(Iterator::count).sum()
    };
    let inner = std::fs::read_dir(folder.path().join("mail")).unwrap().map(|entry| entry.unwrap().path());
    let mut copies = count(&folder.path().join("inbox"));
    let mut pending: Vec<_> = inner.collect();
    while let Some(path) = pending.pop() {
        copies += count(&path);
        let inner = std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path());
        pending.extend(
            inner.filter(|path| path.is_dir() && !["cur", "new", "tmp"].iter().any(|part| path.ends_with(part))),
        );
    }
    assert_eq!(copies, before[0].values().sum::<usize>(), "the copy has each message once");
}
