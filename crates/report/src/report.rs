//! What a report is made of.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use tunefork_space::Domain;
use tunefork_study::{EndReason, StudyRecord, TrialRecord, deviation_of as deviation_of_trainings};
use tunefork_trial::TrialState;

use crate::document::{Block, Document};
use crate::domains::united;
use crate::experiments::experiments_of;
use crate::importances::Mattered;
use crate::{html, journal, markdown, sections, summary};

/// A study as it is stored, and what is known of it beside.
///
/// All that it tells follows from these: a study that Optuna has written is told in the same way.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// The study.
    pub study: &'a StudyRecord,
    /// The best trial on the test images, if it was looked at.
    pub test: Option<Test>,
    /// Images that the best trial takes for something else, the surest first.
    pub mistakes: Vec<Mistake>,
    /// Studies that this one is compared with.
    pub compared: Vec<StudyRecord>,
    /// Sentences about what a reader should know, beside those that the study has in its attribute [`NOTES`].
    pub notes: Vec<String>,
    /// Worked out once: several sections and figures ask for them.
    pub(crate) mattered: OnceLock<Mattered>,
}

/// An image that was taken for something else.
#[derive(Clone, Debug, PartialEq)]
pub struct Mistake {
    /// The class that it is of.
    pub actual: String,
    /// The class that it was taken for.
    pub taken: String,
    /// How sure that was, from 0 to 1.
    pub probability: f64,
    /// The image, as a PNG file.
    pub png: Vec<u8>,
}

/// How the best trial did on the test images.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// How often the test images were looked at, each time for the trial that was the best then.
    pub looks: u32,
    /// The figures by name.
    pub figures: Vec<(String, f64)>,
    /// The standard deviations of these figures by name, if they are means over trainings.
    pub deviations: Vec<(String, f64)>,
}

impl Test {
    /// The figure that is told first, that of the objective if it is there, with its deviation.
    pub(crate) fn main(&self, objective: &str) -> Option<(&str, f64, Option<f64>)> {
        let (name, value) = self.figures.iter().find(|(name, _)| name == objective).or(self.figures.first())?;
        let deviation = self.deviations.iter().find(|(other, _)| other == name).map(|(_, deviation)| *deviation);
        Some((name, *value, deviation))
    }
}

impl<'a> Report<'a> {
    /// A report of a study with nothing beside it.
    pub fn new(study: &'a StudyRecord) -> Self {
        Self {
            study,
            test: None,
            mistakes: Vec::new(),
            compared: Vec::new(),
            notes: Vec::new(),
            mattered: OnceLock::new(),
        }
    }

    /// The report as Markdown.
    pub fn markdown(&self) -> String {
        markdown::of(&self.document())
    }

    /// The report as one HTML page with figures, which needs no network and no other file.
    pub fn html(&self) -> String {
        html::of(&self.document())
    }

    /// What was tried, in order, and what came of it, as Markdown.
    pub fn journal(&self) -> String {
        journal::journal(self)
    }

    /// Counts, the best and the worst, mean, deviation, median, what stopping early saved and when the search converged, as a JSON
    /// object for programs. What is not known is null.
    pub fn summary(&self) -> serde_json::Value {
        summary::summary(self)
    }

    /// Its figures as SVG files of their own, each with a name.
    pub fn figures(&self) -> Vec<(String, String)> {
        let blocks = self.document().sections.into_iter().flat_map(|section| section.blocks);
        let figures = blocks.filter_map(|block| match block {
            Block::Figure(figure) => Some((figure.id().to_owned(), figure.svg())),
            _ => None,
        });
        figures.collect()
    }

    /// What it says, section by section.
    pub(crate) fn document(&self) -> Document {
        sections::all(self)
    }

    /// What the value of a trial is, in a word: `accuracy`.
    pub(crate) fn objective(&self) -> &str {
        let metric = self.study.header.metric.as_deref().unwrap_or("value");
        metric.strip_prefix("validation ").unwrap_or(metric)
    }

