//! Studies whose trials are given by experiments.

use std::collections::HashMap;
use std::path::Path;

use tunefork_report::BASELINE;
use tunefork_space::{Params, Point, Value};

use crate::study_file::{self, Content, FileError, Form, KEYS, Section, Setting, StudyFile, Term, Varying};

use crate::study_file::table::{NAME, TRIALS};

use super::cells::{Cell, Cells, Entry, contradiction};
use super::hypotheses::hypotheses;
use super::idle::Remark;
use super::union::Union;
use super::{Config, StudySpec, written};

/// The runs of an experiment, as trials of its study.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// Its name, which no other experiment of the study has.
    pub name: String,
    /// Whether its runs follow the values of some keys; otherwise each was named.
    pub varied: bool,
    /// Its runs, in the order of the file.
    pub runs: Vec<ExperimentRun>,
}

/// A run of an experiment. Several runs, of one or of several experiments, may be the same trial.
#[derive(Debug, Clone, PartialEq)]
pub struct ExperimentRun {
    /// Its name within the experiment.
    pub name: String,
    /// The number of the trial.
    pub trial: u32,
}

impl Experiment {
    /// The trials that its runs are, each once.
    pub fn trials(&self) -> Vec<u32> {
        let mut trials = Vec::new();
        for run in &self.runs {
            if !trials.contains(&run.trial) {
                trials.push(run.trial);
            }
        }
        trials
    }
}

/// Configurations that are different trainings, each once, in the order in which they came.
#[derive(Default)]
struct Distinct {
    configs: Vec<Config>,
    numbers: HashMap<String, u32>,
}

impl Distinct {
    fn number(&mut self, config: Config) -> u32 {
        let next = self.configs.len() as u32;
        let number = *self.numbers.entry(config.meaning()).or_insert(next);
        if number == next {
            self.configs.push(config);
        }
        number
    }
}

impl StudySpec {
    /// The study of a file with experiments.
    pub(super) fn of_experiments(file: &StudyFile) -> Result<Self, FileError> {
        refuse_what_varies(file)?;
        let bare = file.baseline();
        let config = |file: &StudyFile| Cells::new(file).map(|cells| Config::new(&cells, &Params::default()));
        let baseline = config(&bare)?;
        let mut distinct = Distinct::default();
        let mut experiments = Vec::new();
        for experiment in file.experiments() {
            let mut runs = Vec::new();
            for run in &experiment.runs {
                let config = config(&bare.with(run)).map_err(|error| {
                    let (run, experiment) = (&run.name, &experiment.name);
                    error.note(format!("in the run `{run}` of the experiment `{experiment}`"))
                })?;
                let (name, trial) = (run.name.clone(), distinct.number(config));
                runs.push(ExperimentRun { name, trial });
            }
            experiments.push(Experiment { name: experiment.name.clone(), varied: experiment.varied, runs });
        }
        let configs: Vec<&Config> = [&baseline].into_iter().chain(&distinct.configs).collect();
        let Union { cells, params } = Union::of(&configs);
        let point = |params: &Params| {
            let point = cells.space.point(params);
            point.expect("the space was built around these values")
        };
        let mut spec = Self {
            enqueued: params[1..].iter().map(point).collect(),
            fixed: baseline.clone(),
            cells,
            written: written(file),
            notes: notes(file),
            notes_of_one: Vec::new(),
            given: Vec::new(),
            experiments,
            hypotheses: Vec::new(),
            folder: file.folder().map(Path::to_path_buf),
        };
        spec.hypotheses = hypotheses(file, spec.space())?;
        spec.fixed = spec.config(&spec.baseline());
        spec.check(file)?;
        spec.notes_of_one = spec.remarks_of_one(file);
        spec.notes.extend(overruled(file, &baseline, &distinct.configs));
        spec.notes.extend(spec.remarks(file).iter().map(ToString::to_string));
        spec.notes.extend(file.experiments().iter().flat_map(|experiment| remarks_of_runs(&bare, experiment)));
        Ok(spec)
    }

    /// The experiments whose runs are the trials of this study; none in a study that searches.
    pub fn experiments(&self) -> &[Experiment] {
        &self.experiments
    }

    /// The names under which a trial is known: those of its experiments, each with the run's own.
    pub fn runs_of(&self, trial: u32) -> Vec<(&str, &str)> {
        let runs = self.experiments.iter().flat_map(|experiment| {
            let runs = experiment.runs.iter().filter(|run| run.trial == trial);
            runs.map(|run| (experiment.name.as_str(), run.name.as_str()))
        });
        runs.collect()
    }

    /// The same names as attributes of the trial, which Optuna's tools show: a list of experiments, and
    /// in the same order a list of runs. The baseline is marked.
    pub fn attributes(&self, trial: u32) -> Vec<(String, serde_json::Value)> {
        let runs = self.runs_of(trial);
        if runs.is_empty() {
            return Vec::new();
        }
        let (experiments, names): (Vec<&str>, Vec<&str>) = runs.into_iter().unzip();
        let baseline = (self.baseline_trial() == Some(trial)).then(|| (BASELINE.to_string(), true.into()));
        let names = [("experiment".to_string(), experiments.into()), ("run".to_string(), names.into())];
        names.into_iter().chain(baseline).collect()
    }

