//! Several runs: a list of those there are, or some side by side.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::{Value as Json, json};
use tunefork::report::{figure, settings_of, value_text};
use tunefork::space::Params;
use tunefork::storage::is_in_use;
use tunefork::study::StudyRecord;
use tunefork::train::Objective;
use tunefork::trial::TrialState;
use tunefork::{Error, RunFolder, TestResult, read_study};

use crate::output::{about, complain, duration, fitted_table, given, table};
use crate::screen;

/// Where `tunefork run` puts run folders.
const RUNS: &str = "runs";

/// What is known of a run.
pub(super) struct Shown {
    run: PathBuf,
    study: StudyRecord,
    test: Option<TestResult>,
    state: State,
    /// How long ago it was last written to.
    age: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Done,
    Interrupted,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Interrupted => "interrupted",
        }
    }
}

impl Shown {
    pub(super) fn read(run: &PathBuf, study: Option<&str>) -> Result<Self, Error> {
        let database = if run.is_dir() { RunFolder::new(run).database() } else { run.clone() };
        let (study, test) = read_study(run, study)?;
        let goes_on = |state| matches!(state, TrialState::Running | TrialState::Paused);
        let under_way = study.trials.iter().any(|trial| study.is_own(trial) && goes_on(trial.state));
        let state = match study.trials.is_empty() || under_way {
            _ if is_in_use(&database) => State::Running,
            true => State::Interrupted,
            false => State::Done,
        };
        Ok(Self { run: run.clone(), study, test, state, age: age(&database) })
    }

    fn count(&self, state: TrialState) -> usize {
        self.study.trials.iter().filter(|trial| trial.state == state).count()
    }

    /// How many trials have ended, of how many there are to be.
    fn trials(&self) -> String {
        let study = &self.study;
        let ended = study.ended_trials();
        match study.header.stages.last() {
            Some(budget) if *budget as usize > ended => format!("{ended}/{budget}"),
            Some(_) | None => ended.to_string(),
        }
    }

    fn metric(&self) -> &str {
        self.study.header.metric.as_deref().unwrap_or("value")
    }

    fn best(&self) -> Option<(String, f64)> {
        let best = self.study.best()?;
        Some((format!("#{}", best.number), best.value?))
    }

    fn best_params(&self) -> Params {
        self.study.best().map(|best| best.params()).unwrap_or_default()
    }

    /// A setting of the best trial: one that was tried, or one that all trials of the study have.
    fn setting(&self, name: &str) -> Option<String> {
        let params = self.best_params();
        let tried = given(&params).find(|(other, _)| *other == name).map(|(_, value)| value_text(value));
        tried.or_else(|| settings_of(&self.study).find(|(other, _)| *other == name).map(|(_, value)| value))
    }

    fn tested(&self) -> Option<f64> {
        self.test.as_ref()?.figure(Objective::Accuracy.name())
    }
}

/// Since the database or its log was changed.
fn age(database: &Path) -> Duration {
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    let changed =
        [database.to_owned(), log.into()].into_iter().filter_map(|path| path.metadata().ok()?.modified().ok());
    let changed = changed.max().unwrap_or(SystemTime::UNIX_EPOCH);
    // A clock that was set back since.
    changed.elapsed().unwrap_or_default()
}

/// All run folders below `runs`, the newest first. One that cannot be read is named, and left out.
pub(super) fn all() -> Result<Vec<Shown>, Error> {
    let folders = std::fs::read_dir(RUNS).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut runs = Vec::new();
    for run in folders.filter(|folder| RunFolder::new(folder).database().exists()) {
        match Shown::read(&run, None) {
            Ok(shown) => runs.push(shown),
            Err(error) => complain(format!("{}: {error}", run.display())),
        }
    }
    if runs.is_empty() {
        return Err(Error::Unsupported(format!(
            "there are no runs in `{RUNS}`: `tunefork run STUDY.toml` makes one, `tunefork show RUN_OR_DB` shows one elsewhere"
        )));
    }
    runs.sort_by_key(|shown| shown.age);
    Ok(runs)
}

