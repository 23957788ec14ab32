//! The study file as it was written.
//!
//! [`StudyFile`] is what was parsed: every setting with the place where it stands. What it means
//! (a search space, and for each trial a network and a way to train it) is the business of
//! [`crate::StudySpec`].

mod domain;
mod error;
mod experiment;
mod handle;
mod hypothesis;
mod key;
mod kind;
mod location;
mod reader;
mod reference;
mod schema;
mod set;
mod setting;
mod synonyms;
pub mod table;
mod words;

use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use tunefork_space::Value;

pub(crate) use experiment::Experiment;
use experiment::{ExperimentRun, MOST_RUNS};
use hypothesis::Hypothesis;
use location::SourceText;
use reader::Reader;
use setting::Change;
use synonyms::{NAMES_OF_KINDS, assigned, section_meant_by, table_meant_by, word_of};

pub(crate) use error::Problem;
pub(crate) use location::Location;
pub(crate) use setting::{Assignment, Content, Form, Setting, Term, Varying, When, belongs_elsewhere, key_of};
pub(crate) use words::{GENERATED, NOISE};

pub use error::FileError;
pub use handle::{Many, One, Optional};
pub use key::{Key, Only, Preset, Role, Section, Shape};
pub use kind::{Edge, Range, ValueKind};
pub use reference::keys_markdown;
pub use schema::schema;
pub use table::KEYS;
pub use words::{Colour, FoldOrder, NormKind, Normalise};

/// Largest study file that is read, in bytes. A larger one is a mistake.
const LARGEST_FILE: u64 = 1 << 20;

/// A study file as it was written.
///
/// ```
/// use tunefork::study_file::StudyFile;
///
/// StudyFile::parse("study.toml", "[train]\nlearning_rate = { log = [1e-4, 1e-2] }")?;
///
/// let error = StudyFile::parse("study.toml", "[train]\nlearning_rat = 0.1").unwrap_err();
/// assert!(error.to_string().contains("did you mean `learning_rate`?"));
/// # Ok::<(), tunefork::study_file::FileError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct StudyFile {
    name: String,
    folder: Option<PathBuf>,
    settings: Vec<Setting>,
    pinned: Vec<Assignment>,
    trials: Vec<Vec<Assignment>>,
    experiments: Vec<Experiment>,
    hypotheses: Vec<Hypothesis>,
}

