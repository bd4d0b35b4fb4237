//! Servers that throttle, fail in part, and lose connections.

use clawback_connector_jmap::Jmap;
use clawback_connector_sdk::{
    Connector as _,
    matching::everything,
    types::{Action, Effect, Error, Target},
};

use crate::server::{Fault, Server, aim};

fn server(messages: usize) -> (Server, Vec<Target>) {
    let server = Server::new();
    for number in 0..messages {
        server.put(&format!("m{number}"), &["fi"], &[], &format!("From: a@b\nSubject: x {number}"));
    }
    let targets = server.all().iter().map(aim).collect();
    (server, targets)
}

fn assert_all(effects: &[Effect]) {
    assert!(effects.iter().all(|effect| matches!(effect, Effect::Succeeded(_))), "{effects:?}");
}

#[test]
fn a_session_is_requested_once() {
    let (server, targets) = server(3);
    server.apply(Action::MoveToJunk, &targets);
    let sessions = server.requests.borrow().iter().filter(|request| request.starts_with("GET")).count();
    assert_eq!(sessions, 2, "a redirect and the session");
    // The server has moved its API.
    *server.api.borrow_mut() = "/jmap/v2".into();
    assert_eq!(server.all().len(), 3);
}

#[test]
fn short_pauses_are_kept_and_long_ones_are_the_hosts() {
    let (server, targets) = server(3);
    server.faults.borrow_mut().extend([Fault::Status(429, Some(2)), Fault::Status(503, Some(1))]);
    assert_all(&server.apply(Action::MoveToJunk, &targets));
    assert_eq!(*server.slept.borrow(), [2_000, 1_000]);
    server.faults.borrow_mut().push_back(Fault::Status(429, Some(60)));
    let refused = Jmap::new(&server).search("ann@x", &everything(), None, 10);
    assert_eq!(refused, Err(Error::Throttled(Some(60_000))));
    server.faults.borrow_mut().push_back(Fault::Status(500, None));
    assert!(matches!(Jmap::new(&server).search("ann@x", &everything(), None, 10), Err(Error::Transient(_))));
    server.faults.borrow_mut().push_back(Fault::Status(403, None));
    assert!(matches!(Jmap::new(&server).search("ann@x", &everything(), None, 10), Err(Error::Denied(_))));
}

#[test]
fn an_act_that_is_done_in_part_is_completed() {
    for fault in [Fault::Half, Fault::Refuse("stateMismatch"), Fault::Refuse("rateLimit"), Fault::Refuse("serverFail")]
    {
        let (server, targets) = server(5);
        server.faults.borrow_mut().push_back(fault.clone());
        assert_all(&server.apply(Action::MoveToJunk, &targets));
        assert!((0..5).all(|number| server.state(&format!("m{number}")).unwrap().0 == ["fj"]), "{fault:?}");
    }
}

#[test]
fn a_refusal_is_a_failure_and_nothing_is_said_to_be_done() {
    let (server, targets) = server(2);
    server.faults.borrow_mut().push_back(Fault::Refuse("overQuota"));
    let effects = server.apply(Action::MoveToJunk, &targets);
    assert!(effects.iter().all(|effect| matches!(effect, Effect::Failed(why) if why.contains("overQuota"))));
    assert_eq!(server.state("m0").unwrap().0, ["fi"]);
    server.faults.borrow_mut().push_back(Fault::Refuse("accountReadOnly"));
    let denied = Jmap::new(&server).apply("ann@x", Action::MoveToJunk, &targets);
    assert!(matches!(denied, Err(Error::Denied(_))));
}

#[test]
fn a_lost_answer_is_an_error_and_the_store_knows_the_truth() {
    let (server, targets) = server(2);
    server.faults.borrow_mut().push_back(Fault::Cut);
    let lost = Jmap::new(&server).apply("ann@x", Action::MoveToJunk, &targets);
    assert!(matches!(lost, Err(Error::Transient(_))));
    let refs: Vec<_> = targets.iter().map(|target| target.ref_.clone()).collect();
    let located = Jmap::new(&server).locate("ann@x", &refs).unwrap();
    assert!(located.iter().all(|one| one.sightings[0].location.path == "Junk"));
    assert_eq!(
        server.apply(Action::MoveToJunk, &targets),
        [Effect::AlreadyInDestination, Effect::AlreadyInDestination]
    );
}

#[test]
fn a_batch_beyond_the_limits_is_split() {
    let (server, targets) = server(11);
    // Less than the session said.
    server.objects.set(3);
    assert_all(&server.apply(Action::SoftDelete, &targets));
}

#[test]
fn a_pause_of_nothing_is_not_believed() {
    for status in [429, 503] {
        let (server, targets) = server(1);
        server.faults.borrow_mut().extend(std::iter::repeat_n(Fault::Status(status, Some(0)), 100));
        let refused = Jmap::new(&server).apply("ann@x", Action::MoveToJunk, &targets);
        assert_eq!(refused, Err(Error::Throttled(Some(0))));
        assert!(server.slept.borrow().len() < 20, "the API is not asked without end");
        server.forget();
        let refused = Jmap::new(&server).search("ann@x", &everything(), None, 10);
        assert_eq!(refused, Err(Error::Throttled(Some(0))));
        assert!(server.slept.borrow().len() < 40, "the session is not asked without end");
    }
}

#[test]
fn a_problem_is_read_with_its_status() {
    let (server, _) = server(1);
    let search = |fault: Fault| {
        server.faults.borrow_mut().push_back(fault);
        Jmap::new(&server).search("ann@x", &everything(), None, 10)
    };
    assert_eq!(search(Fault::Problem(503, "rateLimit", Some(30))), Err(Error::Throttled(Some(30_000))));
    assert_eq!(search(Fault::Problem(503, "other", Some(30))), Err(Error::Throttled(Some(30_000))));
    assert!(matches!(search(Fault::Problem(503, "serverUnavailable", None)), Err(Error::Transient(_))));
    assert!(matches!(search(Fault::Problem(502, "other", None)), Err(Error::Transient(_))));
    assert!(matches!(search(Fault::Problem(403, "other", None)), Err(Error::Denied(_))));
    assert!(matches!(search(Fault::Problem(400, "notRequest", None)), Err(Error::Permanent(_))));
    assert!(search(Fault::Problem(400, "rateLimit", Some(1))).is_ok());
    assert_eq!(*server.slept.borrow(), [1_000]);
}

#[test]
fn a_record_that_is_left_out_is_not_gone() {
    let (server, targets) = server(1);
    server.omitted.borrow_mut().push("m0".into());
    let wanted = [targets[0].ref_.clone()];
    for action in [Action::HardDelete, Action::MoveToJunk] {
        let unknown = Jmap::new(&server).apply("ann@x", action, &targets);
        assert!(matches!(unknown, Err(Error::Transient(_))), "{unknown:?}");
    }
    assert!(matches!(Jmap::new(&server).locate("ann@x", &wanted), Err(Error::Transient(_))));
}
