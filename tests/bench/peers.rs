//! `cargo xtask bench peers`: the engine compared with other durable queues, each on an empty PostgreSQL of the same
//! server, with items without cost.
//!
//! All of them keep a row for each item with its result, except `graphile_worker`, which deletes what is done. The
//! peers commit item by item or in small groups; the engine commits outcomes in groups, and also plans, approves and
//! keeps a chained history.

use std::process::Command;

/// Other programs, and the number of items for each.
pub(crate) struct Peers {
    /// The program of `peers/`.
    pub(crate) program: String,
    /// A Python that has DBOS.
    pub(crate) python: String,
    /// `peers/dbos_items.py`.
    pub(crate) script: String,
    /// Items for the engine and the peers in Rust.
    pub(crate) items: u32,
    /// Items for DBOS.
    pub(crate) few: u32,
}

/// The goals: how many times faster than this peer.
const GOALS: [(&str, f64); 2] = [("apalis-postgres 1.0.0", 5.0), ("DBOS 3.4.0, steps", 50.0)];

impl Peers {
    pub(crate) async fn report(&self, rounds: usize) {
        let ways = [
            ("clawback", self.items),
            ("apalis-postgres 1.0.0", self.items),
            ("graphile_worker 0.14.1", self.items),
            ("DBOS 3.4.0, steps", self.few),
            ("DBOS 3.4.0, queue", self.few),
        ];
        println!("items that cost nothing, on PostgreSQL; medians of {rounds} rounds, ways in turn");
        let mut seen = vec![Vec::new(); ways.len()];
        for _ in 0..rounds {
            for (place, (way, items)) in ways.iter().enumerate() {
                seen[place].push(self.measure(way, *items).await);
            }
        }
        println!(
            "{:<24} {:>9} {:>9} {:>9} {:>11} {:>9}",
            "way", "items", "seconds", "items/s", "s / 200,000", "slower by"
        );
        let rates: Vec<f64> = seen
            .into_iter()
            .zip(&ways)
            .map(|(seconds, (_, items))| f64::from(*items) / super::median(seconds))
            .collect();
        for ((way, items), rate) in ways.iter().zip(&rates) {
            let (seconds, whole, slower) = (f64::from(*items) / rate, 200_000.0 / rate, rates[0] / rate);
            println!("{way:<24} {items:>9} {seconds:>9.2} {rate:>9.0} {whole:>11.1} {slower:>9.1}");
        }
        for (way, goal) in GOALS {
            let place = ways.iter().position(|(name, _)| *name == way).unwrap();
            let slower = rates[0] / rates[place];
            println!("goal {goal:.0} times {way}: {slower:.1}, {}", if slower >= goal { "met" } else { "missed" });
        }
    }

    /// Seconds that one peer took for this many items.
    async fn measure(&self, way: &str, items: u32) -> f64 {
        let count = items.to_string();
        let (peer, rest) = way.split_once(' ').unwrap_or((way, ""));
        match peer {
            "clawback" => super::child("engine", &clawback_tests::postgres::database().await, items).0,
            "DBOS" => {
                let url = clawback_tests::postgres::empty_database().await;
                let way = rest.rsplit(' ').next().unwrap_or_default();
                seconds(Command::new(&self.python).args([&self.script, way, &url, &count]))
            }
            _ => {
                let url = clawback_tests::postgres::empty_database().await;
                seconds(Command::new(&self.program).args([peer, &url, &count]))
            }
        }
    }
}

/// The seconds that a program prints.
fn seconds(command: &mut Command) -> f64 {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    match text.trim().parse() {
        Ok(seconds) if output.status.success() => seconds,
        _ => panic!("{command:?} failed: {text}{}", String::from_utf8_lossy(&output.stderr)),
    }
}
