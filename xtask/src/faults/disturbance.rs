//! What may happen to a process and its disk.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use super::subject::{Subject, ended, text};
use super::{Dice, LATE, damage};

/// The calls by which files come to be, change and go, with the errors of a disk that they may end with.
const CALLS: &[(&str, &[&str])] = &[
    ("write", &["ENOSPC", "EIO"]),
    ("pwrite64", &["ENOSPC", "EIO"]),
    ("fsync", &["EIO", "ENOSPC"]),
    ("fdatasync", &["EIO", "ENOSPC"]),
    ("rename", &["ENOSPC", "EIO"]),
    ("unlink", &["EIO", "EROFS"]),
    ("mkdir", &["ENOSPC", "EIO"]),
    ("ftruncate", &["ENOSPC", "EIO"]),
    ("rmdir", &["EIO"]),
];

/// How often each call is made in a study without a disturbance. Empty where there is no strace.
pub(super) struct Calls(Vec<(&'static str, &'static [&'static str], u64)>);

impl Calls {
    pub(super) fn count(program: &Path, folder: &Path) -> Result<Self> {
        let strace = Command::new("strace").args(["-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
        if !strace.is_ok_and(|status| status.success()) {
            println!("no strace here, or it may not trace: calls are not disturbed, only processes and files\n");
            return Ok(Self(Vec::new()));
        }
        let subject = Subject::new(program, folder)?;
        let table = folder.join("calls.txt");
        let table_text = table.to_string_lossy().into_owned();
        let output = ended(subject.command(&["strace", "-f", "-c", "-U", "name,calls", "-o", &table_text]))?;
        anyhow::ensure!(output.status.success(), "{}", text(&output));
        let counted = fs::read_to_string(&table)?;
        let counted: BTreeMap<&str, u64> = counted
            .lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                Some((words.next()?, words.next()?.parse().ok()?))
            })
            .collect();
        let made = CALLS.iter().filter_map(|(call, errors)| Some((*call, *errors, *counted.get(call)?)));
        let made: Vec<_> = made.collect();
        anyhow::ensure!(!made.is_empty(), "strace has counted nothing: {counted:?}");
        Ok(Self(made))
    }
}

/// One disturbance of a run.
pub(super) enum Disturbance {
    /// A signal at a moment.
    Signal { signal: &'static str, after: Duration },
    /// Killed at the n-th call of a kind.
    KillAt { call: &'static str, time: u64 },
    /// The n-th call of a kind fails, or all from there on.
    Fault { call: &'static str, error: &'static str, time: u64, for_good: bool },
    /// Killed at a moment; then a checkpoint is spoilt.
    Checkpoint { after: Duration },
}

impl Disturbance {
    /// Any, of a study that takes about `length` without one.
    pub(super) fn draw(dice: &mut Dice, length: Duration, calls: &Calls) -> Self {
        let after = length.mul_f64(dice.below(1000) as f64 / 1000.0);
        let kind = dice.below(if calls.0.is_empty() { 4 } else { 10 });
        match kind {
            0 | 1 => Self::Signal { signal: "KILL", after },
            2 => Self::Signal { signal: dice.of(&["TERM", "INT"]), after },
            3 => Self::Checkpoint { after },
            _ => {
                let (call, errors, made) = dice.of(&calls.0);
                let time = 1 + dice.below(made);
                match kind {
                    4..7 => Self::KillAt { call, time },
                    _ => Self::Fault { call, error: dice.of(errors), time, for_good: dice.below(3) == 0 },
                }
            }
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Signal { signal: "KILL", .. } => "kill -9 at a moment",
            Self::Signal { .. } => "told to stop (SIGTERM, SIGINT)",
            Self::KillAt { .. } => "kill -9 at a call",
            Self::Fault { for_good: false, .. } => "one call fails",
            Self::Fault { for_good: true, .. } => "all calls of a kind fail from one on",
            Self::Checkpoint { .. } => "kill -9, then a checkpoint spoilt",
        }
    }

    /// Runs the study under it. What came of it, in a word.
    pub(super) fn play(&self, subject: &Subject, dice: &mut Dice) -> Result<&'static str> {
        match self {
            Self::Signal { signal, after } => signalled(subject, signal, *after),
            Self::Checkpoint { after } => {
                let effect = signalled(subject, "KILL", *after)?;
                Ok(match damage::checkpoint(subject, dice)? {
                    true => "spoilt",
                    false => effect,
                })
            }
            Self::KillAt { call, time } => traced(subject, call, &format!("signal=KILL:when={time}")),
            Self::Fault { call, error, time, for_good } => {
                let more = if *for_good { "+" } else { "" };
                traced(subject, call, &format!("error={error}:when={time}{more}"))
            }
        }
    }
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal { signal, after } => write!(f, "SIG{signal} after {after:?}"),
            Self::KillAt { call, time } => write!(f, "SIGKILL at {call} {time}"),
            Self::Fault { call, error, time, for_good } => {
                write!(f, "{error} at {call} {time}{}", if *for_good { " and all after it" } else { "" })
            }
            Self::Checkpoint { after } => write!(f, "SIGKILL after {after:?} and a spoilt checkpoint"),
        }
    }
}

fn signalled(subject: &Subject, signal: &str, after: Duration) -> Result<&'static str> {
    let mut command = subject.command(&[]);
    let child = command.spawn().with_context(|| format!("{command:?}"))?;
    std::thread::sleep(after);
    // One that has ended is still ours until it is waited for.
    Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).stderr(Stdio::null()).status()?;
    let output = child.wait_with_output()?;
    if before_it_listened(&output) {
        return Ok("ended before it listened");
    }
    super::subject::check(&output)?;
    Ok(match output.status.code() {
        Some(0) => LATE,
        Some(130) => "stopped",
        None => "killed",
        Some(code) => anyhow::bail!("it ended with {code}: {}", text(&output)),
    })
}

/// Until a program has a handler, SIGTERM and SIGINT end it. It must have one before it says a word or makes a file, and
/// whatever it does is said first; so one that was ended so has said nothing.
fn before_it_listened(output: &Output) -> bool {
    const INT: i32 = 2;
    const TERM: i32 = 15;
    matches!(output.status.signal(), Some(INT | TERM)) && output.stdout.is_empty() && output.stderr.is_empty()
}

fn traced(subject: &Subject, call: &str, injected: &str) -> Result<&'static str> {
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{injected}"));
    let log = subject.place.join("calls.txt");
    let log_name = log.to_string_lossy();
    let output = ended(subject.command(&["strace", "-f", "-o", &log_name, "-e", &trace, "-e", &inject]))?;
    let was_killed = output.status.code().is_none_or(|code| code == 137);
    if !was_killed && !fs::read_to_string(&log)?.contains("(INJECTED)") {
        return Ok(LATE);
    }
    Ok(match output.status.code() {
        Some(0) => "done all the same",
        Some(1 | 2) => {
            let told = text(&output);
            // What is told is written too.
            anyhow::ensure!(call == "write" || told.contains("error: "), "it fails without a word: {told}");
            "failed with a message"
        }
        Some(130) => "stopped",
        None | Some(137) => "killed",
        Some(code) => anyhow::bail!("it ended with {code}: {}", text(&output)),
    })
}
