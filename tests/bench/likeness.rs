//! `cargo xtask bench likeness`: which changed copies of a message are found, and which other mails are taken for copies,
//! in the real sandbox, on the mails of the `SpamAssassin` corpus; what an examination costs.
//!
//! A root is the text and the links of a mail of the corpus in a message of the benchmark. Its copies have a changed
//! text, another sender and subject, and the root's links. False matches are counted with the mails as they are.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench prints its figures and panics on an error; its counts are far below 2^52"
)]

#[path = "likeness/copies.rs"]
mod copies;
#[path = "likeness/corpus.rs"]
mod corpus;
#[path = "likeness/index.rs"]
mod index;

use std::collections::HashSet;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use clawback_connectors::{Examiner, Host, HostOptions};
use clawback_model::{Band, Calls, Commons, Features, Identity, LEAST_PAIRS, LikenessReason, Root};
use clawback_tests::mail::Random;
use clawback_tests::mutation::Mutation;

use corpus::{Mail, TRUSTED, examine, examine_all};
use index::Index;

/// The share of copies in percent that must be certain, and in how many rows of the ten.
const FOUND: f64 = 95.0;
const ROWS: usize = 9;
/// The most ham mails that may be taken for a copy of any root.
const FALSE: usize = 1;
/// The most MiB by which the process may grow while it examines the corpus again.
const GROWTH: f64 = 16.0;
/// Combinations of three changes for each root.
const COMBINATIONS: u64 = 10;
/// Newsletters that are cloned, the clones of each that are searched, and the links that make a mail a newsletter.
const NEWSLETTERS: usize = 250;
const CLONES: u64 = 3;
const MANY_LINKS: usize = 8;

#[tokio::main]
async fn main() -> ExitCode {
    let word = |name: &str| {
        let place = std::env::args().position(|argument| argument == name).unwrap();
        std::env::args().nth(place + 1).unwrap()
    };
    let roots: usize = word("--roots").parse().unwrap();
    let mails = corpus::read(Path::new(&word("--corpus")));
    let examiner = Host::new(HostOptions::default()).unwrap().examiner().await.unwrap();

    let found = examine_all(&examiner, mails.iter().map(|mail| mail.raw.clone()).collect()).await;
    let traps = report_traps(&mails, &found);
    let known: Vec<Known<'_>> = mails
        .iter()
        .zip(found)
        .filter_map(|(mail, found)| found.ok().map(|features| Known { mail, features }))
        .collect();
    let ham: Vec<&Known<'_>> = known.iter().filter(|one| !one.mail.is_spam).collect();
    println!("{} mails, {} of them ham\n", mails.len(), ham.len());
    let index = Index::new(ham.iter().map(|one| &one.features).collect());
    let chosen = choose(&known, roots);

    let mut is_met = changes(&examiner, &chosen, &ham).await;
    is_met &= false_matches(&chosen, &ham, &index);
    is_met &= newsletters(&examiner, &ham, &index).await;
    is_met &= cost(&examiner, &mails, traps).await;
    if is_met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A mail of the corpus that was examined.
struct Known<'a> {
    mail: &'a Mail,
    features: Features,
}

impl Known<'_> {
    fn words(&self) -> usize {
        self.mail.text.split_whitespace().count()
    }
}

fn report_traps(mails: &[Mail], found: &[Result<Features, String>]) -> usize {
    let failed = mails.iter().zip(found).filter_map(|(mail, found)| Some((mail, found.as_ref().err()?)));
    failed.inspect(|(mail, error)| println!("{}: {error}", mail.name)).count()
}

/// Returns the roots in a random order of the same seed: as many of the spam as of the ham, each with another text, with
/// enough words, and with a link or an address that can be the second key.
fn choose<'a>(known: &'a [Known<'a>], count: usize) -> Vec<&'a Known<'a>> {
    let mut chosen = Vec::new();
    for (is_spam, share) in [(true, count.div_ceil(2)), (false, count / 2)] {
        let all: Vec<_> = known.iter().filter(|one| one.mail.is_spam == is_spam).collect();
        let long = different(all.iter().copied());
        let mut able: Vec<_> = long.iter().copied().filter(|one| has_key(&one.features)).collect();
        println!(
            "{}: {} mails, {} different ones with {LEAST_PAIRS} word pairs, {} of them with a link that can be a key",
            kind(is_spam),
            all.len(),
            long.len(),
            able.len()
        );
        shuffle(&mut able, 1);
        assert!(able.len() >= share, "the corpus has too few {} for {count} roots", kind(is_spam));
        chosen.extend_from_slice(&able[..share]);
    }
    chosen
}

