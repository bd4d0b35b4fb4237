//! `clawback doctor`: tests the deployment, and reports what to do.

mod machine;
mod people;
mod reports;

use clawback_connectors::Which;
use clawback_runtime::{ComparedNode, Site, compare_nodes};

use crate::args::Global;
use crate::config::Config;
use crate::failure::{Exit, Failure, chain};
use crate::open::{Session, Stores, site, witnesses};
use crate::output;

/// Seconds that the clocks of a node and of the database may differ: leases are measured on both.
const SKEW: i64 = 2;

/// The result of the tests so far.
struct Report {
    all_well: bool,
}

impl Report {
    fn add(&mut self, name: &str, result: Result<String, Failure>) -> Result<(), Failure> {
        match result {
            Ok(said) => output::line(&format!("ok     {name}: {said}")),
            Err(failure) => {
                self.all_well = false;
                output::line(&format!("WRONG  {name}\n{}", failure.render()))
            }
        }
    }
}

pub(crate) async fn run(global: &Global) -> Result<Exit, Failure> {
    let mut report = Report { all_well: true };
    let config = Config::find(global.config.as_deref())?;
    report.add("configuration", Ok(config.folder.join("clawback.toml").display().to_string()))?;
    for (name, result) in machine::permissions(&config) {
        report.add(&name, result)?;
    }
    for (name, result) in machine::room(&config) {
        report.add(&name, result)?;
    }
    if let Some(result) = machine::signed_votes(&config) {
        report.add("signed votes", result)?;
    }
    for sentence in config.without_a_vote.in_words() {
        report.add("without a vote", Ok(sentence))?;
    }
    let suggestions =
        if config.suggestions.without_a_vote { "as their playbooks say" } else { "always ask for a vote" };
    report.add("suggestions", Ok(suggestions.to_owned()))?;
    let investigations = if config.investigations.automatic {
        format!("run without a vote up to {} messages, where every rule allows it", config.investigations.at_most)
    } else {
        "ask for a vote unless a person started them".to_owned()
    };
    report.add("investigations", Ok(investigations))?;
    if config.investigations.simulations.is_on() {
        report.add("simulations", machine::simulations(&config))?;
    }
    match site(&config, Stores::None).await {
        Err(failure) => report.add("database", Err(failure))?,
        Ok(site) => {
            database(&config, &site, &mut report).await?;
            playbooks(&config, &site, &mut report)?;
            cosignatures(&config, &site).await?;
            people::look(&site).await?;
            if let Some(result) = reports::mailbox(&site).await? {
                report.add("mailbox for reports", result)?;
            }
            if let (Some(bucket), Some(evidence)) = (config.bucket(), &site.evidence) {
                let answers = evidence.check().await.map(|()| format!("{} answers", bucket.url));
                let hint = "a message that cannot be kept is not deleted: check `endpoint`, `region` and the keys";
                report.add("evidence", answers.map_err(|error| Failure::failed(error).hint(hint)))?;
            }
        }
    }
    match config.oidc() {
        Ok(None) => {}
        Ok(Some(oidc)) => {
            let answers = oidc.check().await.map(|()| format!("{} answers", oidc.issuer()));
            let hint = "people with a password of this site can still sign in: check `issuer` and `ca-file`";
            report.add("identity provider", answers.map_err(|error| Failure::failed(error.to_string()).hint(hint)))?;
        }
        Err(failure) => report.add("identity provider", Err(failure))?,
    }
    let identity = Session::open(global, Stores::None).await;
    let known = identity.is_ok();
    report.add("token", identity.map(|session| format!("you are {}", session.who.name)))?;
    if config.stores.is_empty() {
        let none = Failure::misuse("none is configured").hint("describe one under [stores.NAME] in clawback.toml");
        report.add("stores", Err(none))?;
    }
    // Only a caller with a token logs in with the site's credentials.
    for name in config.stores.keys().filter(|_| known) {
        let looked = super::connectors::look(&config, name, &Which::Sample).await;
        report.add(&format!("store {name}"), looked.summary())?;
        looked.details().iter().try_for_each(|line| output::line(line))?;
    }
    for (what, place) in config.in_the_clear() {
        let place = clawback_model::visible_line(&place, 200);
        output::line(&format!("NOTE   {what}: {place} is spoken to in the clear, as `allow-cleartext` says"))?;
    }
    Ok(if report.all_well { Exit::Done } else { Exit::Failed })
}

/// Too few witnesses delay nothing, so that is no fault of the deployment.
async fn cosignatures(config: &Config, site: &Site) -> Result<(), Failure> {
    let witnesses = witnesses(config)?;
    let Some((events, note)) = site.history.last_head().await?.filter(|_| !witnesses.is_empty()) else { return Ok(()) };
    let Ok(note) = note.parse() else { return Ok(()) };
    let standing = super::checkpoint::standing(&witnesses, &note);
    let word = if witnesses.is_enough(&note) { "ok    " } else { "NOTE  " };
    output::line(&format!("{word} witnesses: the checkpoint of {events} events is {standing}"))
}

