//! Trials of other programs in the same study. They take numbers, and their ends are part of the history that proposals
//! and decisions are made from: each from an ask on, which is stored, so that the study can be simulated anew.

use super::Simulation;
use super::stored::stored_end;
use crate::{Change, Event, Moment, StudyError, TrialRecord, Workload, patiently};
use tunefork_space::Point;
use tunefork_trial::{Report, TrialNumber, TrialState};

impl<W: Workload> Simulation<'_, W> {
    /// Looks at what other programs have done, and returns the ask of this time: its number is the first one that is free.
    pub(super) fn ask_among_others(&mut self, time: u64) -> Result<Moment, StudyError> {
        self.place_others();
        // What is stored was decided on as it was; news counts for what is new.
        if !self.is_begun(self.history.next_number().0) {
            self.look_around()?;
        }
        let ask = Moment { time, trial: self.history.next_number().0, step: 0 };
        let is_new = !self.is_begun(ask.trial);
        for number in self.others.iter().copied().collect::<Vec<_>>() {
            let trial = &self.known.trials[number.index()];
            let ends_now = is_new && trial.state.is_finished();
            match trial.taken_in {
                Some(at) if at <= ask => self.take_in(number, at),
                None if ends_now => {
                    self.unwritten.push(Change::TakeIn { number, at: ask });
                    self.take_in(number, ask);
                }
                Some(_) | None => {}
            }
        }
        Ok(ask)
    }

    /// Takes note of what other programs have changed.
    pub(super) fn look_around(&mut self) -> Result<(), StudyError> {
        if let Some(now) = patiently(self.observer, &self.options.stop, || self.storage.news())? {
            self.known.trials = now.trials;
            for number in &self.others {
                self.observer.event(&Event::Outside { trial: &self.known.trials[number.index()] });
            }
        }
        self.place_others();
        Ok(())
    }

    /// Gives trials of other programs the numbers that these have.
    pub(super) fn place_others(&mut self) {
        let absent = Point::absent(self.history.space().len());
        loop {
            let number = self.history.next_number();
            let trial = self.known.trials.get(number.index());
            let Some(trial) = trial.filter(|trial| self.known.is_outside(trial)) else { return };
            self.history.enqueue(number, absent.clone()).expect("it is the next number");
            self.others.insert(number);
            self.observer.event(&Event::Outside { trial });
        }
    }

    /// Whether the storage has a trial of this number that somebody has begun.
    pub(super) fn is_begun(&self, number: u32) -> bool {
        let trial = self.known.trials.get(number as usize);
        trial.is_some_and(|trial| trial.state != TrialState::Waiting)
    }

    /// The end of another program's trial counts from now on.
    fn take_in(&mut self, number: TrialNumber, at: Moment) {
        const FITS: &str = "it holds a place in the history, and its steps grow";
        self.others.remove(&number);
        self.known.trials[number.index()].taken_in = Some(at);
        let trial = &self.known.trials[number.index()];
        self.history.start(number, self.point_of_other(trial)).expect(FITS);
        for epoch in &trial.epochs {
            let report = Report { step: epoch.step, value: epoch.report.value };
            self.history.report(number, report).expect(FITS);
        }
        let (state, value) = stored_end(trial);
        self.history.finish(number, state, value).expect(FITS);
    }

    /// Of a trial's parameters those that lie in the space.
    fn point_of_other(&self, trial: &TrialRecord) -> Point {
        let space = self.history.space();
        let mut point = Point::absent(space.len());
        for parameter in &trial.params {
            let value = parameter.domain.to_value(parameter.internal);
            let place = space.index_of(&parameter.name);
            let internal = place.and_then(|place| Some((place, space.domain(place).to_internal(&value).ok()?)));
            if let Some((place, internal)) = internal {
                point.set(place, internal);
            }
        }
        point
    }
}
