//! Runs of MLflow: one for the study, and one below it for each trial, on a tracking server or in a folder.

#[cfg(feature = "mlflow")]
mod batch;
#[cfg(feature = "mlflow")]
mod client;
mod folder;
mod messages;
mod names;
mod place;
mod saved;
#[cfg(feature = "mlflow")]
mod sender;
#[cfg(feature = "mlflow")]
mod server;
#[cfg(feature = "mlflow")]
mod shared;

use std::io;
use std::path::PathBuf;

use tunefork_study::{Event, Observer, StudyRecord};

use crate::tracker::Health;
use crate::{Subject, Tracker};
use folder::Folder;
use messages::{Teller, What};
pub use place::{Address, Place, PlaceError};
use saved::Saved;
#[cfg(feature = "mlflow")]
pub use server::MlflowServer;

/// Writes the runs into a folder, as MLflow's store of files has them.
///
/// Points that are there are not written again, whatever killed the study. The runs are known by the name that the study has in its file
/// `mlflow.json`.
#[derive(Debug)]
pub struct MlflowFolder {
    root: PathBuf,
    saved: PathBuf,
    study: String,
    teller: Teller,
    folder: Option<Folder>,
    health: Health,
}

impl MlflowFolder {
    /// Runs in the folder `root`; `saved` is a file that the study keeps.
    pub fn new(root: impl Into<PathBuf>, saved: impl Into<PathBuf>, subject: &Subject<'_>) -> Self {
        Self {
            root: root.into(),
            saved: saved.into(),
            study: subject.header.name.clone(),
            teller: Teller::new(subject),
            folder: None,
            health: Health::default(),
        }
    }

    fn take(&mut self, event: &Event<'_>) -> io::Result<()> {
        for told in self.teller.told(event) {
            if let (Event::StudyStarted { known_trials, .. }, What::Begin(begin)) = (event, &told.what) {
                let saved = Saved::open(&self.saved, *known_trials == 0)?;
                self.folder = Some(Folder::open(&self.root, &self.study, saved, begin.time)?);
            }
            if let Some(folder) = &mut self.folder {
                folder.take(told)?;
            }
        }
        Ok(())
    }

    fn note(&mut self, result: io::Result<()>) {
        let whose = format!("MLflow's folder `{}`", self.root.display());
        self.health.note(result, &whose);
    }
}

impl Observer for MlflowFolder {
    fn event(&mut self, event: &Event<'_>) {
        if self.health.is_well() {
            let result = self.take(event);
            self.note(result);
        }
    }
}

impl Tracker for MlflowFolder {
    fn warning(&mut self) -> Option<String> {
        self.health.warning()
    }

    fn finish(&mut self, study: &StudyRecord, done: bool) {
        if let (Some(folder), true) = (&mut self.folder, self.health.is_well()) {
            let result = self.teller.end(study, done).into_iter().try_for_each(|told| folder.take(told));
            self.note(result);
        }
    }
}