async fn database(config: &Config, site: &Site, report: &mut Report) -> Result<(), Failure> {
    match site.history.health().await {
        Err(error) => report.add("database", Err(Failure::failed(chain(&error))))?,
        Ok(health) => {
            let way = health.tls.map_or("", |tls| if tls { ", over TLS" } else { ", without TLS" });
            let said =
                format!("{}, {}{way}, schema {}, writable", config.database_shown(), health.database, health.schema);
            let old = || {
                Failure::failed(format!("{} is older than what Clawback is tested with", health.database))
                    .hint("upgrade to PostgreSQL 15 or later")
            };
            report.add("database", if health.supported { Ok(said) } else { Err(old()) })?;
            if let Some(clock) = health.clock {
                report.add("clock", skew(clock.0 - site.now().0))?;
            }
        }
    }
    let verified = site.verify(None).await;
    let said = verified.map(|verified| format!("{} events, unbroken", verified.events));
    report.add("history", said.map_err(|broken| Failure::failed(chain(&broken))))?;
    let halt = site.history.halted().await?;
    let halted = halt.map_or(Ok("not thrown".to_owned()), |halt| {
        let said = format!("the site is {}", clawback_model::visible(&halt.to_string()));
        Err(Failure::failed(said).hint("`clawback unhalt` lets it go on"))
    });
    report.add("kill switch", halted)?;
    let nodes = compare_nodes(site).await?.into_iter().filter(|node| node.alive);
    let nodes: Vec<ComparedNode> = nodes.collect();
    report.add("workers", workers(nodes.len(), &due(site).await?))?;
    nodes.iter().filter_map(disagreement).try_for_each(|failure| report.add("nodes", Err(failure)))
}

/// In what a node differs from this one; `None` if in nothing.
fn disagreement(node: &ComparedNode) -> Option<Failure> {
    let parts = match node.differs.as_deref() {
        Some([]) => return None,
        Some(parts) => parts.join(", "),
        None => "version".to_owned(),
    };
    let said = format!("node {} differs from this one in: {parts}", node.name);
    Some(
        Failure::failed(clawback_model::visible_line(&said, 1_000))
            .hint("give all nodes the same files and version, then start the node again if its configuration changed"),
    )
}

/// The work that is overdue, in words.
async fn due(site: &Site) -> Result<Vec<String>, Failure> {
    let (history, now) = (&site.history, site.now());
    let mut due = Vec::new();
    if let Some(since) = history.queue(now).await?.oldest_due {
        due.push(format!("remediations wait for a worker, the first since {since}"));
    }
    for sweep in history.due_sweeps(now).await? {
        due.push(format!("the sweep of {} is due", sweep?.first));
    }
    for schedule in history.due_schedules(now).await? {
        due.push(format!("schedule {} is due", clawback_model::visible(&schedule?.name)));
    }
    Ok(due)
}

fn workers(alive: usize, due: &[String]) -> Result<String, Failure> {
    match (alive, due) {
        (0, []) => Ok("none is alive, and nothing is due".to_owned()),
        (0, due) => Err(Failure::failed(format!("none is alive: {}", due.join("; ")))
            .hint("start `clawback worker`, or `clawback serve`, which works as well")),
        // Work that is due now may begin the next moment.
        (alive, _) => Ok(format!("{alive} alive")),
    }
}

/// `ahead`: microseconds by which the database's clock is ahead of this node's.
fn skew(ahead: i64) -> Result<String, Failure> {
    let milliseconds = ahead / 1_000;
    if milliseconds.abs() > SKEW * 1_000 {
        return Err(Failure::failed(format!("the database's clock differs from this node's by {milliseconds} ms"))
            .hint("run a time service (chrony, systemd-timesyncd) on both: leases and deadlines are measured on both clocks"));
    }
    Ok(format!("{milliseconds} ms from the database's"))
}

fn playbooks(config: &Config, site: &Site, report: &mut Report) -> Result<(), Failure> {
    let names = site.library.playbook_names();
    for name in &names {
        let checked = site.library.playbook_source(name).and_then(|(path, source)| {
            let stores = Some(config.stores.keys().cloned().collect());
            let notifiers = Some(config.notifiers.keys().cloned().collect());
            site.library.check(&path, &source, stores, notifiers, site.limits)
        });
        if let Err(error) = checked {
            report.add(&format!("playbook {name}"), Err(error.into()))?;
        }
    }
    report.add("playbooks", Ok(names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_is_due_without_a_worker_is_wrong() {
        let due = ["schedule night is due".to_owned()];
        assert!(workers(0, &[]).is_ok() && workers(1, &due).is_ok());
        let wrong = workers(0, &due).unwrap_err().render();
        assert!(wrong.contains("schedule night is due") && wrong.contains("clawback worker"), "{wrong}");
    }

    #[test]
    fn a_clock_that_is_off_by_seconds_is_wrong() {
        assert!(skew(1_999_000).is_ok() && skew(-1_999_000).is_ok());
        assert!(skew(2_100_000).is_err() && skew(-3_600_000_000).is_err());
    }
}
