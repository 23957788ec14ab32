//! One file for each command.

pub(crate) mod ask_tell;
pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod data;
pub(crate) mod doctor;
pub(crate) mod evaluate;
pub(crate) mod export;
mod finished;
pub(crate) mod keys;
pub(crate) mod man;
pub(crate) mod plan;
pub(crate) mod predict;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod sets;
pub(crate) mod show;
pub(crate) mod train;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use tunefork::study_file::StudyFile;
use tunefork::{DeviceChoice, Error, Machine, RunFolder, StudySpec, Tracking};

use crate::args::{MachineArgs, ResultsArgs, StudyArgs, TrackingArgs};
use crate::output::{complain, say};
use crate::{INTERRUPTED, screen};

impl StudyArgs {
    /// The study with what was changed on the command line.
    fn resolve(&self) -> Result<StudySpec, Error> {
        let mut file = StudyFile::read(&self.file)?;
        for assignment in &self.set {
            file.set(assignment)?;
        }
        if let Some(precision) = &self.precision {
            file.set(&format!("precision={precision}"))?;
        }
        Ok(StudySpec::resolve(&file)?)
    }

    /// The study, or that of one of its experiments alone.
    fn resolve_only(&self, experiment: Option<&str>) -> Result<StudySpec, Error> {
        let spec = self.resolve()?;
        match experiment {
            Some(name) => Ok(spec.only(name)?),
            None => Ok(spec),
        }
    }

    /// What the command runs on, told in a line where nobody waits for JSON.
    fn machine(&self, json: bool) -> Result<Machine, Error> {
        self.machine_of(self.machine.device, json)
    }

    /// The same with a device that may be another than was asked for.
    fn machine_of(&self, device: DeviceChoice, json: bool) -> Result<Machine, Error> {
        let machine = Machine::new(device, &self.machine.isa, self.machine.threads)?;
        match json {
            true => complain(machine.line()),
            false => say(machine.line()),
        }
        Ok(machine)
    }
}

impl ResultsArgs {
    /// Where the results of the study go.
    fn folder(&self, spec: &StudySpec) -> RunFolder {
        match &self.out {
            Some(out) => RunFolder::new(out),
            None => RunFolder::new(format!("runs/{}", spec.name())),
        }
    }
}

impl TrackingArgs {
    fn tracking(&self) -> Tracking {
        Tracking { tensorboard: self.tensorboard, mlflow: self.mlflow.clone() }
    }
}

impl MachineArgs {
    fn machine(&self) -> Result<Machine, Error> {
        Machine::new(self.device, &self.isa, self.threads)
    }
}

/// A flag that the first Ctrl-C raises; the second one ends the program at once.
fn stop_flag() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            screen::clear_at_once();
            std::process::exit(INTERRUPTED.into());
        }
        complain("stopping; press Ctrl-C again to end at once");
    })
    .context("the system has no thread that could listen for Ctrl-C; raise the limit of processes (ulimit -u), or close other programs")?;
    Ok(stop)
}

/// The command line as it can be typed again.
pub(crate) fn same_command() -> String {
    let quoted = |arg: String| match arg.chars().all(|c| c.is_alphanumeric() || "-_./=,:@+%".contains(c)) {
        true if !arg.is_empty() => arg,
        _ => format!("'{}'", arg.replace('\'', "'\\''")),
    };
    let args = std::env::args_os().skip(1).map(|arg| quoted(without_password(&arg.to_string_lossy())));
    ["tunefork".to_string()].into_iter().chain(args).collect::<Vec<_>>().join(" ")
}

/// An argument without the user and the password that an address in it has.
fn without_password(arg: &str) -> String {
    let address = arg.split_once("://").and_then(|(scheme, rest)| {
        let host = rest.split('/').next()?;
        let (user, _) = host.rsplit_once('@')?;
        Some(format!("{scheme}://USER:PASSWORD{}", &rest[user.len()..]))
    });
    address.unwrap_or_else(|| arg.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_told_again() {
        assert_eq!(
            without_password("--mlflow=http://me:secret@host:5000/x@y"),
            "--mlflow=http://USER:PASSWORD@host:5000/x@y"
        );
        for plain in ["http://host:5000/a@b", "a@b", "study.toml"] {
            assert_eq!(without_password(plain), plain);
        }
    }
}
