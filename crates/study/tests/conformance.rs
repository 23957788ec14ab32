//! The checks of the storage contract notice storages that do not keep it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tunefork_study::conformance::{self as checks, Make, Reopen};
use tunefork_study::{
    Change, Clock, CostModel, EpochReport, Facts, MemoryStorage, Metrics, Storage, StorageError, StudyHeader,
    StudyRecord, TrialRecord, ValueAt,
};
use tunefork_trial::{Direction, TrialState};

/// What is wrong with a storage.
#[derive(Clone, Copy)]
enum Flaw {
    /// It takes what breaks a rule, and does nothing with it.
    IsLax,
    /// Of a list that breaks a rule it keeps what comes before.
    KeepsHalves,
    /// A study comes back without something, or with something else.
    Loses(Loss),
}

type Loss = fn(&mut StudyRecord);

struct Flawed {
    inner: MemoryStorage,
    flaw: Flaw,
}

impl Storage for Flawed {
    fn load(&mut self) -> Result<Option<StudyRecord>, StorageError> {
        let mut study = self.inner.load()?;
        if let (Flaw::Loses(loss), Some(study)) = (self.flaw, &mut study) {
            loss(study);
        }
        Ok(study)
    }

    fn create(&mut self, header: &StudyHeader) -> Result<(), StorageError> {
        match (self.inner.create(header), self.flaw) {
            (_, Flaw::IsLax) => Ok(()),
            (result, _) => result,
        }
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StorageError> {
        match self.flaw {
            Flaw::IsLax => self.inner.commit(changes).or(Ok(())),
            Flaw::KeepsHalves => changes.iter().try_for_each(|change| self.inner.commit(std::slice::from_ref(change))),
            Flaw::Loses(_) => self.inner.commit(changes),
        }
    }
}

type Check = fn(Make<'_, Flawed>, Reopen<'_, Flawed>);

fn is_noticed(check: Check, flaw: Flaw) -> bool {
    let mut make = || Flawed { inner: MemoryStorage::default(), flaw };
    catch_unwind(AssertUnwindSafe(|| check(&mut make, &mut |storage| storage))).is_err()
}

#[test]
fn each_rule_that_is_not_kept_is_noticed() {
    let rules: [(&str, Check); 11] = [
        ("a new storage is empty", checks::a_new_storage_is_empty),
        ("a study is created once", checks::a_study_is_created_once),
        ("a commit is all or nothing", checks::a_commit_is_all_or_nothing),
        ("numbers are dense", checks::numbers_are_dense),
        ("a trial lives its life", checks::a_trial_lives_its_life),
        ("finished trials are final", checks::finished_trials_are_final),
        ("steps grow", checks::steps_grow),
        ("values fit their states", checks::values_fit_their_states),
        ("domains of a name agree", checks::domains_of_a_name_agree),
        ("names have limits", checks::names_have_limits),
        ("random changes give what memory gives", checks::random_changes_give_what_memory_gives),
    ];
    for (name, check) in rules {
        assert!(is_noticed(check, Flaw::IsLax), "{name}");
    }
    assert!(is_noticed(checks::a_commit_is_all_or_nothing, Flaw::KeepsHalves));
}

const LOSSES_OF_A_HEADER: [(&str, Loss); 13] = [
    ("name", |study| study.header.name.clear()),
    ("direction", |study| study.header.direction = Direction::Minimize),
    ("metric", |study| study.header.metric = None),
    ("seed", |study| study.header.seed = 0),
    ("slots", |study| study.header.slots = 4),
    ("clock", |study| study.header.clock = Clock::Virtual),
    ("cost model", |study| study.header.cost_model = CostModel::default()),
    ("value at", |study| study.header.value_at = ValueAt::Last),
    ("sampler", |study| study.header.sampler.clear()),
    ("scheduler", |study| study.header.scheduler.clear()),
    ("settings", |study| study.header.settings = Facts::default()),
    ("fingerprint", |study| study.header.fingerprint = Facts::default()),
    ("stages", |study| study.header.stages.clear()),
];

#[test]
fn each_loss_of_a_header_is_noticed() {
    for (name, loss) in LOSSES_OF_A_HEADER {
        assert!(is_noticed(checks::a_header_comes_back, Flaw::Loses(loss)), "{name}");
    }
}

fn each_trial(study: &mut StudyRecord, change: impl FnMut(&mut TrialRecord)) {
    study.trials.iter_mut().for_each(change);
}

fn each_report(study: &mut StudyRecord, change: impl FnMut(&mut EpochReport)) {
    let epochs = study.trials.iter_mut().flat_map(|trial| &mut trial.epochs);
    epochs.map(|epoch| Arc::make_mut(&mut epoch.report)).for_each(change);
}

const LOSSES_OF_A_TRIAL: [(&str, Loss); 14] = [
    ("parameters", |study| each_trial(study, |trial| drop(trial.params.pop()))),
    ("values asked for", |study| each_trial(study, |trial| trial.fixed = None)),
    ("schedules", |study| each_trial(study, |trial| trial.schedule = None)),
    ("epochs", |study| each_trial(study, |trial| drop(trial.epochs.pop()))),
    ("values", |study| each_trial(study, |trial| trial.value = None)),
    ("ends", |study| each_trial(study, |trial| trial.end = None)),
    ("messages", |study| each_trial(study, |trial| trial.end.iter_mut().for_each(|end| end.message.clear()))),
    ("when others counted", |study| each_trial(study, |trial| trial.taken_in = None)),
    ("attributes", |study| each_trial(study, |trial| drop(trial.attributes.pop()))),
    ("order of attributes", |study| each_trial(study, |trial| trial.attributes.reverse())),
    ("all restarts but one", |study| {
        each_trial(study, |trial| trial.observed.restarts = trial.observed.restarts.min(1));
    }),
    ("pauses", |study| {
        let paused = study.trials.iter_mut().filter(|trial| trial.state == TrialState::Paused);
        paused.for_each(|trial| trial.state = TrialState::Running);
    }),
    ("failures", |study| {
        let failed = study.trials.iter_mut().filter(|trial| trial.state == TrialState::Failed);
        failed.for_each(|trial| trial.state = TrialState::Pruned);
    }),
    ("times of reports", |study| each_trial(study, |trial| trial.epochs.iter_mut().for_each(|epoch| epoch.time = 0))),
];

const LOSSES_OF_A_REPORT: [(&str, Loss); 7] = [
    ("values", |study| each_report(study, |report| report.value = report.value.max(0.0))),
    ("metrics of single trainings", |study| {
        each_report(study, |report| {
            if report.members.is_empty() {
                report.metrics = Metrics::default();
            }
        });
    }),
    ("metrics beside members", |study| {
        each_report(study, |report| {
            if !report.members.is_empty() {
                report.metrics = Metrics::default();
            }
        });
    }),
    ("timing", |study| each_report(study, |report| report.timing = None)),
    ("members", |study| each_report(study, |report| report.members.clear())),
    ("signs of members", |study| {
        each_report(study, |report| report.members.iter_mut().for_each(|member| member.value = member.value.abs()));
    }),
    ("metrics of members", |study| {
        each_report(study, |report| {
            report.members.iter_mut().for_each(|member| member.metrics = Metrics::default());
        });
    }),
];

const LOSSES_OF_A_STUDY: [(&str, Loss); 4] = [
    ("later stages", |study| study.header.stages.truncate(1)),
    ("events", |study| study.outside_events.clear()),
    ("parts of a second", |study| study.elapsed = Duration::from_secs(study.elapsed.as_secs())),
    ("a new fingerprint", |study| study.header.fingerprint = Facts::new([("isa", "portable")])),
];

#[test]
fn each_loss_of_what_is_committed_is_noticed() {
    for (what, losses) in
        [("trial", &LOSSES_OF_A_TRIAL[..]), ("report", &LOSSES_OF_A_REPORT), ("study", &LOSSES_OF_A_STUDY)]
    {
        for (name, loss) in losses {
            assert!(is_noticed(checks::everything_comes_back, Flaw::Loses(*loss)), "{name} of a {what}");
        }
    }
    let order: Loss = |study| each_trial(study, |trial| trial.attributes.reverse());
    assert!(is_noticed(checks::the_last_attribute_counts, Flaw::Loses(order)));
}

/// Else the tests above would pass whatever the flaw.
#[test]
fn what_loses_nothing_is_not_noticed() {
    for check in [
        checks::a_new_storage_is_empty as Check,
        checks::a_header_comes_back,
        checks::everything_comes_back,
        checks::the_last_attribute_counts,
    ] {
        assert!(!is_noticed(check, Flaw::Loses(|_| {})));
    }
}
