//! In which other programs a study is followed.

use tunefork_study::{Definition, StudyRecord};
use tunefork_track::{MlflowFolder, Place, Subject, TensorBoard, Tracker};

use crate::pictures::examples;
use crate::{Material, RunFolder};

/// What is kept in step beside the run folder. Nothing here changes a result, and what fails is told as a warning.
#[derive(Debug, Clone, Default)]
pub struct Tracking {
    /// Whether to write event files of TensorBoard into the run folder.
    pub tensorboard: bool,
    /// Where to put runs of MLflow.
    pub mlflow: Option<Place>,
}

impl Tracking {
    /// The trackers of a study that is about to run; `known` is what was stored before, `material` the images.
    pub(crate) fn trackers(
        &self,
        folder: &RunFolder,
        definition: &Definition,
        known: Option<&StudyRecord>,
        material: &Material,
    ) -> Vec<Box<dyn Tracker>> {
        let Definition { header, space, attributes, .. } = definition;
        let first = material.first();
        // Only TensorBoard shows them.
        let examples = self.tensorboard.then(|| examples(&first.images.data, &first.split.train)).flatten();
        let pictures = examples.as_slice();
        let subject = Subject { header, space, attributes, known, pictures };
        let mut trackers: Vec<Box<dyn Tracker>> = Vec::new();
        if self.tensorboard {
            trackers.push(Box::new(TensorBoard::new(folder.tensorboard(), &subject)));
        }
        match &self.mlflow {
            None => {}
            Some(Place::Folder(root)) => trackers.push(Box::new(MlflowFolder::new(root, folder.mlflow(), &subject))),
            #[cfg(feature = "mlflow")]
            Some(Place::Server(address)) => {
                let server = tunefork_track::MlflowServer::new(address.clone(), folder.mlflow(), &subject);
                trackers.push(Box::new(server));
            }
            // The program refuses it.
            #[cfg(not(feature = "mlflow"))]
            Some(Place::Server(_)) => {}
        }
        trackers
    }
}
