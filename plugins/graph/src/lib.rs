//! The connector for Microsoft 365, by Microsoft Graph v1.0.
//!
//! The host adds the token and holds every request to the mailbox of the call. The cost is counted in requests: a search
//! without hits is one, an act on up to twenty messages is two.
//!
//! Every request, and every part of a batch, asks for immutable ids, so a locator stays when a message moves. Trusted:
//! an immutable id names one message of its mailbox; the answer 201 to a move names the folder where the message is; a
//! message whose id is not found any more is gone. Not trusted: 204, a Message-ID, the order of answers, links to other
//! servers or mailboxes, and anything a sender wrote.
//!
//! An invitation takes its entry of the calendar with it (`calendar`, `entry`), and a restore creates the entry again
//! (`put_back`). What is needed for that is noted on the message itself, before anything is removed.

mod act;
mod address;
mod attachment;
mod bindings;
mod calendar;
mod client;
mod confirm;
mod connector;
mod cursor;
mod entry;
mod examine;
mod filter;
mod find;
mod flags;
mod folders;
mod lean;
mod link;
mod locate;
mod places;
mod put_back;
mod raw;
mod readiness;
mod record;
mod refusal;
mod restore;
mod scope;
mod search;
mod tree;
mod users;
mod wire;

pub use bindings::exports::clawback::mail_store::calendar::{Acted, Entry, Fate};
pub use connector::Graph;

clawback_connector_sdk::export!(Graph::new(clawback_connector_sdk::host::Granted));

#[cfg(target_arch = "wasm32")]
#[expect(unsafe_code, reason = "generated exports")]
mod glue {
    //! The interface `calendar` of the component.

    use clawback_connector_sdk::{
        host::{Granted, report_panics},
        types::{Action, Error, Target},
    };

    use crate::{Acted, Entry, Graph, bindings::exports::clawback::mail_store::calendar::Guest};

    struct Component;

    impl Guest for Component {
        fn apply(mailbox: String, action: Action, targets: Vec<Target>) -> Result<Vec<Acted>, Error> {
            report_panics();
            Graph::new(Granted).apply_with_entries(&mailbox, action, &targets)
        }

        fn settle(mailbox: String, action: Action, targets: Vec<Target>) -> Result<Vec<Option<Entry>>, Error> {
            report_panics();
            Graph::new(Granted).settle_entries(&mailbox, action, &targets)
        }

        fn obstacle(mailbox: String) -> Result<Option<String>, Error> {
            report_panics();
            Graph::new(Granted).calendar_obstacle(&mailbox)
        }
    }

    crate::bindings::export_calendar!(Component with_types_in crate::bindings);
}
