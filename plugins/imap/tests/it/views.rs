//! Folders that show messages of other folders, on a server with such folders.

use clawback_connector_sdk::types::{Action, Effect, Target};

use crate::{
    dovecot::{Dovecot, user},
    server::{Mailbox, from_evil, target},
};

const VIRTUAL: &str = "mail_plugins = virtual
protocol imap {
  mail_plugins = virtual
}
namespace virtual {
  prefix = Virtual/
  separator = /
  location = virtual:FOLDER/virtual:INDEX=~/virtual
  list = yes
  subscriptions = no
}
";
const FILES: [(&str, &str); 2] = [
    ("virtual/All/dovecot-virtual", "*\n-Virtual/*\n  all\n"),
    ("virtual/Unread/dovecot-virtual", "INBOX\n  unseen\n"),
];

#[test]
fn a_server_with_virtual_folders_is_searched_and_acted_on() {
    let server = Dovecot::start_with(3, VIRTUAL, &FILES);
    for (number, action) in [(1, Action::SoftDelete), (2, Action::MoveToQuarantine), (3, Action::HardDelete)] {
        let mailbox = Mailbox::at(server.address, user(number));
        (0..6).for_each(|number| mailbox.phish(if number < 3 { "INBOX" } else { "Work" }, number));
        let found = mailbox.search(&from_evil());
        let mut paths: Vec<&str> = found.iter().map(|message| message.location.path.as_str()).collect();
        paths.sort_unstable();
        assert_eq!(paths, ["INBOX", "INBOX", "INBOX", "Work", "Work", "Work"], "each message is found once");
        let targets: Vec<Target> = found.iter().map(target).collect();
        let effects = mailbox.apply(action, &targets);
        assert!(effects.iter().all(|effect| matches!(effect, Effect::Succeeded(_))), "{action:?}: {effects:?}");
        assert_eq!((mailbox.count("INBOX"), mailbox.count("Work")), (0, 0));
        assert_eq!(mailbox.search(&from_evil()).len(), 0, "{action:?}");
    }
}
