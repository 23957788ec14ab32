//! What is seen first: the result, and what it took.

use tunefork_names::counted;
use tunefork_study::{StudyHeader, TrialRecord};
use tunefork_trial::{Direction, TrialState};

use super::findings::in_a_sentence;
use crate::Report;
use crate::document::{Block, Fact, Section};
use crate::figures;
use crate::numbers::{duration, percent, with_deviation};
use crate::report::{deviation_of, epochs};

/// What was asked, on a line.
pub(super) fn subtitle(report: &Report<'_>) -> String {
    let header = &report.study.header;
    let aim = match header.direction {
        Direction::Maximize => "as high as possible",
        Direction::Minimize => "as low as possible",
    };
    let how = search(header);
    let how = if how.is_empty() { how } else { format!(" Search: {how}, seed {}.", header.seed) };
    format!("{} was to be {aim}.{how}", capital(header.metric.as_deref().unwrap_or("the value")))
}

/// What proposes trials, and what stops them, if anything does.
pub(crate) fn search(header: &StudyHeader) -> String {
    let how = [&header.sampler, &header.scheduler].map(String::as_str);
    how.into_iter().filter(|name| !["", "none"].contains(name)).collect::<Vec<&str>>().join(", ")
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

pub(super) fn overview(report: &Report<'_>) -> Section {
    let mut section = Section::new("Overview");
    let own: Vec<&TrialRecord> = report.own().collect();
    if own.is_empty() {
        section.text("No trial was started.");
        return section;
    }
    if let Some(sentence) = in_a_sentence(report) {
        section.text(sentence);
    }
    let facts = [best(report), test(report), trials(&own), time(report, &own), saved(report)];
    section.blocks.push(Block::Facts(facts.into_iter().flatten().collect()));
    let infeasible = own.iter().filter(|trial| !trial.is_feasible()).count();
    if infeasible > 0 {
        section.text(match infeasible {
            1 => "1 trial does not keep to the study's constraints, and is never the best.".to_owned(),
            more => format!("{more} trials do not keep to the study's constraints, and are never the best."),
        });
    }
    if report.study.best().is_none() {
        let all_ended = own.iter().all(|trial| trial.state.is_finished());
        section.text(match (report.complete().is_empty(), all_ended) {
            (false, _) => "No trial can be called the best.",
            (true, true) => "No trial is complete.",
            (true, false) => "No trial is complete yet.",
        });
    }
    section.figure(figures::history(report));
    section
}

fn best(report: &Report<'_>) -> Option<Fact> {
    let best = report.study.best()?;
    let value = with_deviation(best.value?, deviation_of(best));
    let of = match deviation_of(best) {
        Some(_) => format!(", with the deviation of {}", counted(best.trainings().len(), "training")),
        None => String::new(),
    };
    Some(Fact::new(format!("best {}", report.objective()), value, format!("trial {}{of}", best.number)))
}

fn test(report: &Report<'_>) -> Option<Fact> {
    let (name, value, deviation) = report.test.as_ref()?.main(report.objective())?;
    Some(Fact::new(format!("{name} on the test images"), with_deviation(value, deviation), "the same trial"))
}

/// How the trials have ended: `12 trials (8 complete, 3 pruned, 1 failed)`.
fn trials(own: &[&TrialRecord]) -> Option<Fact> {
    let states = [
        TrialState::Complete,
        TrialState::Pruned,
        TrialState::Failed,
        TrialState::Running,
        TrialState::Paused,
        TrialState::Waiting,
    ];
    let counts = states.into_iter().filter_map(|state| {
        let count = own.iter().filter(|trial| trial.state == state).count();
        (count > 0).then(|| format!("{count} {state}"))
    });
    let epochs: u64 = own.iter().map(|trial| u64::from(epochs(trial))).sum();
    let mut note = counts.collect::<Vec<_>>().join(", ");
    if epochs > 0 {
        note.push_str(&format!("; {} in all", counted(epochs as usize, "epoch")));
    }
    Some(Fact::new("trials", own.len().to_string(), note))
}

fn time(report: &Report<'_>, own: &[&TrialRecord]) -> Option<Fact> {
    let elapsed = report.study.elapsed.as_secs_f64();
    let trained: f64 = own.iter().filter_map(|trial| trial.seconds()).sum();
    let note = if trained > 0.0 { format!("{} of training and validation", duration(trained)) } else { String::new() };
    (elapsed > 0.0).then(|| Fact::new("time", duration(elapsed), note))
}

/// What stopping early saved of the epochs that the stopped and completed trials would have taken.
fn saved(report: &Report<'_>) -> Option<Fact> {
    let saved = Saved::of(report)?;
    let note =
        format!("of {}, in {}", counted(saved.planned as usize, "epoch"), counted(saved.stopped, "stopped trial"));
    Some(Fact::new("saved by stopping early", percent(saved.share()), note))
}

/// What stopping trials early has saved.
pub(crate) struct Saved {
    /// Trials that were stopped.
    pub stopped: usize,
    /// Epochs that all ended trials would have taken.
    pub planned: u64,
    /// Epochs that they have taken.
    pub trained: u64,
}

impl Saved {
    /// Nothing where no trial was stopped, or nobody knows how long trials were to be.
    pub(crate) fn of(report: &Report<'_>) -> Option<Self> {
        let ended = report.own().filter(|trial| matches!(trial.state, TrialState::Complete | TrialState::Pruned));
        let mut saved = Self { stopped: 0, planned: 0, trained: 0 };
        for trial in ended {
            let planned = trial.schedule.as_ref().map(|schedule| schedule.blueprint.epochs)?;
            saved.planned += u64::from(planned);
            saved.trained += u64::from(epochs(trial));
            saved.stopped += usize::from(trial.state == TrialState::Pruned);
        }
        (saved.stopped > 0).then_some(saved)
    }

    /// The epochs that were saved, as a share.
    pub(crate) fn share(&self) -> f64 {
        1.0 - self.trained as f64 / self.planned.max(1) as f64
    }
}