fn kind(is_spam: bool) -> &'static str {
    if is_spam { "spam" } else { "ham" }
}

/// Returns the mails with enough words, each text once.
fn different<'a>(all: impl Iterator<Item = &'a Known<'a>>) -> Vec<&'a Known<'a>> {
    let mut seen = HashSet::new();
    all.filter(|one| one.features.sketch.pairs() >= LEAST_PAIRS && !one.mail.text.trim().is_empty())
        .filter(|one| seen.insert(one.features.sketch.hashes()))
        .collect()
}

fn has_key(features: &Features) -> bool {
    let (calls, commons) = (Calls::of(features), Commons::default());
    calls.web.iter().chain(&calls.mail).any(|one| !commons.contains(one))
}

fn shuffle<T>(all: &mut [T], seed: u64) {
    let mut random = Random::new(seed);
    for at in (1..all.len()).rev() {
        all.swap(at, below(&mut random, at + 1));
    }
}

fn below(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.below(bound as u64)).unwrap()
}

/// How many copies of a row are in which band.
#[derive(Clone, Copy, Default)]
struct Tally {
    copies: usize,
    sure: usize,
    shown: usize,
}

impl Tally {
    fn count(&mut self, root: &Root, features: &Features) {
        let band = root.likeness(features).band;
        self.copies += 1;
        self.sure += usize::from(band == Band::Copy);
        self.shown += usize::from(matches!(band, Band::Copy | Band::LookAtIt));
    }

    fn percent(self, count: usize) -> f64 {
        100.0 * count as f64 / self.copies.max(1) as f64
    }

    fn print(self, name: &str) {
        let (sure, shown) = (self.percent(self.sure), self.percent(self.shown));
        println!("{name:<44} {:>7} {sure:>8.1} % {shown:>8.1} %", self.copies);
    }
}

/// Examines mails that the benchmark made. A failure is an error of the benchmark or of the sandbox.
async fn examined(examiner: &Examiner, mails: Vec<Vec<u8>>) -> Vec<Features> {
    examine_all(examiner, mails).await.into_iter().map(Result::unwrap).collect()
}

/// Copies of each root by each change, and by combinations of three.
async fn changes(examiner: &Examiner, chosen: &[&Known<'_>], ham: &[&Known<'_>]) -> bool {
    let made = |one: &Known<'_>, seed| {
        copies::mail(&one.mail.text, &copies::links(&one.features, seed), one.mail.is_html, seed)
    };
    let roots = examined(examiner, chosen.iter().zip(0..).map(|(one, seed)| made(one, seed)).collect()).await;
    let donors: Vec<&str> = ham.iter().filter(|one| one.words() > 200).map(|one| one.mail.text.as_str()).collect();
    let mut random = Random::new(2);
    let (mut plan, mut mails) = (Vec::new(), Vec::new());
    for (at, (one, root)) in chosen.iter().zip(&roots).enumerate() {
        let mut copy = |row: Row, set: &[Mutation]| {
            let seed = random.draw();
            let mut text = one.mail.text.clone();
            for (mutation, step) in set.iter().zip(0..) {
                text = mutation.apply(&text, donors[below(&mut random, donors.len())], seed.wrapping_add(step));
            }
            plan.push((row, at));
            mails.push(copies::mail(&text, &copies::links(root, seed), one.mail.is_html, seed));
        };
        copy(Row::Unchanged, &[]);
        for mutation in Mutation::ALL {
            copy(Row::One(mutation), &[mutation]);
        }
        for number in 0..COMBINATIONS {
            let mut all = Mutation::ALL;
            shuffle(&mut all, at as u64 * COMBINATIONS + number);
            copy(Row::Three { has_spin25: all[..3].contains(&Mutation::Spin25) }, &all[..3]);
        }
    }
    let found = examined(examiner, mails).await;
    println!("\n{:<44} {:>7} {:>10} {:>10}", "change", "copies", "copy", "shown");
    let tally = |row: Row, roots: &[Root]| {
        let mut tally = Tally::default();
        for ((_, root), features) in plan.iter().zip(&found).filter(|((of, _), _)| *of == row) {
            tally.count(&roots[*root], features);
        }
        tally
    };
    let stored: Vec<Root> = chosen.iter().map(|one| Root::of(&one.features)).collect();
    tally(Row::Unchanged, &stored).print("none; the root is the mail of the corpus");
    let roots: Vec<Root> = roots.iter().map(Root::of).collect();
    tally(Row::Unchanged, &roots).print("none");
    for ((row, at), features) in plan.iter().zip(&found) {
        let likeness = roots[*at].likeness(features);
        if *row == Row::Unchanged && likeness.band != Band::Copy {
            println!("not found unchanged: {}: {:?}", chosen[*at].mail.name, likeness.reasons);
        }
    }
    let mut rows = 0;
    for mutation in Mutation::ALL {
        let tally = tally(Row::One(mutation), &roots);
        tally.print(&format!("{mutation:?}"));
        rows += usize::from(tally.percent(tally.sure) >= FOUND);
    }
    tally(Row::Three { has_spin25: false }, &roots).print("three changes, without Spin25");
    tally(Row::Three { has_spin25: true }, &roots).print("three changes, one of them Spin25");
    println!();
    verdict(&format!("changes with {FOUND} % of the copies, of ten"), rows, &format!("at least {ROWS}"), rows >= ROWS)
}

