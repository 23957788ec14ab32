//! The images that a study asks for, divided and with their normalisation.

use std::path::Path;
use std::sync::Arc;

use tunefork_data::{
    DataError, Dataset, Image, Labels, Normalisation, PrepareOptions, Progress, Source, Split, data_folder,
};
use tunefork_report::counted;
use tunefork_rng::{Key, Purpose};
use tunefork_space::Value;
use tunefork_train::Images;

use crate::study_file::table::{
    CLASSES, COLOUR, DATA_SEED, FIT, FOLDS, IMAGES, LABELS, NORMALISE, SEED, SIZE, SOURCE, TEST_IMAGES,
};
use crate::study_file::{GENERATED, NOISE, Normalise};
use crate::{Config, Error, StudySpec, find_set};

/// Images to train, validate and test on.
#[derive(Debug, Clone)]
pub struct Material {
    /// How they are divided: once, or once for each fold.
    pub divisions: Vec<Division>,
    /// What was left out or noticed, and why, as sentences.
    pub warnings: Vec<String>,
    /// Where the set lies, if it was found by a path and not by its name.
    path: Option<String>,
}

/// Images divided into parts.
#[derive(Debug, Clone)]
pub struct Division {
    /// The images with the normalisation under which networks see them: that of the training part,
    /// unless it was given.
    pub images: Images,
    /// Which of them are for training, validation and test.
    pub split: Arc<Split>,
}

impl Material {
    /// Draws or opens the images of a study's baseline, and divides them by its seed.
    ///
    /// Sets are looked for as [`find_set`] says, beside the study file last; `progress` is told how far a first preparation
    /// is.
    ///
    /// # Errors
    /// When there is no such set, it cannot be used, or holds too few images.
    pub fn open(spec: &StudySpec, data_dir: Option<&Path>, progress: &mut dyn FnMut(Progress)) -> Result<Self, Error> {
        Self::open_unplaced(spec, data_dir, progress).map_err(|error| spec.placed(error))
    }

