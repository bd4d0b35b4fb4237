//! Changes of status and their notifications, on both databases: nothing is lost or sent twice, whichever node dies and
//! whichever channel is down, and a channel that is down delays no other.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clawback_app::Api;
use clawback_model::{Clock as _, Decision, Remediation, Role, Status};
use clawback_runtime::{Approvals, Outbox, Site, Timers, Worker};
use clawback_tests::binary::{Clawback, write_secret};
use clawback_tests::hooks::{Hook, Hooks};
use clawback_tests::site::{known, person, submission};
use clawback_tests::world;

const EVE: &str = "eve@evil.example";
const PLAYBOOK: &str = "playbook: purge
on: { manual: {} }
steps:
  - search: { where: { from: eve@evil.example } }
  - approve: { expires: 4d }
  - remediate: { action: soft-delete }
";
const STORY: [&str; 6] = ["queued", "planning", "pending-approval", "approved", "in-progress", "completed"];
/// How long a node leaves alone what another has taken.
const CLAIM_TTL: Duration = Duration::from_mins(1);

/// A site that notifies two programs of everything.
struct World {
    site: world::World,
    siem: Hooks,
    desk: Hooks,
}

impl World {
    async fn both() -> [Self; 2] {
        world::World::both(&[("purge", PLAYBOOK)]).await.map(|site| {
            site.store.deliver("ann@corp.example", EVE, "Invoice", site.clock.now());
            Self { site, siem: Hooks::start(), desk: Hooks::start() }
        })
    }

    /// A node of the site; the same as one after a restart.
    async fn node(&self) -> Api {
        self.node_with(&[("siem", &self.siem.url), ("desk", &self.desk.url)]).await
    }

    async fn node_with(&self, notifiers: &[(&str, &str)]) -> Api {
        Api::new(Arc::new(self.site_with(notifiers).await))
    }

    async fn site_with(&self, notifiers: &[(&str, &str)]) -> Site {
        let mut site = self.site.node().await;
        site.notifiers =
            notifiers.iter().map(|(name, url)| ((*name).to_owned(), self.site.webhook(name, url, true))).collect();
        site
    }

    async fn submit(&self) -> Remediation {
        self.node().await.submit(&person("ann", &[Role::Analyst]), submission("purge", &[])).await.unwrap()
    }

    async fn run(&self, of: &Remediation) -> Remediation {
        world::run(&self.node().await, &of.id).await
    }

    async fn approve(&self, api: &Api, of: &Remediation) {
        let ben = known(&api.site().history, "ben", &[Role::Approver]).await;
        api.decide(&ben, &of.id, Decision::Approve, None, None).await.unwrap();
    }

    /// After this time, any node sends what is due.
    async fn tell_after(&self, time: Duration) {
        self.site.clock.advance(time);
        Outbox::new(Arc::clone(self.node().await.site())).send_due().await;
    }

    async fn waiting(&self) -> u64 {
        self.node().await.site().history.queue(self.site.clock.now()).await.unwrap().notices
    }
}

fn statuses(hooks: &[Hook]) -> Vec<String> {
    hooks.iter().map(|hook| hook.body["data"]["status"].as_str().unwrap().to_owned()).collect()
}

