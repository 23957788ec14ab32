//! Other programs in the same study: they enqueue, ask and tell while it runs, before it, and between two runs of it.

use crate::curve::{Curve, space};
use crate::support::{Mortal, definition, go, options, record, text};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tunefork_sampler::{Ask, Proposal, Random, Sampler};
use tunefork_space::{Params, Space, Value};
use tunefork_study::{
    Change, Definition, End, EndReason, Ended, MemoryStorage, OutsideKind, Storage, StorageError, StoredParameter,
    StudyHeader, StudyRecord,
};
use tunefork_trial::{TrialNumber, TrialState};

/// What another program does.
#[derive(Clone)]
enum Act {
    Enqueue(Params),
    /// Asks for a trial and never tells its end.
    Ask,
    /// Asks for a trial with a width, and tells its value.
    Tell(f64),
    /// Tells the value of the trial that was asked for.
    TellAsked(f64),
}

/// A storage that another program writes to, too: before certain commits.
struct Shared<'a> {
    inner: &'a mut MemoryStorage,
    acts: BTreeMap<u32, Act>,
    commits: u32,
    /// Numbers of the other program's trials: it knows no reasons for an end.
    outside: &'a mut BTreeSet<usize>,
    is_news: bool,
}

impl Shared<'_> {
    fn act(&mut self, act: Act) {
        let number = TrialNumber(record(self.inner).trials.len() as u32);
        let start = |name: &str, value: f64| Change::Start {
            number,
            params: vec![StoredParameter { name: name.to_owned(), domain: space().domain(3).clone(), internal: value }],
            fixed: None,
            schedule: None,
        };
        let end = |number, value| Change::Finish {
            number,
            state: TrialState::Complete,
            value: Some(value),
            end: End { time: 0, reason: EndReason::Told, message: String::new() },
        };
        let (changes, is_outside) = match act {
            Act::Enqueue(fixed) => (vec![Change::Enqueue { number, fixed }], false),
            Act::Ask => (vec![start("width", 3.0)], true),
            // What is called otherwise, or lies elsewhere, is nothing to the sampler.
            Act::Tell(value) => (vec![start("breadth", 99.0), end(number, value)], true),
            Act::TellAsked(value) => {
                let asked = self.outside.first().copied().expect("a trial was asked for");
                (vec![end(TrialNumber(asked as u32), value)], false)
            }
        };
        self.inner.commit(&changes).unwrap();
        self.is_news = true;
        if is_outside {
            self.outside.insert(number.index());
        }
    }
}

impl Storage for Shared<'_> {
    fn load(&mut self) -> Result<Option<StudyRecord>, StorageError> {
        let mut study = self.inner.load()?;
        let trials = study.iter_mut().flat_map(|study| &mut study.trials);
        trials.filter(|trial| self.outside.contains(&trial.number.index())).for_each(|trial| trial.end = None);
        Ok(study)
    }

    fn create(&mut self, header: &StudyHeader) -> Result<(), StorageError> {
        self.inner.create(header)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StorageError> {
        if let Some(act) = self.acts.remove(&self.commits) {
            self.act(act);
        }
        let begins = changes.iter().any(|change| matches!(change, Change::Start { .. }));
        if self.is_news && begins {
            return Err(StorageError::Overtaken { path: "shared".into(), detail: "it was faster".to_owned() });
        }
        self.commits += 1;
        self.inner.commit(changes)
    }

    fn news(&mut self) -> Result<Option<StudyRecord>, StorageError> {
        match std::mem::take(&mut self.is_news) {
            true => self.load(),
            false => Ok(None),
        }
    }
}

/// The random sampler, and what it saw: at each ask the values of ended trials.
struct Spy(Random, Seen);
type Seen = Arc<Mutex<Vec<(u32, Vec<f64>)>>>;

impl Sampler for Spy {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn propose(&mut self, ask: &Ask<'_>) -> Proposal {
        let values = ask.history.values().iter().copied().filter(|value| !value.is_nan());
        self.1.lock().unwrap().push((ask.number.0, values.collect()));
        self.0.propose(ask)
    }

    fn propose_one(&mut self, ask: &Ask<'_>, parameter: usize) -> f64 {
        self.0.propose_one(ask, parameter)
    }

    fn trials(&self, space: &Space) -> Option<u64> {
        self.0.trials(space)
    }
}

fn spied(scheduler: &str, seen: &Seen) -> Definition {
    Definition { sampler: Box::new(Spy(Random::new(), Arc::clone(seen))), ..definition(scheduler) }
}

/// Two trials of another program: the better than all that is told at once, and one that is told later.
fn told() -> BTreeMap<u32, Act> {
    [(8, Act::Ask), (16, Act::Tell(7.5)), (44, Act::TellAsked(6.5))].into_iter().collect()
}

#[test]
fn what_another_program_tells_is_history_and_never_the_best() {
    let (mut storage, mut outside, seen) = (MemoryStorage::default(), BTreeSet::new(), Seen::default());
    let mut shared = Shared { inner: &mut storage, acts: told(), commits: 0, outside: &mut outside, is_news: false };
    let outcome = go(spied("none", &seen), &Arc::default(), &mut shared, &options(2)).unwrap();
    assert_eq!((outcome.ended, outcome.outside_trials, outcome.outside_events), (Ended::Done, 2, 0));
    let study = record(&mut shared);
    assert_eq!((study.own_trials(), study.trials.len()), (14, 16));
    let best = study.best().unwrap();
    assert_eq!(outcome.best, Some(best.number));
    assert!(study.is_own(best) && best.value < Some(6.5));
    let better = study.better_outside().unwrap();
    assert_eq!((better.value, better.taken_in.is_some()), (Some(7.5), true));
    let seen = seen.lock().unwrap();
    let first = |value: f64| seen.iter().find(|(_, values)| values.contains(&value)).expect("it was seen").0;
    let asked = TrialNumber(*outside.first().unwrap() as u32);
    assert!(first(6.5) > first(7.5) && first(7.5) > asked.0, "each counts from when it was told");
}

