//! What a study file means.
//!
//! [`StudySpec`] is the resolved study: its settings, the search space, and a [`Config`] for every
//! point of that space. A `Config` says which network to build and how to train it.

mod cells;
mod conditions;
mod config;
mod contradictions;
mod data;
mod experiments;
mod hypotheses;
mod idle;
mod layers;
mod meaning;
mod members;
mod network;
mod norms;
mod once;
mod search;
mod settings;
mod train;
mod union;
mod unreached;

pub(crate) use self::search::{default_sampler, default_scheduler};

use std::path::{Path, PathBuf};
use std::time::Duration;

use tunefork_report::{Hypothesis, counted, figure, shortened};
use tunefork_space::{Params, Point, Space, Value};
use tunefork_study::{Goals, Members, UnderWay, ValueAt};
use tunefork_train::At;

use crate::study_file::table::{
    AS_TRIAL, AT, EPOCHS, NAME, NO_PROGRESS, SEED, SLOTS, TARGET, TIME_LIMIT, TOTAL_EPOCHS, TRIALS,
};
use crate::study_file::{Assignment, FileError, Key, Location, StudyFile};
use cells::Cells;

pub(crate) use settings::{in_words, told_settings};

pub use config::{Config, Constant};
pub use experiments::{Experiment, ExperimentRun};
use hypotheses::hypotheses;

/// A resolved study.
///
/// ```
/// use tunefork::{StudySpec, study_file::StudyFile};
///
/// let file = StudyFile::parse("study.toml", "
/// [model]
/// layers = { int = [1, 3] }
/// channels = { choice = [16, 32] }
/// [train]
/// epochs = 5
/// ")?;
/// let spec = StudySpec::resolve(&file)?;
/// let names: Vec<_> = spec.space().parameters().iter().map(|p| p.name.as_str()).collect();
/// assert_eq!(names, ["layers", "channels.0", "channels.1", "channels.2"]);
/// # Ok::<(), tunefork::study_file::FileError>(())
/// ```
#[derive(Debug, Clone)]
pub struct StudySpec {
    cells: Cells,
    fixed: Config,
    enqueued: Vec<Point>,
    written: Vec<(String, Location)>,
    notes: Vec<String>,
    notes_of_one: Vec<String>,
    given: Vec<Option<Location>>,
    experiments: Vec<Experiment>,
    hypotheses: Vec<Hypothesis>,
    folder: Option<PathBuf>,
}

impl StudySpec {
    /// Finds out what `file` means.
    ///
    /// # Errors
    /// Conditions that name nothing or run in a circle, lists that are too short, trials that do
    /// not fit the space, experiments beside domains.
    pub fn resolve(file: &StudyFile) -> Result<Self, FileError> {
        if !file.experiments().is_empty() {
            return Self::of_experiments(file);
        }
        let mut spec = Self::without_notes(file)?;
        spec.notes.extend(spec.remarks(file).iter().map(ToString::to_string));
        spec.notes_of_one = spec.remarks_of_one(file);
        Ok(spec)
    }

    /// The study of a file without experiments, before anything is said of it.
    fn without_notes(file: &StudyFile) -> Result<Self, FileError> {
        let cells = Cells::new(file)?;
        let mut spec = Self {
            fixed: Config::new(&cells, &Params::default()),
            cells,
            enqueued: Vec::new(),
            written: written(file),
            notes: Vec::new(),
            notes_of_one: Vec::new(),
            given: file.trials().iter().map(|trial| Some(trial.first()?.place.clone())).collect(),
            experiments: Vec::new(),
            hypotheses: Vec::new(),
            folder: file.folder().map(Path::to_path_buf),
        };
        spec.hypotheses = hypotheses(file, spec.space())?;
        spec.fixed = spec.config(&spec.baseline());
        for trial in file.trials() {
            let point = spec.enqueue(trial)?;
            spec.enqueued.push(point);
        }
        spec.check(file)?;
        Ok(spec)
    }