    fn open_unplaced(
        spec: &StudySpec,
        data_dir: Option<&Path>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, Error> {
        let config = spec.fixed();
        let mut path = None;
        let source = SOURCE.of(config);
        let is_drawn = source == GENERATED || source == NOISE;
        if is_drawn && LABELS.of(config) == Labels::Coarse {
            return Err(Labels::no_coarse().into());
        }
        let (data, mut warnings) = match (config.generated(), source.as_str()) {
            (Some(generated), _) => (generated.draw()?, Vec::new()),
            (None, NOISE) => (noise(config)?, Vec::new()),
            (None, name) => {
                let found = find_set(name, data_dir, spec.folder())?;
                path = path_of(&found, data_dir);
                let opened = found.open(&prepare(config), progress)?;
                (opened.data, opened.warnings.sentences())
            }
        };
        let key = Key::study(SEED.of(config));
        let splits = match FOLDS.of(config) {
            Some(folds) => Split::folds(&data, &config.split(), folds as usize, key)?,
            None => vec![Split::new(&data, &config.split(), key)?],
        };
        warnings.extend(seen_in_training(&data, &splits));
        warnings.extend(imbalances(&data, &splits));
        let data = Arc::new(data);
        let divide = |split: Split| {
            let images = Images { data: Arc::clone(&data), normalisation: normalisation(config, &data, &split)? };
            let split = Arc::new(split);
            Ok(Division { images, split })
        };
        Ok(Self { divisions: splits.into_iter().map(divide).collect::<Result<_, Error>>()?, warnings, path })
    }

    /// The configuration with the set's whole path, unless it lies in the data folder: what is written of it can be used
    /// from every working folder.
    #[must_use]
    pub fn located(&self, config: Config) -> Config {
        match &self.path {
            Some(path) => config.with(SOURCE.key(), Value::from(path.as_str())),
            None => config,
        }
    }

    /// The first division: that of the first fold, if there are folds.
    pub fn first(&self) -> &Division {
        &self.divisions[0]
    }

    /// Shape of the images as networks read them.
    pub fn shape(&self) -> Image {
        self.first().images.data.shape()
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        self.first().images.data.classes()
    }

    /// A digest of all images and labels, by which a resumed study notices that they changed.
    pub fn digest(&self) -> String {
        self.first().images.data.digest()
    }
}

/// Sentences about images of the other parts that have an equal among those trained on, in the division
/// in which there are most of them.
fn seen_in_training(data: &Dataset, splits: &[Split]) -> Vec<String> {
    let seen = splits.iter().map(|split| split.seen_in_training(data));
    let most = seen.reduce(|[a, b], [c, d]| [a.max(c), b.max(d)]);
    let parts = most.into_iter().flatten().zip(["validation", "test"]);
    parts
        .filter(|(images, _)| *images > 0)
        .map(|(images, part)| {
            let (images, are) = (counted(images, &format!("{part} image")), if images == 1 { "is" } else { "are" });
            format!("{images} {are} equal to training images, as the set comes divided")
        })
        .collect()
}

/// Sentences about the classes of all divisions, none twice.
fn imbalances(data: &Dataset, splits: &[Split]) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    for sentence in splits.iter().flat_map(|split| split.imbalances(data)) {
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences
}

/// The whole path of a set that does not lie in the data folder, where its name leads to it.
fn path_of(set: &Source, data_dir: Option<&Path>) -> Option<String> {
    if set.path().starts_with(data_folder(data_dir)) {
        return None;
    }
    let path = std::path::absolute(set.path()).ok()?;
    path.to_str().map(str::to_owned)
}

/// The normalisation that a configuration asks for.
fn normalisation(config: &Config, data: &Dataset, split: &Split) -> Result<Normalisation, Error> {
    Ok(match config.fixed_normalisation() {
        Some((mean, std)) => fixed(&mean, &std, data.shape())?,
        None => match NORMALISE.of(config) {
            Normalise::Training => Normalisation::of(data, &split.train)?,
            Normalise::None => {
                let channels = data.shape().channels;
                Normalisation::new(&vec![0.0; channels], &vec![1.0; channels])?
            }
        },
    })
}

/// A normalisation that was given, if it is one for these images.
fn fixed(mean: &[f32], std: &[f32], shape: Image) -> Result<Normalisation, DataError> {
    match mean.len() == shape.channels {
        true => Normalisation::new(mean, std),
        false => Err(DataError::Setting {
            key: "mean",
            value: format!("{mean:?}"),
            expected: format!("one number for each channel is needed, and the images have {}", shape.channels),
        }),
    }
}

/// How images of a source are brought to one shape.
fn prepare(config: &Config) -> PrepareOptions {
    PrepareOptions {
        size: SIZE.of(config).map(|side| (side, side)),
        fit: FIT.of(config),
        channels: COLOUR.of(config).channels(),
        labels: LABELS.of(config),
        ..PrepareOptions::default()
    }
}

/// Images without content, for measuring: their labels take turns, their pixels are random.
fn noise(config: &Config) -> Result<Dataset, Error> {
    let side = SIZE.of(config).unwrap_or(28);
    let channels = COLOUR.of(config).channels().unwrap_or(1);
    let shape = Image::new(side, side, channels);
    let counts = [IMAGES.of(config), 0, TEST_IMAGES.of(config)];
    let classes = CLASSES.of(config);
    let images: usize = counts.iter().sum();
    let mut stream = Key::study(DATA_SEED.of(config)).stream(Purpose::Generate);
    let mut pixels = Vec::with_capacity(images * shape.elements());
    while pixels.len() < images * shape.elements() {
        pixels.extend(stream.next_u64().to_le_bytes());
    }
    pixels.truncate(images * shape.elements());
    let labels = (0..images).map(|image| (image % classes) as u16).collect();
    let names = (0..classes).map(|class| format!("class {class}")).collect();
    Ok(Dataset::from_memory(shape, names, counts, labels, pixels)?)
}
