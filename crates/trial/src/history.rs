//! What is known of a study, in columns.

use tunefork_space::{Parameter, Params, Point, Space};

use crate::{Direction, HistoryError, Report, TrialNumber, TrialState};

/// All trials of a study: states, parameters, reports and values. Index = trial number, without gaps.
///
/// Samplers and schedulers read it and must be pure functions of it.
#[derive(Clone, Debug)]
pub struct History {
    space: Space,
    direction: Direction,
    states: Vec<TrialState>,
    /// Per parameter of the space, one internal value per trial, NaN where absent.
    columns: Vec<Vec<f64>>,
    /// NaN where there is none.
    values: Vec<f64>,
    reports: Vec<Vec<Report>>,
    best: Option<TrialNumber>,
    revision: u64,
}

impl History {
    /// A history without trials.
    pub fn new(space: Space, direction: Direction) -> Self {
        Self {
            columns: vec![Vec::new(); space.len()],
            space,
            direction,
            states: Vec::new(),
            values: Vec::new(),
            reports: Vec::new(),
            best: None,
            revision: 0,
        }
    }

    /// The space of the parameters; it can only grow.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Which values are better.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Number of trials, waiting ones included.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether there are no trials.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// The number that the next trial gets.
    pub fn next_number(&self) -> TrialNumber {
        TrialNumber(self.len() as u32)
    }

    /// All trial numbers in order.
    pub fn numbers(&self) -> impl DoubleEndedIterator<Item = TrialNumber> + use<> {
        (0..self.len() as u32).map(TrialNumber)
    }

    /// A counter that grows with every change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The state of a trial.
    ///
    /// # Panics
    /// This and the other readers panic if there is no such trial.
    pub fn state(&self, trial: TrialNumber) -> TrialState {
        self.states[trial.index()]
    }

    /// All states, by trial number.
    pub fn states(&self) -> &[TrialState] {
        &self.states
    }

    /// The final value of a trial. A pruned trial may have one; it is then the value of its last
    /// step, not comparable with that of a complete trial. That of a failed one is the worst there is, if it diverged.
    pub fn value(&self, trial: TrialNumber) -> Option<f64> {
        Some(self.values[trial.index()]).filter(|value| !value.is_nan())
    }

    /// All final values, by trial number; NaN where there is none.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The internal values of a trial.
    pub fn point(&self, trial: TrialNumber) -> Point {
        let values: Vec<f64> = self.columns.iter().map(|column| column[trial.index()]).collect();
        Point::from(values)
    }

    /// The named values of a trial.
    pub fn params(&self, trial: TrialNumber) -> Params {
        self.space.params(&self.point(trial))
    }

    /// The internal values of one parameter, by trial number; NaN where it is absent.
    ///
    /// # Panics
    /// If there is no such parameter.
    pub fn column(&self, parameter: usize) -> &[f64] {
        &self.columns[parameter]
    }

    /// The reports of a trial, by growing step.
    pub fn reports(&self, trial: TrialNumber) -> &[Report] {
        &self.reports[trial.index()]
    }

    /// The last report of a trial.
    pub fn last_report(&self, trial: TrialNumber) -> Option<Report> {
        self.reports(trial).last().copied()
    }

    /// The value that a trial reported at exactly this step.
    pub fn value_at(&self, trial: TrialNumber, step: u32) -> Option<f64> {
        let reports = self.reports(trial);
        // Steps mostly count 1, 2, 3 … (or 0, 1, 2 …), so the place is known without a search.
        let here = |place: usize| reports.get(place).filter(|report| report.step == step);
        let guess = here((step as usize).wrapping_sub(1)).or_else(|| here(step as usize));
        let found = guess.or_else(|| {
            let place = reports.binary_search_by_key(&step, |report| report.step);
            place.ok().map(|place| &reports[place])
        });
        found.map(|report| report.value)
    }

    /// The complete trial with the best value; of equal ones the first.
    pub fn best(&self) -> Option<TrialNumber> {
        self.best
    }

    /// Adds a waiting trial with some or no values fixed.
    ///
    /// # Errors
    /// A number that is not the next one; a point that does not fit the space.
    pub fn enqueue(&mut self, trial: TrialNumber, point: Point) -> Result<(), HistoryError> {
        self.check_next(trial)?;
        self.check_point(trial, &point)?;
        self.push(TrialState::Waiting, &point);
        Ok(())
    }

    /// Starts a trial: the next number, or one that is waiting.
    ///
    /// # Errors
    /// Any other number; a point that does not fit the space.
    pub fn start(&mut self, trial: TrialNumber, point: Point) -> Result<(), HistoryError> {
        self.check_point(trial, &point)?;
        match self.states.get(trial.index()) {
            Some(TrialState::Waiting) => {
                for (column, &value) in self.columns.iter_mut().zip(point.values()) {
                    column[trial.index()] = value;
                }
                self.states[trial.index()] = TrialState::Running;
                self.revision += 1;
            }
            _ => {
                self.check_next(trial)?;
                self.push(TrialState::Running, &point);
            }
        }
        Ok(())
    }

