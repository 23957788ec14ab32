//! What all trackers are.

use tunefork_study::{Observer, StudyRecord};

/// Listens to a study and keeps another program's view of it in step.
pub trait Tracker: Observer {
    /// What went wrong since this was last asked, in a clause to show as it is. Each thing is told once.
    fn warning(&mut self) -> Option<String>;

    /// Brings to an end what is to be written of this run of the study, which is now as given: `done` if all its trials have ended, else
    /// it was stopped and goes on some day. May take a few seconds, not more.
    fn finish(&mut self, study: &StudyRecord, done: bool);
}

/// Whether a tracker still works; the first fault ends that, and is told once.
#[derive(Debug, Default)]
pub(crate) struct Health {
    is_lost: bool,
    warning: Option<String>,
}

impl Health {
    pub(crate) fn is_well(&self) -> bool {
        !self.is_lost
    }

    /// Takes note of how something went.
    pub(crate) fn note(&mut self, result: std::io::Result<()>, whose: &str) {
        if let (Err(error), false) = (result, self.is_lost) {
            self.is_lost = true;
            self.warning =
                Some(format!("{whose} is not kept in step in this run: {error}; the next run goes on with it"));
        }
    }

    pub(crate) fn warning(&mut self) -> Option<String> {
        self.warning.take()
    }
}

/// An error of the system with the path that it is about.
pub(crate) fn about<'a>(
    action: &'static str,
    path: &'a std::path::Path,
) -> impl FnOnce(std::io::Error) -> std::io::Error + 'a {
    move |error| std::io::Error::new(error.kind(), format!("cannot {action} `{}`: {error}", path.display()))
}