    /// The parameters that may vary; their names are those of keys, with a layer's number where each layer has one.
    pub fn space(&self) -> &Space {
        &self.cells.space
    }

    /// The trials to be tried first; with experiments, all.
    pub fn enqueued(&self) -> &[Point] {
        &self.enqueued
    }

    /// The default of every parameter: given beside its domain, else the key's own default, moved
    /// into the domain.
    pub fn baseline(&self) -> Params {
        let mut point = Point::absent(self.space().len());
        self.fill(&mut point);
        self.space().params(&point)
    }

    /// The claims that the report is to judge, as they are written.
    pub fn hypotheses(&self) -> &[Hypothesis] {
        &self.hypotheses
    }

    /// The configuration of a trial.
    pub fn config(&self, params: &Params) -> Config {
        Config::new(&self.cells, params)
    }

    /// The study's name: the key `name`, else that of the file.
    pub fn name(&self) -> &str {
        self.fixed.value(&NAME).and_then(Value::as_str).expect("a study has a name")
    }

    /// The seed from which every draw follows.
    pub fn seed(&self) -> u64 {
        SEED.of(&self.fixed)
    }

    /// How many configurations are tried at most; one where nothing varies, and those of the
    /// experiments where there are any.
    pub fn trials(&self) -> u32 {
        if !self.experiments.is_empty() {
            return self.enqueued.len() as u32;
        }
        if self.space().is_empty() {
            return 1;
        }
        TRIALS.of(&self.fixed)
    }

    /// Trials under way at once in the study's own time.
    pub fn slots(&self) -> u32 {
        SLOTS.of(&self.fixed)
    }

    /// The trainings that each trial consists of.
    pub fn members(&self) -> Members {
        self.fixed.members()
    }

    /// Epochs of the baseline, if it is not stopped; a trial may have others. Those of folds that come
    /// one after another count as the trial's, side by side they are one.
    pub fn epochs(&self) -> u32 {
        self.members().epochs(EPOCHS.of(&self.fixed))
    }

    /// Epochs of a trial, if it is not stopped.
    pub(crate) fn epochs_of(&self, point: &Point) -> u32 {
        let config = self.config(&self.space().params(point));
        self.members().epochs(EPOCHS.of(&config))
    }

    /// Fewest and most epochs that a trial may have, if it is not stopped.
    pub fn epochs_range(&self) -> (u32, u32) {
        let counts: Vec<u32> = match self.space().index_of(EPOCHS.name) {
            _ if !self.experiments.is_empty() => {
                let given = self.enqueued.iter();
                given.map(|point| self.epochs_of(point)).collect()
            }
            Some(index) => {
                let counts = layers::whole_values(self.space().domain(index));
                let counts = counts.into_iter();
                let counts = counts.map(|count| self.members().epochs(count as u32));
                counts.chain([self.epochs()]).collect()
            }
            None => vec![self.epochs()],
        };
        let bound = |count: Option<&u32>| *count.expect("every study has a trial");
        (bound(counts.iter().min()), bound(counts.iter().max()))
    }

    /// Which epoch gives a trial its value and its weights.
    ///
    /// Where it is several trainings, each counts with its own last or best epoch so far, and the trial's
    /// value is their mean in the end: before that not all folds need have begun.
    pub(crate) fn value_at(&self) -> ValueAt {
        match AT.of(&self.fixed) {
            At::Best if !self.members().are_several() => ValueAt::Best,
            At::Best | At::Last => ValueAt::Last,
        }
    }

    /// When the study has what it was begun for.
    pub fn goals(&self) -> Goals {
        Goals {
            target: TARGET.of(&self.fixed),
            no_progress: NO_PROGRESS.of(&self.fixed),
            epochs: TOTAL_EPOCHS.of(&self.fixed),
        }
    }

    /// Wall time that the study may take in all its runs.
    pub fn time_limit(&self) -> Option<Duration> {
        let minutes = TIME_LIMIT.of(&self.fixed)?;
        Duration::try_from_secs_f64(minutes * 60.0).ok()
    }