#[test]
fn a_study_with_outside_trials_can_be_killed_and_simulated_anew() {
    let run = |kill: Option<u32>| {
        let (mut storage, mut outside, seen) = (MemoryStorage::default(), BTreeSet::new(), Seen::default());
        let mut shared =
            Shared { inner: &mut storage, acts: told(), commits: 0, outside: &mut outside, is_news: false };
        if let Some(commits_left) = kill {
            let mut mortal = Both(&mut shared, commits_left);
            go(spied("asha", &seen), &Arc::default(), &mut mortal, &options(2)).unwrap_err();
        }
        for _ in 0..2 {
            let outcome = go(spied("asha", &seen), &Arc::default(), &mut shared, &options(1)).unwrap();
            assert_eq!((outcome.ended, outcome.outside_trials), (Ended::Done, 2));
        }
        text(&mut shared)
    };
    let whole = run(None);
    // Killed after the last act: what is begun anew is one commit more.
    for kill in [45, 46, 50, 55] {
        assert_eq!(run(Some(kill)), whole, "killed after {kill} commits");
    }
}

/// As [`Mortal`], with news.
struct Both<'a, 'b>(&'a mut Shared<'b>, u32);

impl Storage for Both<'_, '_> {
    fn load(&mut self) -> Result<Option<StudyRecord>, StorageError> {
        self.0.load()
    }

    fn create(&mut self, header: &StudyHeader) -> Result<(), StorageError> {
        self.0.create(header)
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), StorageError> {
        let before = self.0.commits;
        let left = self.1;
        let mut mortal = Mortal { inner: &mut *self.0, commits_left: left };
        let result = mortal.commit(changes);
        self.1 -= self.0.commits - before;
        result
    }

    fn news(&mut self) -> Result<Option<StudyRecord>, StorageError> {
        self.0.news()
    }
}

fn params<V: Into<Value>>(pairs: impl IntoIterator<Item = (&'static str, V)>) -> Params {
    pairs.into_iter().map(|(name, value)| (name, value.into())).collect()
}

#[test]
fn what_lies_outside_the_space_is_refused_and_the_study_goes_on() {
    let wrong = [
        (params([("width", 99)]), ["`width`", "99", "1 to 8"]),
        (params([("breadth", 3)]), ["`breadth`", "not a parameter", "space"]),
        (params([("optimizer", "lion")]), ["`optimizer`", "lion", "sgd"]),
        (
            params([("optimizer", Value::from("adam")), ("momentum", Value::from(0.5))]),
            ["`momentum`", "exists only where `optimizer` is sgd", ""],
        ),
    ];
    for (fixed, words) in wrong {
        let (mut storage, mut outside) = (MemoryStorage::default(), BTreeSet::new());
        let acts = [(9, Act::Enqueue(fixed))].into_iter().collect();
        let mut shared = Shared { inner: &mut storage, acts, commits: 0, outside: &mut outside, is_news: false };
        let outcome = go(definition("none"), &Arc::default(), &mut shared, &options(2)).unwrap();
        assert_eq!((outcome.ended, outcome.trials, outcome.outside_trials), (Ended::Done, 14, 1));
        let study = record(&mut shared);
        let refused = study.trials.iter().find(|trial| trial.fixed.is_some()).unwrap();
        let end = refused.end.as_ref().unwrap();
        assert_eq!((refused.state, end.reason), (TrialState::Failed, EndReason::InvalidConfiguration));
        assert!(words.iter().all(|word| end.message.contains(word)), "{}", end.message);
        let whole = text(&mut shared);
        go(definition("none"), &Arc::default(), &mut shared, &options(1)).unwrap();
        assert_eq!(text(&mut shared), whole);
    }
}

/// The trials of the definition keep their values whatever numbers they get.
#[test]
fn enqueued_trials_of_both_are_run_as_given() {
    let own = |width: i64| params([("width", width)]);
    let study = || Definition {
        enqueued: vec![own(2), own(3), own(4)],
        attributes: (2..5).map(|width| vec![("width".to_owned(), width.into())]).collect(),
        ..definition("none")
    };
    let (mut storage, mut outside) = (MemoryStorage::default(), BTreeSet::new());
    let acts = [(1, Act::Enqueue(own(7))), (2, Act::Tell(0.5))].into_iter().collect();
    let mut shared = Shared { inner: &mut storage, acts, commits: 0, outside: &mut outside, is_news: false };
    go(study(), &Arc::default(), &mut shared, &options(2)).unwrap();
    let found = record(&mut shared);
    let widths: Vec<_> = found.trials[..5].iter().map(|trial| trial.params().get("width").cloned()).collect();
    let expected = [Some(2), Some(7), None, Some(3), Some(4)].map(|width| width.map(Value::from));
    assert_eq!(widths, expected);
    assert_eq!(found.trials[4].attributes, [("width".to_owned(), 4.into())]);
    assert_eq!(found.outside_events.iter().map(|event| event.kind).collect::<Vec<_>>(), [OutsideKind::Enqueued]);
    let whole = text(&mut shared);
    go(study(), &Arc::<Curve>::default(), &mut shared, &options(1)).unwrap();
    assert_eq!(text(&mut shared), whole);
}