impl StudyFile {
    /// Reads and parses the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read or is not a study file.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let unreadable = |reason: String| {
            let path = path.display().to_string();
            FileError::new(Problem::Unreadable { path, reason })
        };
        let bytes = tunefork_atomic_file::read(path, LARGEST_FILE).map_err(|error| unreadable(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|e| {
            let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            unreadable(format!("line {} is not UTF-8 text", line + 1))
        })?;
        let mut file = Self::parse(&path.display().to_string(), &text)?;
        file.folder = path.parent().map(Path::to_path_buf);
        if file.settings.is_empty() && file.trials.is_empty() && file.experiments.is_empty() {
            let nothing = FileError::contradiction(format!("{} says nothing about a study", path.display()));
            return Err(nothing.note("a study that tunes one thing: train.learning_rate = { log = [1e-4, 1e-1] }"));
        }
        Ok(file)
    }

    /// Parses `text`; `name` is what errors call it, and its last part without ending is the
    /// study's name unless one is given.
    ///
    /// # Errors
    /// At the first thing that a study file cannot hold.
    pub fn parse(name: &str, text: &str) -> Result<Self, FileError> {
        let source = SourceText::new(name, text);
        let reader = Reader::new(&source);
        let table = DeTable::parse(text).map_err(|e| reader.syntax(&e))?;
        let stem = Path::new(name).file_stem().unwrap_or_default();
        let mut file = Self {
            name: stem.to_string_lossy().into_owned(),
            folder: None,
            settings: Vec::new(),
            pinned: Vec::new(),
            trials: Vec::new(),
            experiments: Vec::new(),
            hypotheses: Vec::new(),
        };
        for (title, value) in table.get_ref() {
            let place = reader.place(title.span());
            match (&**title.get_ref(), value.get_ref()) {
                ("trial", DeValue::Array(trials)) => file.read_trials(&reader, trials)?,
                ("experiment", DeValue::Array(experiments)) => {
                    file.read_experiments(&reader, experiments)?;
                }
                ("hypothesis", DeValue::Array(hypotheses)) => {
                    let read = hypotheses.iter().map(|hypothesis| Hypothesis::read(&reader, hypothesis));
                    file.hypotheses = read.collect::<Result<_, _>>()?;
                }
                (title, DeValue::Table(table)) => {
                    let section = title.parse().map_err(|_| misplaced(title, value.get_ref(), &place))?;
                    for (name, value) in table {
                        let place = reader.place(name.span());
                        file.settings.push(reader.setting(section, name.get_ref(), &place, value)?);
                    }
                }
                (title, value) => {
                    return Err(match title.parse() {
                        Ok(section) => no_table(section, value, &place),
                        Err(_) => misplaced(title, value, &place),
                    });
                }
            }
        }
        Ok(file)
    }

    /// The file's name without folder and ending.
    pub(crate) fn stem(&self) -> &str {
        &self.name
    }

    /// The folder that it was read from.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    pub(crate) fn setting(&self, key: &Key) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key == key)
    }

    pub(crate) fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Parameters of single layers that `--set` fixed.
    pub(crate) fn pinned(&self) -> &[Assignment] {
        &self.pinned
    }

    pub(crate) fn trials(&self) -> &[Vec<Assignment>] {
        &self.trials
    }

    pub(crate) fn experiments(&self) -> &[Experiment] {
        &self.experiments
    }

    pub(crate) fn hypotheses(&self) -> &[Hypothesis] {
        &self.hypotheses
    }

    /// The file without its experiments: their baseline.
    pub(crate) fn baseline(&self) -> Self {
        Self { experiments: Vec::new(), ..self.clone() }
    }

    /// The file with what a run of an experiment changes.
    ///
    /// A list of `channels` or `hidden` says how many layers there are, unless the run says it by
    /// itself; one value for all of them leaves their number as it was.
    pub(crate) fn with(&self, run: &ExperimentRun) -> Self {
        let mut file = self.clone();
        for change in &run.changes {
            if let (Change::Key(setting), Shape::PerLayer { counted_by, each: true }) = (change, change.key().shape)
                && run.changes.iter().all(|other| other.name() != counted_by)
            {
                file.recount(setting, counted_by);
            }
            file.change(change.clone());
        }
        file
    }

    /// Brings the number of layers in line with a setting that is about to come.
    fn recount(&mut self, coming: &Setting, counted_by: &str) {
        let counter = Key::counter(counted_by);
        let listed = match (&coming.form, self.setting(coming.key)) {
            (Form::List(_), _) => {
                return self.settings.retain(|setting| setting.key != counter);
            }
            (_, Some(Setting { form: Form::List(terms), .. })) => terms.len(),
            _ => return,
        };
        if self.setting(counter).is_none() {
            let (place, value) = (coming.place.clone(), Value::Int(listed as i64));
            let content = Content::Constant(value);
            let form = Form::One(Term { content, place: place.clone() });
            self.settings.push(Setting { key: counter, form, place });
        }
    }

    fn read_trials(&mut self, reader: &Reader<'_>, trials: &toml::de::DeArray<'_>) -> Result<(), FileError> {
        for trial in trials {
            let table = trial.get_ref().as_table().ok_or_else(|| {
                let place = reader.place(trial.span());
                let text = "a trial is a table of parameters and their values".to_string();
                FileError::contradiction(text).at(&place)
            })?;
            self.trials.push(reader.assignments(table)?);
        }
        Ok(())
    }

    fn read_experiments(&mut self, reader: &Reader<'_>, experiments: &toml::de::DeArray<'_>) -> Result<(), FileError> {
        let mut room = MOST_RUNS;
        for value in experiments {
            let experiment = Experiment::read(reader, value, room)?;
            room -= experiment.runs.len();
            let others = &self.experiments;
            if others.iter().any(|other| other.name == experiment.name) {
                let text = format!("two experiments are called `{}`", experiment.name);
                let place = reader.place(value.span());
                return Err(FileError::contradiction(text).at(&place));
            }
            self.experiments.push(experiment);
        }
        Ok(())
    }
}

/// The error for a section that is a list, or a single value.
fn no_table(section: Section, value: &DeValue<'_>, place: &Location) -> FileError {
    let title = section.title();
    let error = |what: &str| FileError::contradiction(format!("`{section}` is a section, {what}")).at(place);
    match value {
        DeValue::Array(_) => error("of which there is one").note(format!("write {title} with one bracket")),
        _ => {
            let names: Vec<_> = section.keys().map(|key| key.name).collect();
            error("not a value").note(format!("write {title} on a line, and below it its keys: {}", names.join(", ")))
        }
    }
}

/// Sections of which there may be several.
const LISTS: [&str; 3] = ["trial", "experiment", "hypothesis"];

/// The error for something at the top of the file that is no section.
fn misplaced(title: &str, value: &DeValue<'_>, place: &Location) -> FileError {
    let what = "a section of a study file";
    if let DeValue::Table(table) = value
        && let Some(section) = section_meant_by(title)
    {
        let error = FileError::unknown(title, what, []).at(place);
        let named = NAMES_OF_KINDS.iter().find_map(|name| table.get(*name)?.get_ref().as_str());
        return error.note(match (table_meant_by(title), named) {
            (Some(key), Some(word)) => match word_of(key, word) {
                Some(word) => assigned(key, word),
                None => format!("here that is `{}` of {}, which takes {}", key.name, key.section.title(), key.kind),
            },
            _ => format!("here that is {}", section.title()),
        });
    }
    let sections = Section::NAMES.iter().copied().chain(LISTS);
    let error = FileError::unknown(title, what, sections).at(place);
    match Key::find(title) {
        Some(key) => error.note(format!("`{title}` belongs into {}", key.section.title())),
        None if LISTS.contains(&title) => error.note(format!("write [[{title}]] with two brackets")),
        None => error.note(
            "the sections are [study], [data], [model], [train], [search], [scheduler], [[trial]], \
             [[experiment]] and [[hypothesis]]",
        ),
    }
}