    /// What the model is of a study in which no trial is complete, as a sentence.
    pub fn under_way(&self, under_way: UnderWay) -> String {
        let UnderWay { number, epochs, value } = under_way;
        let (epochs, objective, value) = (counted(epochs as usize, "epoch"), self.objective(), figure(value));
        format!(
            "No trial is complete. The best so far is trial {number}, under way, after {epochs}: {objective} {value}."
        )
    }

    /// The trial of the study whose random draws a single training run repeats.
    pub(crate) fn as_trial(&self) -> Option<u32> {
        AS_TRIAL.of(&self.fixed)
    }

    /// The baseline's configuration; its study and data sections hold for all trials.
    pub fn fixed(&self) -> &Config {
        &self.fixed
    }

    /// The settings that were given, in the words of the file, each on one line.
    pub fn written(&self) -> impl Iterator<Item = (&str, String)> {
        let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.places().map(move |(name, place)| (name, one_line(place.text())))
    }

    /// Where each key and layer that was given has its value.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&str, &Location)> {
        self.written.iter().map(|(name, place)| (name.as_str(), place))
    }

    /// The folder of the study file, if it is one.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// What of the file is not used, or does nothing where it stands, as sentences.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The same where the baseline is trained once, without a search.
    pub fn notes_of_one(&self) -> &[String] {
        &self.notes_of_one
    }

    /// Where a `[[trial]]` stands in the file.
    pub(crate) fn place_of_trial(&self, number: usize) -> Option<&Location> {
        self.given.get(number)?.as_ref()
    }

    /// A `[[trial]]` as a point; parameters that it leaves out have the baseline's values.
    fn enqueue(&self, trial: &[Assignment]) -> Result<Point, FileError> {
        let space = self.space();
        let mut point = Point::absent(space.len());
        for assignment in trial {
            let name = &assignment.name;
            let refused = |text: String| FileError::contradiction(text).at(&assignment.place);
            let Some(index) = space.index_of(name) else {
                if Key::find(name).and_then(|key| self.fixed.value(key)) == Some(&assignment.value) {
                    continue;
                }
                let names: Vec<_> = space.parameters().iter().map(|p| p.name.as_str()).collect();
                let text = format!("`{name}` does not vary in this study, so a trial cannot set it");
                return Err(refused(text).note(match &names[..] {
                    [] => "nothing varies: give a key a domain, or leave the [[trial]] out".to_string(),
                    names => format!("what varies: {}", names.join(", ")),
                }));
            };
            let domain = space.domain(index);
            let internal = domain.to_internal(&assignment.value).map_err(|_| {
                refused(format!("`{name}` = {} is outside of its domain", assignment.value))
                    .note(format!("`{name}` is {}", shortened(domain)))
            })?;
            point.set(index, internal);
        }
        self.fill(&mut point);
        for assignment in trial {
            if let Some(index) = space.index_of(&assignment.name)
                && !space.is_active(&point, index)
            {
                let name = &assignment.name;
                let text = format!("`{name}` does not exist with this trial's other values");
                return Err(FileError::contradiction(text)
                    .at(&assignment.place)
                    .note(format!("leave `{name}` out, or meet its condition")));
            }
        }
        Ok(point)
    }

    /// Gives every active parameter that has no value yet the baseline's.
    fn fill(&self, point: &mut Point) {
        let space = self.space();
        for &index in space.topological_order() {
            if space.is_active(point, index) && !point.has(index) {
                let value = &self.cells.baseline[index];
                let internal = space.domain(index).to_internal(value);
                point.set(index, internal.expect("a baseline lies in its domain"));
            }
        }
    }
}

/// Where each key and layer that was given has its value.
fn written(file: &StudyFile) -> Vec<(String, Location)> {
    let settings = file.settings().iter().map(|setting| (setting.key.name, &setting.place));
    let pinned = file.pinned().iter().map(|pin| (pin.name.as_str(), &pin.place));
    settings.chain(pinned).map(|(name, place)| (name.to_string(), place.clone())).collect()
}
