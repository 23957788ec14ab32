//! Measures a trained model on labelled images.

use std::path::Path;
use std::sync::Arc;

use tunefork_data::{Dataset, Part, PrepareOptions, Progress, Source, shown};
use tunefork_names::{closest, counted};
use tunefork_train::{Evaluation, Images, Precision, Predictor};

use crate::predict::gives_no_numbers;
use crate::workload::{of_class, of_evaluation};
use crate::{Error, Machine, read_model};

/// How a model did on labelled images.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelEvaluation {
    /// The classes of the model.
    pub classes: Vec<String>,
    /// Loss, and every image's class and what it was taken for.
    pub evaluation: Evaluation,
    /// What was left out or noticed, as sentences.
    pub warnings: Vec<String>,
}

impl ModelEvaluation {
    /// Loss, accuracy, and the means over classes of precision, recall and F1.
    pub fn figures(&self) -> [(&'static str, f64); 5] {
        of_evaluation(&self.evaluation)
    }

    /// Precision, recall and F1 of one class.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn of_class(&self, class: usize) -> [(&'static str, f64); 3] {
        of_class(&self.evaluation.confusion, class)
    }
}

/// Evaluates the model at `model` on the images of one part of a set, or on all, whatever part they came with. Classes are matched by
/// name.
///
/// # Errors
/// When the model is none of ours, the set cannot be read, has nothing in that part, or has a class that the model does not know.
pub fn evaluate(
    model: &Path,
    set: &Source,
    part: Option<Part>,
    machine: &Machine,
    progress: &mut dyn FnMut(Progress),
) -> Result<ModelEvaluation, Error> {
    let path = model;
    let model = read_model(path)?;
    let shape = model.network.input;
    let options = PrepareOptions {
        size: Some((shape.height, shape.width)),
        channels: Some(shape.channels),
        fit: model.fit,
        threads: machine.threads(),
        ..PrepareOptions::default()
    };
    let opened = set.open(&options, progress)?;
    let mut warnings = opened.warnings.sentences();
    let places = places(&model.classes, opened.data.classes(), set)?;
    warnings.extend(without_images(&model.classes, &places, set));
    let data = opened.data.relabelled(model.classes.clone(), &places);
    let indices = indices(&data, part, set, &mut warnings)?;
    let images = Images { data: Arc::new(data), normalisation: model.normalisation.clone() };
    let device = machine.device(machine.threads(), Precision::F32)?;
    let evaluation = Predictor::new(model.network, &model.tensors, &*device)?.evaluation(&images, &indices)?;
    match evaluation.loss.is_finite() {
        true => Ok(ModelEvaluation { classes: model.classes, evaluation, warnings }),
        false => Err(gives_no_numbers(path)),
    }
}

/// The images that count. That images are among them which a model may have been trained on is worth a sentence.
fn indices(data: &Dataset, part: Option<Part>, set: &Source, warnings: &mut Vec<String>) -> Result<Vec<u32>, Error> {
    let filled = || Part::ALL.into_iter().filter(|part| !data.part(*part).is_empty());
    let path = shown(set.path());
    let told: Vec<String> =
        filled().map(|part| format!("{} of {}", counted(data.part(part).len(), "image"), part.name())).collect();
    let told = told.join(", ");
    match part {
        Some(part) if data.part(part).is_empty() => {
            Err(Error::Unsupported(format!("`{path}` has no part {}: it has {told}", part.name())))
        }
        Some(part) => Ok(data.part(part).collect()),
        None => {
            if filled().count() > 1 {
                warnings.push(format!("all parts of `{path}` count: {told}; --part measures one of them"));
            }
            Ok((0..data.len() as u32).collect())
        }
    }
}

/// Where the classes of the set stand among those of the model.
fn places(known: &[String], classes: &[String], set: &Source) -> Result<Vec<u16>, Error> {
    let place = |class: &String| {
        let place = known.iter().position(|other| other == class);
        place.map(|place| place as u16).ok_or_else(|| unknown_class(known, class, set))
    };
    classes.iter().map(place).collect()
}

fn unknown_class(known: &[String], class: &str, set: &Source) -> Error {
    let meant = match closest(class, known.iter().map(String::as_str)) {
        Some(meant) => format!("; is it `{meant}`? Then call it so"),
        None => String::new(),
    };
    Error::Unsupported(format!(
        "`{}` has a class `{class}` that the model does not know: it knows {}{meant}",
        shown(set.path()),
        few(known)
    ))
}

/// A sentence about the classes of the model of which there is no image, if there are any.
fn without_images(known: &[String], places: &[u16], set: &Source) -> Option<String> {
    let missing = known.iter().enumerate().filter(|(place, _)| !places.contains(&(*place as u16)));
    let missing: Vec<String> = missing.map(|(_, class)| class.clone()).collect();
    let set = shown(set.path());
    (!missing.is_empty()).then(|| format!("`{set}` has no images of these classes of the model: {}", few(&missing)))
}

/// The first names of a list that may be long.
fn few(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    match names.len() {
        ..=SHOWN => shown.join(", "),
        all => format!("{} and {} more", shown.join(", "), all - SHOWN),
    }
}
