//! `cargo xtask faults PROGRAM [SECONDS] [SEED]`: disturbs a small study in all ways that a machine can, goes on with it, and
//! holds what comes out against the same study undisturbed.
//!
//! A round is a study in a folder of its own: up to four times it is run under a [`Disturbance`] (killed or told to stop at
//! any moment, killed at the n-th call of a kind, failed by the disk at the n-th call of a kind, a checkpoint spoilt
//! between two runs), each time with a look at what is stored, then to its end. Nothing may be lost, doubled or changed. A
//! last disturbance damages the finished database, which must be refused or read, without a crash.
//!
//! System calls are counted and disturbed by strace; without it only kills, signals and damage are tried.

mod damage;
mod disturbance;
mod subject;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tunefork_rng::{Key, Purpose, Stream};

use self::disturbance::{Calls, Disturbance};
use self::subject::{Left, Subject};

/// What came of a disturbance for which the study was over too soon.
const LATE: &str = "came too late";
/// Disturbances of one study, at most.
const AT_MOST: u64 = 4;

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let program = arguments.first().context("name the program: cargo xtask faults target/release/tunefork 60")?;
    let program = std::path::absolute(program)?;
    let number = |at: usize, other| arguments.get(at).map_or(Ok(other), |text| text.parse::<u64>());
    let (seconds, seed) = (number(1, 60)?, number(2, 0)?);
    let folder = std::env::temp_dir().join(format!("tunefork-faults-{}", std::process::id()));
    let result = disturb(&program, &folder, Duration::from_secs(seconds), seed);
    if result.is_ok() {
        std::fs::remove_dir_all(&folder)?;
    }
    result.with_context(|| format!("what is left stands in {}", folder.display()))
}

fn disturb(program: &Path, folder: &Path, time: Duration, seed: u64) -> Result<()> {
    let begun = Instant::now();
    let reference = Subject::new(program, &folder.join("undisturbed"))?;
    let wanted = reference.finish().context("the study without a disturbance")?;
    let length = begun.elapsed();
    let calls = Calls::count(program, &folder.join("counted"))?;
    let mut counts = Counts::default();
    let mut rounds = 0;
    while begun.elapsed() < time {
        let seed = seed + u64::from(rounds);
        let place = folder.join("round");
        round(program, &place, &wanted, length, &calls, &mut Dice::of_seed(seed), &mut counts)
            .with_context(|| format!("round {rounds}, which is the first of seed {seed}"))?;
        std::fs::remove_dir_all(&place)?;
        rounds += 1;
    }
    counts.print(rounds, begun.elapsed());
    Ok(())
}

/// One study, disturbed some times and run to its end.
fn round(
    program: &Path,
    place: &Path,
    wanted: &Left,
    length: Duration,
    calls: &Calls,
    dice: &mut Dice,
    counts: &mut Counts,
) -> Result<()> {
    let subject = Subject::new(program, place)?;
    let mut before = subject.stored(wanted)?;
    for _ in 0..=dice.below(AT_MOST) {
        let disturbance = Disturbance::draw(dice, length, calls);
        let told = || format!("after {disturbance}");
        let effect = disturbance.play(&subject, dice).with_context(told)?;
        let after = subject.stored(wanted).with_context(told)?;
        after.holds(&before).with_context(told)?;
        before = after;
        counts.add(disturbance.kind(), effect);
    }
    let left = subject.finish().context("run to its end")?;
    left.compare(wanted).context("run to its end")?;
    let effect = damage::database(&subject, dice)?;
    counts.add("database damaged", effect);
    Ok(())
}

/// How often each kind of disturbance was tried, and what came of it.
#[derive(Default)]
struct Counts(BTreeMap<(&'static str, &'static str), u32>);

impl Counts {
    fn add(&mut self, kind: &'static str, effect: &'static str) {
        *self.0.entry((kind, effect)).or_default() += 1;
    }

    fn print(&self, rounds: u32, time: Duration) {
        println!("| disturbance | what came of it | times |\n|---|---|---|");
        for ((kind, effect), times) in &self.0 {
            println!("| {kind} | {effect} | {times} |");
        }
        let all: u32 = self.0.values().sum();
        let late = self.0.iter().filter(|((_, effect), _)| *effect == LATE);
        let late: u32 = late.map(|(_, times)| times).sum();
        println!(
            "\n{rounds} studies in {} s, {} disturbances that came in time: nothing was lost, doubled or changed.",
            time.as_secs(),
            all - late
        );
    }
}

/// What happens in a round: the same for the same seed.
struct Dice(Stream);

impl Dice {
    fn of_seed(seed: u64) -> Self {
        Dice(Key::study(seed).stream(Purpose::Generate))
    }

    /// A number below `end`, which is above 0.
    fn below(&mut self, end: u64) -> u64 {
        self.0.below(end)
    }

    fn byte(&mut self) -> u8 {
        self.below(256) as u8
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize].clone()
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        if !folder.exists() {
            continue;
        }
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    ensure!(found.len() < 10_000, "{} holds {} files", folder.display(), found.len());
    Ok(found)
}