    /// The given trial that is the baseline, if one is.
    pub fn baseline_trial(&self) -> Option<u32> {
        let baseline = self.space().point(&self.baseline()).ok()?;
        let number = self.enqueued.iter().position(|point| *point == baseline)?;
        u32::try_from(number).ok()
    }

    /// The study of one experiment's runs alone, called `STUDY-NAME`. Its parameters keep the domains
    /// that they have in the whole study; its trials are numbered anew, and with their numbers they get
    /// other random draws.
    ///
    /// # Errors
    /// When there is no experiment of this name.
    pub fn only(&self, name: &str) -> Result<Self, FileError> {
        let experiment = self.experiments.iter().find(|other| other.name == name);
        let mut experiment = experiment.ok_or_else(|| self.no_experiment(name))?.clone();
        let trials = experiment.trials();
        for run in &mut experiment.runs {
            let number = trials.iter().position(|trial| *trial == run.trial);
            run.trial = number.expect("these are the trials of its runs") as u32;
        }
        let point = |trial: &u32| -> Point { self.enqueued[*trial as usize].clone() };
        let mut spec =
            Self { enqueued: trials.iter().map(point).collect(), experiments: vec![experiment], ..self.clone() };
        let at = KEYS.iter().position(|key| *key == NAME.key());
        let study = Value::Text(format!("{}-{name}", self.name()));
        spec.cells.entries[at.expect("a study has a name")] = Entry::One(Cell::Fixed(study));
        spec.fixed = spec.config(&spec.baseline());
        Ok(spec)
    }

    fn no_experiment(&self, name: &str) -> FileError {
        let names: Vec<&str> = (self.experiments.iter()).map(|experiment| experiment.name.as_str()).collect();
        let error = FileError::unknown(name, "an experiment of this study", names.iter().copied());
        match names.is_empty() {
            true => error.note("it has none"),
            false => error.note(format!("it has {}", names.join(", "))),
        }
    }
}

/// What is said of keys that do nothing in the runs that change them: once for each key, with the first such run.
fn remarks_of_runs(bare: &StudyFile, experiment: &study_file::Experiment) -> Vec<String> {
    let mut told: Vec<(Remark, &str, usize)> = Vec::new();
    for run in &experiment.runs {
        let file = bare.with(run);
        let Ok(spec) = StudySpec::without_notes(&file) else { continue };
        let is_changed = |remark: &Remark| run.changes.iter().any(|change| *change.key() == *remark.key);
        for remark in spec.remarks(&file).into_iter().filter(is_changed) {
            match told.iter_mut().find(|(first, ..)| *first.key == *remark.key) {
                Some((.., count)) => *count += 1,
                None => told.push((remark, &run.name, 1)),
            }
        }
    }
    let (all, name) = (experiment.runs.len(), &experiment.name);
    let sentence = |(remark, run, count): &(Remark, &str, usize)| {
        let others = if *count > 1 { format!(", and in {} more of its {all}", count - 1) } else { String::new() };
        format!("{remark} (in the run `{run}` of the experiment `{name}`{others})")
    };
    told.iter().map(sentence).collect()
}

/// What is said of settings that no run has, for each sets another value.
fn overruled(file: &StudyFile, baseline: &Config, runs: &[Config]) -> Vec<String> {
    let written = file.experiments().iter().flat_map(|experiment| &experiment.runs);
    let is_set_by_all = |setting: &&Setting| {
        written.clone().all(|run| run.changes.iter().any(|change| change.name() == setting.key.name))
    };
    let is_of_none = |setting: &&Setting| runs.iter().all(|run| run.get(setting.key) != baseline.get(setting.key));
    let overruled = file.settings().iter().filter(is_set_by_all).filter(is_of_none);
    let told = overruled.map(|Setting { key, place, .. }| {
        format!("{place}: no run has this `{}`: each run of the experiments sets another", key.name)
    });
    told.collect()
}

/// Beside experiments nothing else may say which trials there are.
fn refuse_what_varies(file: &StudyFile) -> Result<(), FileError> {
    let advice = "write its values into an experiment, or leave the experiments out";
    for setting in file.settings() {
        let terms: &[Term] = match &setting.form {
            Form::One(term) => std::slice::from_ref(term),
            Form::List(terms) => terms,
            Form::Growing { start, .. } => std::slice::from_ref(start),
        };
        let domain = |term: &&Term| matches!(term.content, Content::Domain(Varying { .. }));
        if let Some(term) = terms.iter().find(domain) {
            let text = format!("`{}` is a domain, but the experiments say which trials there are", setting.key.name);
            return Err(contradiction(text, &term.place).note(advice));
        }
    }
    if let Some(trial) = file.trials().first() {
        let text = "a [[trial]] stands beside experiments";
        let error = FileError::contradiction(text);
        let error = match trial.first() {
            Some(assignment) => error.at(&assignment.place),
            None => error,
        };
        return Err(error.note("make it a run: runs = [{ name = \"mine\", ... }]"));
    }
    Ok(())
}

/// What of the file says nothing beside experiments.
fn notes(file: &StudyFile) -> Vec<String> {
    let mut notes = Vec::new();
    let searching = |section: Section| {
        let mut settings = file.settings().iter();
        settings.any(|setting| setting.key.section == section)
    };
    if searching(Section::Search) {
        notes.push("[search] is not used: the experiments say what is tried".to_string());
    }
    if file.setting(&TRIALS).is_some() {
        notes.push("`trials` is not used: the experiments say how many there are".to_string());
    }
    notes
}
