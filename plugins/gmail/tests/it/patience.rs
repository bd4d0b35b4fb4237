//! When requests are sent again, and when not.

use std::time::Duration;

use clawback_connector_gmail::Gmail;
use clawback_connector_sdk::{Connector as _, host::HttpError, matching::everything, types::Error};

use crate::scripted::Scripted;

const EMPTY: &str = "{\"resultSizeEstimate\":0}";

fn refusal(reason: &str, message: &str) -> String {
    format!(r#"{{"error":{{"message":"{message}","errors":[{{"reason":"{reason}"}}]}}}}"#)
}

#[test]
fn too_many_requests_are_sent_again_after_the_time_that_the_server_names() {
    let named = refusal("userRateLimitExceeded", "Retry after 2026-11-28T15:39:30.000Z");
    let unnamed = refusal("rateLimitExceeded", "");
    let host = Scripted::of(&[(403, &named), (429, &unnamed), (503, ""), (200, EMPTY)]);
    let page = Gmail::new(&host).search("a@x", &everything(), None, 10).unwrap();
    assert!(page.messages.is_empty() && page.next.is_none());
    let waits = host.waits.borrow();
    assert!(waits[0] >= Duration::from_secs(2) && waits[0] < Duration::from_millis(2_100), "{waits:?}");
    assert_eq!(waits.len(), 3);
    assert_eq!(host.asked.borrow().len(), 4);
}

#[test]
fn a_refusal_for_another_reason_is_final() {
    for (status, reason) in [(403, "insufficientPermissions"), (403, "domainPolicy"), (401, "authError")] {
        let host = Scripted::of(&[(status, &refusal(reason, "secret words"))]);
        let refused = Gmail::new(&host).search("a@x", &everything(), None, 10).unwrap_err();
        assert!(matches!(&refused, Error::Denied(why) if !why.contains("secret")), "{refused:?}");
        assert!(host.waits.borrow().is_empty());
    }
    let host = Scripted::of(&[(400, &refusal("failedPrecondition", "Mail service not enabled"))]);
    assert!(matches!(Gmail::new(&host).search("a@x", &everything(), None, 10), Err(Error::NotFound(_))));
}

#[test]
fn a_long_wait_ends_the_call_and_the_next_one_does_not_ask_before_its_end() {
    let named = refusal("userRateLimitExceeded", "Retry after 2026-11-28T15:40:28Z");
    let host = Scripted::of(&[(403, &named)]);
    for _ in 0..2 {
        let refused = Gmail::new(&host).search("a@x", &everything(), None, 10).unwrap_err();
        assert_eq!(refused, Error::Throttled(Some(60_000)));
    }
    assert_eq!(host.asked.borrow().len(), 1);
}

#[test]
fn what_was_read_before_a_long_wait_is_returned() {
    let list = r#"{"messages":[{"id":"1"},{"id":"2"},{"id":"3"}]}"#;
    let labels = r#"{"labels":[{"id":"INBOX","name":"INBOX"}]}"#;
    let message = |id: &str| {
        format!(
            r#"{{"id":"{id}","labelIds":["INBOX"],"internalDate":"1","payload":{{"headers":[{{"name":"From","value":"a@b"}}]}}}}"#
        )
    };
    let long = refusal("rateLimitExceeded", "Retry after 2026-11-28T15:40:28Z");
    let host = Scripted::of(&[(200, list), (200, labels), (200, &message("1")), (403, &long), (200, &message("3"))]);
    let page = Gmail::new(&host).search("a@x", &everything(), None, 10).unwrap();
    assert_eq!(page.messages.len(), 1);
    let cursor = page.next.unwrap();
    let refused = Gmail::new(&host).search("a@x", &everything(), Some(&cursor), 10).unwrap_err();
    assert!(matches!(refused, Error::Throttled(Some(_))));
}

#[test]
fn a_lost_answer_is_no_empty_mailbox() {
    let host = Scripted::default();
    host.answers.borrow_mut().extend((0..3).map(|_| Err(HttpError::TimedOut)));
    assert!(matches!(Gmail::new(&host).search("a@x", &everything(), None, 10), Err(Error::Transient(_))));
    for body in ["", "<html>", "[]", "{}", r#"{"messages":{}}"#] {
        let host = Scripted::of(&[(200, body)]);
        assert!(matches!(Gmail::new(&host).search("a@x", &everything(), None, 10), Err(Error::Permanent(_))), "{body}");
    }
}
