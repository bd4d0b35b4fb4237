//! `clawback demo`: a demonstration on generated mailboxes, with the real engine, connector and history.

mod mailboxes;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clawback_app::Api;
use clawback_model::{ActionSource, Decision, Principal, PrincipalKind, Remediation, Role, SelectionMode};
use clawback_runtime::{NewToken, Submission, Worker};

use crate::args::{DemoArgs, Global};
use crate::config::Config;
use crate::failure::{Exit, Failure, chain};
use crate::open::{Stores, random, site, write_secret};
use crate::{output, progress};

const CONFIG: &str = r#"# The demo's site. Try: clawback --config @FOLDER@ history
database = "sqlite:clawback.db"
token-file = "ann.token"

[stores.corp]
connector = "maildir"
directory = "mail"

[lists]
vips = ["ceo@corp.example"]
secops_mailboxes = ["soc@corp.example"]

[notifiers.soc]
kind = "log"
"#;

pub(crate) async fn run(global: &Global, args: DemoArgs) -> Result<Exit, Failure> {
    let began = Instant::now();
    let folder = folder(&args)?;
    output::line(
        "Clawback demo: a phishing campaign was delivered. We pull it back, prove it, and put it back again.",
    )?;
    chapter(1, "Mailboxes")?;
    let mail = folder.join("mail");
    let made = mailboxes::make(&mail, args.mailboxes.max(3), args.messages.max(5))?;
    output::line(&format!(
        "   {} mailboxes with {} messages (real Maildirs) in {}",
        made.mailboxes,
        made.messages,
        mail.display()
    ))?;
    output::line(&format!(
        "   hidden among them: {} copies of a campaign by {} in inboxes, junk, own folders and the trash,",
        made.campaign,
        mailboxes::ATTACKER
    ))?;
    output::line(&format!("   and {} decoys that share only its sender or only its subject", made.decoys))?;

    let config_path = folder.join("clawback.toml");
    let config = CONFIG.replace("@FOLDER@", &folder.display().to_string());
    clawback_files::create(&config_path)?.write_all(config.as_bytes())?;
    let config = Config::find(Some(&config_path))?;
    let api = Api::new(Arc::new(site(&config, Stores::All).await?));
    let (ann, ben) = people(&api, &folder).await?;
    let before = mailboxes::snapshot(&mail)?;

    chapter(2, "Ann, an analyst, runs the shipped playbook `purge-phish-campaign`")?;
    let purge = api.submit(&ann, submission()).await?;
    let purge = work(global, &api, &purge).await?;
    summary(&purge)?;

    chapter(3, "Two steps: Ann cannot approve what she asked for")?;
    match api.decide(&ann, &purge.id, Decision::Approve, None, None).await {
        Ok(_) => return Err(Failure::failed("the requester's approval was accepted, which must never happen")),
        Err(error) => output::line(&format!("   refused: {}", chain(&error)))?,
    }
    let digest = purge.plan.as_ref().map(|plan| plan.digest);
    let comment = Some("seen the list, it is the campaign".to_owned());
    let approved = api.decide(&ben, &purge.id, Decision::Approve, digest, comment).await?;
    output::line(&format!("   Ben approves exactly this plan, {}: {}", short(digest), approved.status))?;

    chapter(4, "Batches, a canary first, then verification")?;
    let purged = work(global, &api, &approved).await?;
    summary(&purged)?;
    let after = mailboxes::snapshot(&mail)?;
    let moved = before.moved_to(&after);
    output::line(&format!(
        "   on disk: {} files are elsewhere now, {} of them campaign mail; everything else is untouched",
        moved.all, moved.campaign
    ))?;

    chapter(5, "Undo: planned and approved like anything else, and it goes home")?;
    let undo = api.undo(&ann, &purge.id).await?;
    let undo = work(global, &api, &undo).await?;
    let undo = api.decide(&ben, &undo.id, Decision::Approve, None, Some("the drill is over".to_owned())).await?;
    let undone = work(global, &api, &undo).await?;
    summary(&undone)?;
    let home = before.moved_to(&mailboxes::snapshot(&mail)?);
    output::line(&format!(
        "   on disk: {} of {} files are not where they were, with other flags, or gone",
        home.all, made.messages
    ))?;

    chapter(6, "The history proves itself")?;
    let verified = api.site().verify(None).await.map_err(|broken| Failure::failed(chain(&broken)))?;
    output::line(&format!(
        "   {} events, {} targets and {} outcomes are as they were recorded; head {}:{}",
        verified.events,
        verified.targets,
        verified.outcomes,
        verified.head.seq,
        short(Some(verified.head.hash))
    ))?;
    closing(&folder, &purged, began)?;
    let right = moved.campaign == made.campaign && moved.all == made.campaign && home.all == 0;
    if right { Ok(Exit::Done) } else { Err(Failure::failed("the mailboxes do not hold what the history says")) }
}