/// A row of the table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Row {
    Unchanged,
    One(Mutation),
    Three { has_spin25: bool },
}

/// Ham that is taken for a copy of a root, with the mails as they are.
fn false_matches(chosen: &[&Known<'_>], ham: &[&Known<'_>], index: &Index<'_>) -> bool {
    let mut total = 0;
    for is_spam in [true, false] {
        let roots = chosen.iter().filter(|one| one.mail.is_spam == is_spam);
        let joined = Joined::of(roots.copied(), ham, index, true);
        joined.print(&format!("roots of {}", kind(is_spam)));
        total += joined.strangers;
    }
    Joined::of(ham.iter().copied(), ham, index, false).print("every ham mail as a root");
    verdict("ham taken for a copy of a root", total, &format!("at most {FALSE}"), total <= FALSE)
}

/// How much ham roots take for their copies.
#[derive(Default)]
struct Joined {
    pairs: usize,
    /// From the sender domain of the root, which is a ham mail.
    one_sender: usize,
    /// All others.
    strangers: usize,
    /// Of these, mails of the root's thread.
    in_thread: usize,
    /// Of these, mails with the envelope domain of the root, which for a mailing list is that of the list.
    same_envelope: usize,
    /// The roots with strangers.
    roots: usize,
}

impl Joined {
    fn of<'a>(
        roots: impl Iterator<Item = &'a Known<'a>>,
        ham: &[&Known<'_>],
        index: &Index<'_>,
        are_named: bool,
    ) -> Self {
        let mut joined = Self::default();
        for one in roots {
            let (root, before) = (Root::of(&one.features), joined.strangers);
            joined.pairs += ham.len() - usize::from(!one.mail.is_spam);
            for other in index.copies(&root).into_iter().map(|at| ham[at]) {
                if other.mail.name == one.mail.name {
                    continue;
                }
                // Spam can have any sender, also that of a ham mail.
                if !one.mail.is_spam && Identity::of(&other.features).domain == root.identity().domain {
                    joined.one_sender += 1;
                    continue;
                }
                let likeness = root.likeness(&other.features);
                joined.strangers += 1;
                joined.in_thread += usize::from(one.mail.is_in_thread_of(other.mail));
                joined.same_envelope += usize::from(likeness.reasons.contains(&LikenessReason::SameEnvelope));
                if are_named {
                    println!("false: {} and {}: {:?}", one.mail.name, other.mail.name, likeness.reasons);
                }
            }
            joined.roots += usize::from(joined.strangers > before);
        }
        joined
    }

    fn print(&self, what: &str) {
        let Self { pairs, one_sender, strangers, in_thread, same_envelope, roots } = self;
        println!(
            "{what}: {pairs} pairs with ham; false: {strangers} ({in_thread} in the thread of the root, {same_envelope} \
             with its envelope domain) by {roots} roots; of its sender domain: {one_sender} more"
        );
    }
}

