//! After a fault of the GPU the program starts itself anew, for NVIDIA's driver takes no more work from the process that met
//! it, and goes on from what is stored.

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};
use std::sync::atomic::Ordering;

use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Serialize};
use tunefork::study::StudyError;
use tunefork::train::relaunch;
use tunefork::trial::TrialNumber;
use tunefork::{DeviceChoice, Error, RunOptions, StudySpec, read_study};

use crate::INTERRUPTED;
use crate::commands::same_command;
use crate::output::complain;

/// By which the next process hears what happened before it.
const VARIABLE: &str = "TUNEFORK_RELAUNCHED";

/// How often in a row the program starts itself anew without a new epoch between: then it is not by chance.
const MOST: u32 = 3;

/// How often in a row a trial may meet such a fault without a new epoch: then it is given up, and the study goes on.
const MOST_OF_A_TRIAL: u32 = 2;

/// The faults of the processes before this one, as far as they still count.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Faults {
    /// Without a new epoch between.
    in_a_row: u32,
    /// Epochs that were stored after the last one.
    epochs: usize,
    /// The trial that met the last one.
    trial: Option<TrialNumber>,
    /// How often in a row it did.
    of_trial: u32,
    /// Trials that are not trained any further, and why. Their end may not be stored yet when the next fault comes.
    given_up: BTreeMap<TrialNumber, String>,
}

impl Faults {
    /// What the process before this one told; nothing if there was none.
    pub(crate) fn before() -> Self {
        let told = std::env::var(VARIABLE).ok();
        told.and_then(|told| serde_json::from_str(&told).ok()).unwrap_or_default()
    }

    /// The device to ask for: after a fault the study goes on on a GPU or not at all, for the CPU gives other bits.
    pub(crate) fn device(&self, asked: DeviceChoice) -> DeviceChoice {
        if self.in_a_row > 0 { DeviceChoice::Cuda } else { asked }
    }

    /// Trials that are not trained any further, and why.
    pub(crate) fn given_up(&self) -> BTreeMap<TrialNumber, String> {
        self.given_up.clone()
    }

    /// With one more, after which so many epochs are stored.
    fn and(self, error: &Error, epochs: usize) -> Self {
        let before = |count: u32| if epochs > self.epochs { 0 } else { count };
        let in_a_row = 1 + before(self.in_a_row);
        let mut given_up = self.given_up;
        let Error::Study(StudyError::DeviceLost { trial, message }) = error else {
            return Self { in_a_row, epochs, trial: None, of_trial: 0, given_up };
        };
        let of_trial = 1 + if self.trial == Some(*trial) { before(self.of_trial) } else { 0 };
        if of_trial >= MOST_OF_A_TRIAL {
            given_up.insert(*trial, format!("{message}, {of_trial} times in a row"));
        }
        Self { in_a_row, epochs, trial: Some(*trial), of_trial, given_up }
    }

    /// Goes on in a new process after an error that says that the GPU is lost to this one. Returns only if that is of no use, or impossible.
    pub(crate) fn go_on(self, error: Error, spec: &StudySpec, options: RunOptions) -> anyhow::Result<ExitCode> {
        if options.stop.load(Ordering::Relaxed) {
            complain(format!("{error}\nthe study was stopped; to go on: {}", same_command()));
            return Ok(ExitCode::from(INTERRUPTED));
        }
        let study = read_study(options.folder.path(), Some(spec.name()));
        let epochs = study.map_or(0, |(study, _)| study.trials.iter().map(|trial| trial.epochs.len()).sum());
        let faults = self.and(&error, epochs);
        if faults.in_a_row > MOST {
            let what = format!("the GPU failed {} times in a row, and no epoch came between", faults.in_a_row);
            return Err(anyhow!(error).context(what));
        }
        complain(format!("{error}\nthe program starts itself anew and goes on from what is stored"));
        // With the GPU, whose memory a process that waits for another must not hold.
        drop(options);
        let program = std::env::current_exe().context("the program does not find itself to start anew")?;
        let mut command = Command::new(program);
        command.args(std::env::args_os().skip(1)).env(VARIABLE, serde_json::to_string(&faults)?);
        let refused = relaunch(&mut command);
        Err(anyhow!(error).context(format!("the program cannot start itself anew ({refused})")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(trial: u32) -> Error {
        StudyError::DeviceLost { trial: TrialNumber(trial), message: "a fault".to_owned() }.into()
    }

    #[test]
    fn a_trial_that_meets_two_faults_in_a_row_is_given_up() {
        let first = Faults::default().and(&lost(7), 5);
        assert_eq!((first.in_a_row, first.given_up.len()), (1, 0));
        assert!(first.clone().and(&lost(8), 5).given_up.is_empty(), "another trial");
        assert!(first.clone().and(&lost(7), 6).given_up.is_empty(), "an epoch came between");
        let second = first.and(&lost(7), 5);
        assert_eq!(second.in_a_row, 2);
        let given_up = [(TrialNumber(7), "a fault, 2 times in a row".to_owned())].into();
        assert_eq!(second.given_up(), given_up);
        let later = second.and(&lost(8), 6);
        assert_eq!((later.in_a_row, later.of_trial, later.given_up()), (1, 1, given_up), "it stays given up");
    }

    #[test]
    fn what_is_told_is_heard() {
        let faults = Faults::default().and(&lost(7), 5);
        let told = serde_json::to_string(&faults).unwrap();
        assert_eq!(serde_json::from_str::<Faults>(&told).unwrap(), faults);
        assert_eq!(Faults::default().device(DeviceChoice::Auto), DeviceChoice::Auto);
        assert_eq!(faults.device(DeviceChoice::Auto), DeviceChoice::Cuda);
    }
}
