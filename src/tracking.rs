//! In which other programs a study is followed.

use tunefork_study::{Definition, StudyRecord};
use tunefork_track::{Subject, TensorBoard, Tracker};

use crate::RunFolder;

/// What is kept in step beside the run folder. Nothing here changes a result, and what fails is told as a warning.
#[derive(Debug, Clone, Default)]
pub struct Tracking {
    /// Whether to write event files of TensorBoard into the run folder.
    pub tensorboard: bool,
}

impl Tracking {
    /// The trackers of a study that is about to run; `known` is what was stored before.
    pub(crate) fn trackers(
        &self,
        folder: &RunFolder,
        definition: &Definition,
        known: Option<&StudyRecord>,
    ) -> Vec<Box<dyn Tracker>> {
        let Definition { header, space, attributes, .. } = definition;
        let subject = Subject { header, space, attributes, known };
        let mut trackers: Vec<Box<dyn Tracker>> = Vec::new();
        if self.tensorboard {
            trackers.push(Box::new(TensorBoard::new(folder.tensorboard(), &subject)));
        }
        trackers
    }
}