fn folder(args: &DemoArgs) -> Result<PathBuf, Failure> {
    let folder = match &args.folder {
        Some(folder) => folder.clone(),
        None => std::env::temp_dir().join(format!("clawback-demo-{:06x}", random() & 0xff_ffff)),
    };
    if folder.exists() && std::fs::read_dir(&folder)?.next().is_some() {
        return Err(Failure::misuse(format!("{} is not empty", folder.display())).hint("name another with --folder"));
    }
    clawback_files::create_folder(&folder)?;
    Ok(std::path::absolute(folder)?)
}

/// Two people, each with a token file.
async fn people(api: &Api, folder: &Path) -> Result<(Principal, Principal), Failure> {
    let history = &api.site().history;
    let mut people = Vec::new();
    for (name, roles) in [("ann", vec![Role::Analyst, Role::Approver, Role::Admin]), ("ben", vec![Role::Approver])] {
        let person = Principal::new(name, PrincipalKind::Person, roles);
        history.add_principal(&person, "ann", api.site().now()).await?;
        let token = NewToken::generate(random);
        history
            .add_token(name, &token.digest(), clawback_store::TokenTerms::labelled("demo"), name, api.site().now())
            .await?;
        write_secret(&folder.join(format!("{name}.token")), token.reveal())?;
        people.push(api.authenticate(token.reveal()).await?);
    }
    let ben = people.pop().expect("two people were added");
    let ann = people.pop().expect("two people were added");
    Ok((ann, ben))
}

fn submission() -> Submission {
    Submission {
        playbook: "purge-phish-campaign".to_owned(),
        inputs: [("sender", mailboxes::ATTACKER), ("subject", mailboxes::SUBJECT), ("since", "30d")].into(),
        name: Some("Payroll phish".to_owned()),
        severity: None,
        description: None,
        source: ActionSource::Manual,
        agent: None,
        mode: SelectionMode::Query,
        picked: Vec::new(),
    }
}

async fn work(global: &Global, api: &Api, remediation: &Remediation) -> Result<Remediation, Failure> {
    let (observer, _cleared) = progress::bar(global.quiet);
    Ok(Worker::new(Arc::clone(api.site()), observer).run(&remediation.id).await?)
}

fn summary(remediation: &Remediation) -> Result<(), Failure> {
    output::line(&format!("   {}  approval ID {}", remediation.id, remediation.request.approval_id))?;
    output::line(&format!("   {}: {}", remediation.status, super::work::counts(&remediation.counts)))?;
    if let Some((confirmed, unconfirmed)) = remediation.progress.verified {
        output::line(&format!("   verified on the store: {confirmed} confirmed, {unconfirmed} not"))?;
    }
    Ok(())
}

fn closing(folder: &Path, purged: &Remediation, began: Instant) -> Result<(), Failure> {
    let (at, program) = (folder.display(), program());
    output::line(&format!(
        "\nDone in {:.1} s. Everything is kept in {at}; look around:",
        began.elapsed().as_secs_f64()
    ))?;
    for command in [
        "history".to_owned(),
        format!("show {} --messages", purged.id),
        format!("show {} --events", purged.id),
        format!("plan purge-phish-campaign -i sender={} --dry-run", mailboxes::ATTACKER),
        "verify".to_owned(),
        "principals password ann".to_owned(),
    ] {
        output::line(&format!("   {program} --config {at} {command}"))?;
    }
    output::line(&format!("   {program} --config {at} serve      # the Action Center; sign in as ann"))?;
    output::line("Then your own mail store: `clawback init`, and the tour in README.md.")
}

/// The program as it was started: `cargo run` puts none on the search path of the shell.
fn program() -> String {
    let started = std::env::args_os().next().map(|path| path.display().to_string());
    started.filter(|path| path.contains('/')).unwrap_or_else(|| "clawback".to_owned())
}

fn chapter(number: u32, title: &str) -> Result<(), Failure> {
    output::line(&format!("\n{number}. {title}"))
}

fn short(digest: Option<clawback_model::Digest>) -> String {
    digest.map_or("no plan".to_owned(), |digest| format!("{}…", digest.short()))
}