    /// The trials that were begun here, by their numbers.
    pub(crate) fn own(&self) -> impl Iterator<Item = &'a TrialRecord> + use<'a> {
        let study = self.study;
        study.trials.iter().filter(|trial| study.is_own(trial))
    }

    /// Those of them that ran to their end with a value.
    pub(crate) fn complete(&self) -> Vec<(&'a TrialRecord, f64)> {
        let complete = self.own().filter(|trial| trial.state == TrialState::Complete);
        complete.filter_map(|trial| Some((trial, trial.value.filter(|value| value.is_finite())?))).collect()
    }

    /// All parameters, in the order of their first appearance, with what they may be in any of the trials.
    pub(crate) fn parameters(&self) -> Vec<(&'a str, Domain)> {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut ordered: Vec<(&'a str, Domain)> = Vec::new();
        for stored in self.study.trials.iter().flat_map(|trial| &trial.params) {
            let place = *places.entry(stored.name.as_str()).or_insert(ordered.len());
            match ordered.get_mut(place) {
                Some((_, domain)) if *domain != stored.domain => *domain = united(domain, &stored.domain),
                Some(_) => {}
                None => ordered.push((stored.name.as_str(), stored.domain.clone())),
            }
        }
        ordered
    }

    /// Whether the trials are runs of experiments: what they try was chosen, and not found by a search.
    pub(crate) fn is_designed(&self) -> bool {
        self.study.trials.iter().any(|trial| !experiments_of(trial).is_empty())
    }

    /// The trial that runs of experiments are compared with.
    pub(crate) fn baseline(&self) -> Option<&'a TrialRecord> {
        self.own().find(|trial| attribute(trial, BASELINE).is_some())
    }

    /// The first trial whose values somebody gave, instead of a search.
    pub(crate) fn first_given(&self) -> Option<&'a TrialRecord> {
        self.own().find(|trial| trial.fixed.is_some())
    }
}

/// The attribute of a study with what was told while it ran: a list of sentences.
pub const NOTES: &str = "notes";

/// The attribute of the trial that is the baseline of experiments.
pub const BASELINE: &str = "baseline";

/// The attribute of a trial with the number of trained values of its network.
pub const PARAMETERS: &str = "parameters";

/// An attribute of a trial.
pub(crate) fn attribute<'a>(trial: &'a TrialRecord, name: &str) -> Option<&'a serde_json::Value> {
    trial.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// The standard deviation of a trial's value over its trainings, if these are several.
pub(crate) fn deviation_of(trial: &TrialRecord) -> Option<f64> {
    deviation_of_trainings(trial.trainings())
}

/// The figures of all images after a trial's last epoch.
pub(crate) fn last_figures(trial: &TrialRecord) -> &[(String, f64)] {
    trial.epochs.last().map_or(&[], |last| &last.report.metrics.whole)
}

/// One of them.
pub(crate) fn last_figure(trial: &TrialRecord, name: &str) -> Option<f64> {
    last_figures(trial).iter().find(|(other, _)| other == name).map(|(_, value)| *value)
}

/// Epochs that a trial was trained.
pub(crate) fn epochs(trial: &TrialRecord) -> u32 {
    trial.epochs.len() as u32
}

/// The number of trained values of a trial's network, if it was told.
pub(crate) fn parameters(trial: &TrialRecord) -> Option<u64> {
    attribute(trial, PARAMETERS)?.as_u64()
}

/// Why a trial ended, where that is worth a word.
pub(crate) fn reason(study: &StudyRecord, trial: &TrialRecord) -> String {
    let Some(end) = &trial.end else {
        return if study.is_outside(trial) { "by another program".to_string() } else { String::new() };
    };
    match (end.reason, end.message.as_str()) {
        (EndReason::Finished | EndReason::Stopped, "") => String::new(),
        (reason, "") => reason.to_string(),
        (_, message) => message.to_string(),
    }
}