/// A line for each run.
pub(super) fn list(runs: &[Shown]) -> String {
    let row = |shown: &Shown| {
        let best = shown.best();
        let whose = best.as_ref().map(|(whose, _)| whose.clone());
        vec![
            shown.run.display().to_string(),
            shown.state.name().to_owned(),
            shown.trials(),
            best.map(|(_, value)| figure(value)).unwrap_or_default(),
            whose.unwrap_or_default(),
            shown.metric().to_owned(),
            match shown.state {
                State::Running => "now".to_owned(),
                State::Done | State::Interrupted => format!("{} ago", about(shown.age.as_secs_f64())),
            },
        ]
    };
    let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
    let header = ["run", "state", "trials", "best", "trial", "value", "when"];
    match screen::table_width() {
        Some(width) => fitted_table(&header, &rows, width),
        None => table(&header, &rows),
    }
}

/// A column for each run.
pub(super) fn side_by_side(runs: &[Shown]) -> String {
    let row = |name: &str, cell: &dyn Fn(&Shown) -> Option<String>| {
        let cells: Vec<String> = runs.iter().map(|shown| cell(shown).unwrap_or_default()).collect();
        let is_empty = cells.iter().all(String::is_empty);
        (!is_empty).then(|| [name.to_owned()].into_iter().chain(cells).collect::<Vec<_>>())
    };
    let count = |state| move |shown: &Shown| Some(shown.count(state).to_string());
    let metric = match runs.iter().all(|shown| shown.metric() == runs[0].metric()) {
        true => format!("best {}", runs[0].metric()),
        false => "best value".to_owned(),
    };
    let epochs = |shown: &Shown| shown.study.trials.iter().map(|trial| trial.epochs.len()).sum::<usize>();
    let mut rows = vec![
        row("study", &|shown| Some(shown.study.header.name.clone())),
        row("state", &|shown| Some(shown.state.name().to_owned())),
        row("sampler", &|shown| Some(shown.study.header.sampler.clone())),
        row("scheduler", &|shown| Some(shown.study.header.scheduler.clone())),
        row("trials", &|shown| Some(shown.trials())),
        row("  complete", &count(TrialState::Complete)),
        row("  pruned", &count(TrialState::Pruned)),
        row("  failed", &count(TrialState::Failed)),
        row("epochs", &|shown| Some(epochs(shown).to_string())),
        row("time", &|shown| Some(duration(shown.study.elapsed.as_secs_f64()))),
        row(&metric, &|shown| shown.best().map(|(_, value)| figure(value))),
        row("test accuracy", &|shown| shown.tested().map(figure)),
        row("best trial", &|shown| shown.best().map(|(whose, _)| whose)),
    ];
    for name in settings(runs) {
        rows.push(row(&format!("  {name}"), &|shown| shown.setting(&name)));
    }
    let rows: Vec<Vec<String>> = rows.into_iter().flatten().collect();
    let names: Vec<String> = runs.iter().map(|shown| shown.run.display().to_string()).collect();
    let header: Vec<&str> = [""].into_iter().chain(names.iter().map(String::as_str)).collect();
    table(&header, &rows)
}

/// The settings of the best trials, each once, and those of their studies that are not the same.
fn settings(runs: &[Shown]) -> Vec<String> {
    let tried = runs.iter().flat_map(|shown| {
        let params = shown.best_params();
        given(&params).map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    });
    let fixed = runs.iter().flat_map(|shown| settings_of(&shown.study).map(|(name, _)| name.to_owned()));
    let differs = |name: &String| {
        // The name of the study stands there already.
        name != "name" && runs.iter().any(|shown| shown.setting(name) != runs[0].setting(name))
    };
    let mut names: Vec<String> = Vec::new();
    for name in tried.chain(fixed.filter(differs)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// One object for each run.
pub(super) fn json(runs: &[Shown]) -> String {
    let object = |shown: &Shown| {
        let best = shown.study.best();
        json!({
            "run": shown.run,
            "study": shown.study.header.name,
            "state": shown.state.name(),
            "budget": shown.study.header.stages.last(),
            "trials": shown.study.trials.len(),
            "complete": shown.count(TrialState::Complete),
            "pruned": shown.count(TrialState::Pruned),
            "failed": shown.count(TrialState::Failed),
            "metric": shown.study.header.metric,
            "best": best.map(|best| json!({
                "trial": best.number.0,
                "value": best.value,
                "params": best.params(),
                "test_accuracy": shown.tested(),
            })),
            "observed": { "seconds": shown.study.elapsed.as_secs_f64() },
        })
    };
    let objects: Json = runs.iter().map(object).collect();
    format!("{objects:#}\n")
}