/// Newsletters cloned with the links and the sender of an attacker: the clones are copies of one another, and what the
/// organisation sends is not.
async fn newsletters(examiner: &Examiner, ham: &[&Known<'_>], index: &Index<'_>) -> bool {
    let mut all = different(ham.iter().copied());
    all.retain(|one| is_newsletter(one));
    println!("\nnewsletters: {} different ones; a List-Id, List-Unsubscribe, or {MANY_LINKS} links", all.len());
    shuffle(&mut all, 3);
    all.truncate(NEWSLETTERS);
    let mut mails = Vec::new();
    for (one, at) in all.iter().zip(0_u64..) {
        for copy in 0..=CLONES {
            let seed = at * 100 + copy;
            let target = format!("http://s{copy}.collect-{at}.example/{seed:x}");
            let links = vec![target.clone(); one.features.links.len().max(1)];
            mails.push(copies::mail(&copies::relinked(&one.mail.text, &target), &links, one.mail.is_html, seed));
        }
        let domain = Identity::of(&one.features).domain;
        mails.push(copies::authenticated(&one.mail.raw, &domain, TRUSTED));
    }
    let made = examined(examiner, mails).await;
    let (mut clones, mut proved, mut taken) = (Tally::default(), Tally::default(), 0);
    let mut genuine = 0;
    let each = usize::try_from(CLONES).unwrap() + 2;
    for (one, made) in all.iter().zip(made.chunks(each)) {
        let root = Root::of(&made[0]);
        for copy in &made[1..each - 1] {
            clones.count(&root, copy);
        }
        proved.count(&root, &made[each - 1]);
        genuine += usize::from(root.likeness(&made[each - 1]).band == Band::GenuineLookAlike);
        for at in index.copies(&root) {
            println!("taken: {} by a clone of {}", ham[at].mail.name, one.mail.name);
            taken += 1;
        }
    }
    println!(
        "genuine ones, with their sender authenticated: {} compared, {genuine} shown as genuine, {} to be looked at",
        proved.copies,
        proved.shown - proved.sure
    );
    let is_found = verdict(
        "clones found from one clone",
        clones.sure,
        &format!("all {}", clones.copies),
        clones.sure == clones.copies && all.len() == NEWSLETTERS,
    );
    println!("clones against ham: {} pairs", all.len() * ham.len());
    let taken = taken + proved.sure;
    verdict("genuine mails taken for a clone", taken, "0", taken == 0) && is_found
}

fn is_newsletter(one: &Known<'_>) -> bool {
    let mut header = one.mail.raw.split(|byte| *byte == b'\n').take_while(|line| !line.trim_ascii().is_empty());
    let unsubscribe = b"list-unsubscribe:";
    let has_field = |line: &[u8]| line.get(..unsubscribe.len()).is_some_and(|it| it.eq_ignore_ascii_case(unsubscribe));
    !one.features.list_id.is_empty() || one.features.links.len() >= MANY_LINKS || header.any(has_field)
}

/// Examines the corpus again, one mail after the other.
async fn cost(examiner: &Examiner, mails: &[Mail], mut traps: usize) -> bool {
    let (before, started) = (resident(), Instant::now());
    for mail in mails {
        traps += usize::from(examine(examiner, &mail.raw).await.is_err());
    }
    let (seconds, after) = (started.elapsed().as_secs_f64(), resident());
    let bytes: usize = mails.iter().map(|mail| mail.raw.len()).sum();
    println!(
        "\none examination after the other: {} mails, {:.1} MB, {seconds:.1} s: {:.0} mails/s, {:.2} MB/s",
        mails.len(),
        bytes as f64 / 1e6,
        mails.len() as f64 / seconds,
        bytes as f64 / 1e6 / seconds
    );
    println!("resident memory: {before:.1} MiB before, {after:.1} MiB after");
    let is_flat = after - before <= GROWTH;
    let growth = format!("{:.1} MiB", after - before);
    let is_whole = verdict("failed examinations of the corpus, twice", traps, "0", traps == 0);
    verdict("growth of the resident memory", growth, &format!("at most {GROWTH} MiB"), is_flat) && is_whole
}

/// Resident set of this process, in MiB (`VmRSS` of proc(5)).
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

/// Prints a figure against its limit.
fn verdict(what: &str, measured: impl std::fmt::Display, limit: &str, is_met: bool) -> bool {
    let word = if is_met { "ok" } else { "MISSED" };
    println!("{what:<44} {:>10} (limit: {limit}) {word}", measured.to_string());
    is_met
}