fn ids(hooks: &[Hook]) -> Vec<String> {
    hooks.iter().map(|hook| hook.field("webhook-id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_recovers_gets_what_it_missed() {
    for world in World::both().await {
        world.siem.refuse(true);
        let submitted = world.submit().await;
        let pending = world.run(&submitted).await;
        assert_eq!(pending.status, Status::PendingApproval);
        assert_eq!(statuses(&world.siem.refused()), ["queued"], "later deliveries wait for it");
        // Five seconds, half a minute.
        for (wait, tries) in [(4, 1), (1, 2), (29, 2), (1, 3)] {
            world.tell_after(Duration::from_secs(wait)).await;
            assert_eq!(world.siem.refused().len(), tries, "{wait} s later");
        }
        world.approve(&world.node().await, &submitted).await;
        assert_eq!(world.run(&submitted).await.status, Status::Completed);
        assert_eq!(statuses(&world.desk.so_far()), STORY, "the other one got everything");
        let tries = ids(&world.siem.refused());
        assert_eq!(tries, [tries[0].as_str(); 3], "a receiver can detect a repeat");
        assert_eq!(world.waiting().await, 6);

        world.siem.refuse(false);
        world.tell_after(Duration::from_secs(119)).await;
        assert_eq!(statuses(&world.siem.so_far()), [""; 0], "not before its time");
        world.tell_after(Duration::from_secs(1)).await;
        let told = world.siem.so_far();
        assert_eq!(statuses(&told), STORY);
        assert_eq!(ids(&told), ids(&world.desk.so_far()), "each by its own number, the same on every channel");
        assert_eq!(ids(&told)[0], tries[0]);
        // The state at that time, though it has long ended.
        let asked = &told[2].body;
        assert_eq!(
            (&asked["type"], &asked["data"]["counts"]["open"]),
            (&"remediation.pending-approval".into(), &1.into())
        );
        assert!(asked["data"]["deadline"].is_string() && asked["data"]["decided_by"].is_null(), "{asked}");
        assert_eq!(asked["timestamp"], pending.updated_at.to_string());
        let sent: i64 = told[2].field("webhook-timestamp").parse().unwrap();
        assert_eq!(sent, world.site.clock.now().0 / 1_000_000, "signed when it is sent, or it would be refused as old");
        world.tell_after(Duration::from_hours(2)).await;
        assert_eq!((world.siem.so_far().len(), world.desk.so_far().len(), world.waiting().await), (6, 6, 0));
        world.node().await.site().history.verify(None, |_| {}).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_sends_the_notifications_of_a_dead_one() {
    for world in World::both().await {
        // It dies right after the commit of the status.
        let submitted = world.submit().await;
        assert_eq!((world.siem.so_far().len(), world.waiting().await), (0, 1));
        // The next one dies after it has determined the recipients and has taken one of the two deliveries.
        let history = world.node().await.site().history.clone();
        let changes = history.changes(None, 10).await.unwrap();
        let names = ["desk", "siem"].map(str::to_owned).to_vec();
        let addressed: Vec<_> = changes.into_iter().map(|change| (change, names.clone())).collect();
        let now = world.site.clock.now();
        history.address(&addressed, now).await.unwrap();
        history.address(&addressed, now).await.unwrap();
        let late = history.take_deliveries("siem", None, (now, now.plus(CLAIM_TTL)), 10).await.unwrap();
        assert_eq!(late.len(), 1);
        world.tell_after(Duration::from_secs(59)).await;
        assert_eq!((world.desk.so_far().len(), world.siem.so_far().len()), (1, 0), "it may still be sending");
        world.tell_after(Duration::from_secs(1)).await;
        assert_eq!((statuses(&world.siem.so_far()), world.waiting().await), (vec!["queued".to_owned()], 0));
        assert_eq!(world.siem.so_far()[0].body["data"]["id"], submitted.id.as_str());

        // One that was only frozen wakes up too late to complete or to put off what another node has taken.
        world.siem.refuse(true);
        world.submit().await;
        world.tell_after(Duration::ZERO).await;
        let take = |now| history.take_deliveries("siem", None, (now, now.plus(CLAIM_TTL)), 10);
        world.site.clock.advance(Duration::from_secs(5));
        let frozen = take(world.site.clock.now()).await.unwrap().remove(0);
        world.site.clock.advance(CLAIM_TTL);
        let theirs = take(world.site.clock.now()).await.unwrap().remove(0);
        assert_eq!((frozen.tries, theirs.tries), (2, 3));
        history.delivered(&frozen, world.site.clock.now()).await.unwrap();
        history.defer(&frozen, world.site.clock.now()).await.unwrap();
        assert!(take(world.site.clock.now()).await.unwrap().is_empty());
        assert_eq!(world.waiting().await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_nodes_one_tells() {
    for world in World::both().await {
        let mut submitted = Vec::new();
        for _ in 0..10 {
            submitted.push(world.submit().await);
        }
        let nodes = [world.node().await, world.node().await, world.node().await];
        let tell = || async {
            let [a, b, c] = nodes.each_ref().map(|node| Outbox::new(Arc::clone(node.site())));
            tokio::join!(a.send_due(), b.send_due(), c.send_due());
        };
        tell().await;
        for one in &submitted {
            nodes[0].cancel(&person("ann", &[Role::Analyst]), &one.id).await.unwrap();
        }
        let workers = nodes.each_ref().map(world::worker);
        let work = |worker: &Worker| {
            let worker = worker.clone();
            async move { while worker.run_next().await.unwrap().is_some() {} }
        };
        tokio::join!(work(&workers[0]), work(&workers[1]), work(&workers[2]), tell());
        tell().await;
        for hooks in [&world.siem, &world.desk] {
            let told = hooks.so_far();
            let mut unique = ids(&told);
            unique.sort();
            unique.dedup();
            assert_eq!((told.len(), unique.len()), (20, 20), "{:?}", ids(&told));
            for one in &submitted {
                let of_it: Vec<_> =
                    told.iter().filter(|hook| hook.body["data"]["id"] == one.id.as_str()).cloned().collect();
                assert_eq!(statuses(&of_it), ["queued", "cancelled"]);
            }
        }
        assert_eq!(world.waiting().await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_is_given_up_after_a_day() {
    for world in World::both().await {
        world.siem.refuse(true);
        let first = world.submit().await;
        let node = world.node().await;
        let outbox = Outbox::new(Arc::clone(node.site()));
        outbox.send_due().await;
        for _ in 0..24 * 60 - 1 {
            world.site.clock.advance(Duration::from_mins(1));
            outbox.send_due().await;
        }
        assert_eq!(world.waiting().await, 1, "a minute is left");
        world.site.clock.advance(Duration::from_mins(1));
        outbox.send_due().await;
        let tries = world.siem.refused().len();
        assert_eq!((tries, world.waiting().await), (1 + 4 + 24, 0), "the last try is a day after the first");
        let counted = node.site().metrics.exposition();
        for (notifier, result, count) in [("desk", "sent", 1), ("siem", "failed", 28), ("siem", "given-up", 1)] {
            let line = format!("clawback_notices_total{{notifier=\"{notifier}\",result=\"{result}\"}} {count}");
            assert!(counted.contains(&line), "{line} is not in {counted}");
        }
        // The channel is still used afterwards.
        world.siem.refuse(false);
        node.cancel(&person("ann", &[Role::Analyst]), &first.id).await.unwrap();
        world.run(&first).await;
        assert_eq!(statuses(&world.siem.so_far()), ["cancelled"]);
        assert_eq!(statuses(&world.desk.so_far()), ["queued", "cancelled"]);
    }
}

/// Accepts connections, and sends nothing for as long as the process lives.
fn silent_channel() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let taken = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&taken);
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            kept.push(stream);
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (url, taken)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_channel_delays_nobody() {
    for world in World::both().await {
        let (dead, taken) = silent_channel();
        let api = world.node_with(&[("dead", &dead), ("siem", &world.siem.url)]).await;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let worker = world::worker(&api);
        let serving = tokio::spawn(async move { worker.serve(async { drop(stopped.await) }, |_| {}).await });
        let began = Instant::now();
        let submitted = api.submit(&person("ann", &[Role::Analyst]), submission("purge", &[])).await.unwrap();
        let history = &api.site().history;
        let until = async |status| {
            while history.load(&submitted.id).await.unwrap().status != status {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        until(Status::PendingApproval).await;
        while taken.load(Ordering::SeqCst) == 0 || world.siem.so_far().len() < 3 {
            assert!(began.elapsed() < Duration::from_secs(8), "{:?}", statuses(&world.siem.so_far()));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let asked = Instant::now();
        world.approve(&api, &submitted).await;
        let voted = asked.elapsed();
        Timers::new(std::sync::Arc::clone(api.site())).tick().await.unwrap();
        let ticked = asked.elapsed();
        until(Status::Completed).await;
        while world.siem.so_far().len() < 6 {
            assert!(began.elapsed() < Duration::from_secs(9), "{:?}", statuses(&world.siem.so_far()));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(began.elapsed() < Duration::from_secs(9), "all of it while the first try at the silent channel waits");
        assert!(voted < Duration::from_secs(2) && ticked < Duration::from_secs(3), "{voted:?} {ticked:?}");
        assert_eq!(
            (statuses(&world.siem.so_far()), taken.load(Ordering::SeqCst)),
            (STORY.map(str::to_owned).to_vec(), 1)
        );
        stop.send(()).unwrap();
        serving.await.unwrap().unwrap();
        assert_eq!(world.waiting().await, 6, "all of it belongs to the silent channel");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_channel_delays_the_reminder_of_no_other_plan() {
    let [world, _] = World::both().await;
    for _ in 0..6 {
        let submitted = world.submit().await;
        assert_eq!(world.run(&submitted).await.status, Status::PendingApproval);
    }
    world.site.clock.advance(Duration::from_hours(49));
    let (dead, taken) = silent_channel();
    let mut site = world.site_with(&[("dead", &dead), ("siem", &world.siem.url)]).await;
    site.approvals = Approvals { notify: vec!["dead".to_owned(), "siem".to_owned()], ..Approvals::default() };
    let (before, began) = (world.siem.so_far().len(), Instant::now());
    Outbox::new(Arc::new(site)).send_due().await;
    // One try at the silent one takes ten seconds.
    assert!(began.elapsed() < Duration::from_secs(19), "{:?}", began.elapsed());
    assert_eq!((world.siem.so_far().len() - before, taken.load(Ordering::SeqCst)), (6, 6));
}

#[test]
fn a_worker_sends_the_notifications_of_a_killed_command() {
    let folder = tempfile::tempdir().unwrap();
    let cur = folder.path().join("mail/u0001@corp.example/cur");
    std::fs::create_dir_all(&cur).unwrap();
    let text =
        "Message-ID: <1@x.example>\r\nFrom: eve@evil.example\r\nTo: u0001@corp.example\r\nSubject: x\r\n\r\nx\r\n";
    std::fs::write(cur.join("1700000001.M1P1.host:2,S"), text).unwrap();
    let clawback = Clawback::init(folder.path(), "connector = \"maildir\"\ndirectory = \"mail\"\n");
    std::fs::write(folder.path().join("workflows/purge.yaml"), PLAYBOOK).unwrap();
    write_secret(&folder.path().join("key"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    let (dead, taken) = silent_channel();
    let siem = Hooks::start();
    let written = std::fs::read_to_string(folder.path().join("clawback.toml")).unwrap();
    let [dead, live] = [("dead", &dead), ("siem", &siem.url)].map(|(name, url)| {
        format!(
            "[notifiers.{name}]\nkind = \"webhook\"\nurl = \"{url}/x\"\nsecret-file = \"key\"\nevery-change = true\n"
        )
    });
    std::fs::write(folder.path().join("clawback.toml"), format!("{written}\n{dead}{live}")).unwrap();
    siem.refuse(true);
    let mut run = clawback.command(&["run", "purge"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(30);
    // Killed earlier, it would leave the planning too, and its lease would have to expire before another could continue
    // that.
    let is_planned = || clawback.json(&["history"])["items"][0]["status"] == "pending-approval";
    while taken.load(Ordering::SeqCst) == 0 || siem.refused().is_empty() || !is_planned() {
        assert!(Instant::now() < patience, "no notification arrived");
        std::thread::sleep(Duration::from_millis(10));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    siem.refuse(false);
    let mut worker = clawback.command(&["worker"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let told = siem.received(3);
    worker.kill().unwrap();
    let said: Vec<_> = BufReader::new(worker.stderr.take().unwrap()).lines().map(Result::unwrap).collect();
    worker.wait().unwrap();
    assert_eq!(statuses(&told), STORY[..3], "{said:#?}");
    assert_eq!(ids(&told)[0], ids(&siem.refused())[0]);
}