    /// Adds a parameter that was not known before and returns its index; all trials lack it.
    ///
    /// # Errors
    /// Those of [`Space::push`].
    pub fn add_parameter(&mut self, parameter: Parameter) -> Result<usize, HistoryError> {
        let index = self.space.push(parameter)?;
        self.columns.push(vec![f64::NAN; self.len()]);
        self.revision += 1;
        Ok(index)
    }

    /// Sets one internal value of a trial that has not ended.
    ///
    /// # Errors
    /// An unknown or ended trial, an unknown parameter.
    pub fn set(&mut self, trial: TrialNumber, parameter: usize, value: f64) -> Result<(), HistoryError> {
        self.check(trial, "take a value", |state| !state.is_finished())?;
        let parameters = self.columns.len();
        let column =
            self.columns.get_mut(parameter).ok_or(HistoryError::UnknownParameter { index: parameter, parameters })?;
        column[trial.index()] = value;
        self.revision += 1;
        Ok(())
    }

    /// Adds a report to a running trial.
    ///
    /// # Errors
    /// A trial that is not running; a step that is not larger than the last one.
    pub fn report(&mut self, trial: TrialNumber, report: Report) -> Result<(), HistoryError> {
        self.check(trial, "report", |state| state == TrialState::Running)?;
        let reports = &mut self.reports[trial.index()];
        if let Some(last) = reports.last().filter(|last| last.step >= report.step) {
            return Err(HistoryError::StepOrder { trial, step: report.step, last: last.step });
        }
        reports.push(report);
        self.revision += 1;
        Ok(())
    }

    /// Sets a running trial aside.
    ///
    /// # Errors
    /// A trial that is not running.
    pub fn pause(&mut self, trial: TrialNumber) -> Result<(), HistoryError> {
        self.check(trial, "pause", |state| state == TrialState::Running)?;
        self.states[trial.index()] = TrialState::Paused;
        self.revision += 1;
        Ok(())
    }

    /// Lets a paused trial go on.
    ///
    /// # Errors
    /// A trial that is not paused.
    pub fn resume(&mut self, trial: TrialNumber) -> Result<(), HistoryError> {
        self.check(trial, "go on", |state| state == TrialState::Paused)?;
        self.states[trial.index()] = TrialState::Running;
        self.revision += 1;
        Ok(())
    }

    /// Ends a trial.
    ///
    /// # Errors
    /// A trial that has ended; a state that is no end; a complete trial without a number.
    pub fn finish(&mut self, trial: TrialNumber, state: TrialState, value: Option<f64>) -> Result<(), HistoryError> {
        self.check(trial, "end again", |state| !state.is_finished())?;
        if !state.is_finished() {
            return Err(HistoryError::NotAnEnd { trial, state });
        }
        let value = value.unwrap_or(f64::NAN);
        if state == TrialState::Complete {
            if value.is_nan() {
                return Err(HistoryError::NoValue { trial });
            }
            // Trials may end out of order; of equal values the lowest number is the best.
            let better = self.best.is_none_or(|best| {
                let best_value = self.values[best.index()];
                self.direction.better(value, best_value) || (value == best_value && trial < best)
            });
            if better {
                self.best = Some(trial);
            }
        }
        self.states[trial.index()] = state;
        self.values[trial.index()] = value;
        self.revision += 1;
        Ok(())
    }

    /// Ends a trial whose own parameters have made it fail: a loss that became NaN or infinite. It has the worst value that there
    /// is, so that those who learn from the history know that it was bad; a trial that failed otherwise has none, and
    /// says nothing of its parameters.
    ///
    /// # Errors
    /// A trial that has ended.
    pub fn diverge(&mut self, trial: TrialNumber) -> Result<(), HistoryError> {
        self.finish(trial, TrialState::Failed, Some(self.direction.worst()))
    }

    /// Whether a trial has failed through its own parameters, see [`diverge`](Self::diverge).
    pub fn has_diverged(&self, trial: TrialNumber) -> bool {
        self.state(trial) == TrialState::Failed && self.value(trial).is_some()
    }

    fn push(&mut self, state: TrialState, point: &Point) {
        for (column, &value) in self.columns.iter_mut().zip(point.values()) {
            column.push(value);
        }
        self.states.push(state);
        self.values.push(f64::NAN);
        self.reports.push(Vec::new());
        self.revision += 1;
    }

    fn check_next(&self, trial: TrialNumber) -> Result<(), HistoryError> {
        let next = self.next_number();
        if trial == next { Ok(()) } else { Err(HistoryError::NotNext { trial, next }) }
    }

    fn check_point(&self, trial: TrialNumber, point: &Point) -> Result<(), HistoryError> {
        if point.len() == self.space.len() {
            return Ok(());
        }
        Err(HistoryError::PointLength { trial, given: point.len(), parameters: self.space.len() })
    }

    fn check(
        &self,
        trial: TrialNumber,
        action: &'static str,
        allowed: impl Fn(TrialState) -> bool,
    ) -> Result<(), HistoryError> {
        match self.states.get(trial.index()) {
            None => Err(HistoryError::Unknown { trial, trials: self.len() }),
            Some(&state) if !allowed(state) => Err(HistoryError::WrongState { trial, state, action }),
            Some(_) => Ok(()),
        }
    }
}
