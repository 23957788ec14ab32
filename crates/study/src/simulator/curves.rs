//! Learning curves: given by a table, or by a formula.

use tunefork_rng::{Key, Purpose};
use tunefork_space::{Domain, DomainError, Parameter, Params, Space};

/// What trials would report, were they trained.
pub trait Curves {
    /// Epochs of a trial that nobody stops; at least 1.
    fn epochs(&self, params: &Params) -> u32;

    /// Virtual duration of one epoch, in ticks; 0 counts as 1.
    fn ticks(&self, params: &Params) -> u64;

    /// The value after an epoch, counted from 1; what is not finite ends the trial as failed. `trial` is the key of the trial's draws:
    /// the same trial must always report the same.
    fn value(&self, params: &Params, trial: Key, epoch: u32) -> f64;
}

/// Curves of a formula, over a learning rate, a width and a dropout rate: accuracies that rise as powers of the epoch,
/// cross (what learns fast ends lower), are noisy, and diverge where the rate is large. Wide networks take longer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Synthetic {
    /// Epochs of each trial.
    pub epochs: u32,
    /// Standard deviation of the noise of each report.
    pub noise: f64,
    /// Learning rates above this diverge in some epoch.
    pub diverges_above: f64,
    /// How much fast learners lose at the end, from 0 (curves never cross) to 1.
    pub crossing: f64,
}

impl Default for Synthetic {
    /// 27 epochs, noise of half a point, divergence above 0.5, curves that cross.
    fn default() -> Self {
        Self { epochs: 27, noise: 0.005, diverges_above: 0.5, crossing: 0.5 }
    }
}

impl Synthetic {
    /// The space that the formula knows: `rate` from 1e-4 to 1, `width` from 1 to 8, `dropout` from 0 to 0.8.
    pub fn space(&self) -> Space {
        let domain = |domain: Result<Domain, DomainError>| domain.expect("the bounds are in order");
        let parameters = vec![
            Parameter::new("rate", domain(Domain::log(1e-4, 1.0))),
            Parameter::new("width", domain(Domain::int(1, 8))),
            Parameter::new("dropout", domain(Domain::uniform(0.0, 0.8))),
        ];
        Space::new(parameters).expect("no name twice")
    }
}

fn number(params: &Params, name: &str, otherwise: f64) -> f64 {
    params.get(name).and_then(|value| value.as_f64()).unwrap_or(otherwise)
}

impl Curves for Synthetic {
    fn epochs(&self, _: &Params) -> u32 {
        self.epochs
    }

    fn ticks(&self, params: &Params) -> u64 {
        100 + 50 * number(params, "width", 1.0) as u64
    }

    fn value(&self, params: &Params, trial: Key, epoch: u32) -> f64 {
        let rate = number(params, "rate", 0.01);
        let draws = |index: u64| trial.stream_at(Purpose::Generate, index);
        if rate > self.diverges_above && u64::from(epoch) > draws(0).below(self.epochs.into()) {
            return f64::NAN;
        }
        // Decades from the best rate: 0.01 with no crossing.
        let decades = rate.log10() + 2.0;
        let width = number(params, "width", 1.0) / 8.0;
        let dropout = number(params, "dropout", 0.0) - 0.3;
        let speed = 0.8 + 0.35 * decades.clamp(-2.0, 1.7);
        let limit = 0.95
            - 0.03 * decades * decades
            - 0.15 * (1.0 - width) * (1.0 - width)
            - 0.2 * dropout * dropout
            - 0.08 * self.crossing * decades;
        let error = 0.6 * f64::from(epoch).powf(-speed);
        let noise = self.noise * draws(u64::from(epoch)).normal();
        (limit - error + noise).clamp(0.0, 1.0)
    }
}

/// Curves that were measured: one for each configuration, by number.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Of each configuration the ticks of an epoch, and its values; at least one of each.
    rows: Vec<(u64, Vec<f64>)>,
}

impl Table {
    /// A table of configurations, each with the ticks of an epoch and its values after epochs 1, 2, …
    ///
    /// # Errors
    /// In words: a table without rows, a row without values.
    pub fn new(rows: Vec<(u64, Vec<f64>)>) -> Result<Self, String> {
        if rows.is_empty() {
            return Err("a table of curves needs a row".to_owned());
        }
        match rows.iter().position(|(_, values)| values.is_empty()) {
            Some(row) => Err(format!("row {row} of the curves has no value")),
            None => Ok(Self { rows }),
        }
    }

    /// One whole number, `configuration`, from 0 on.
    pub fn space(&self) -> Space {
        let domain = Domain::int(0, self.rows.len() as i64 - 1).expect("there is a row");
        Space::new(vec![Parameter::new("configuration", domain)]).expect("one name")
    }

    fn row(&self, params: &Params) -> &(u64, Vec<f64>) {
        let place = params.get("configuration").and_then(|value| value.as_i64()).unwrap_or(0);
        &self.rows[place as usize]
    }
}

impl Curves for Table {
    fn epochs(&self, params: &Params) -> u32 {
        self.row(params).1.len() as u32
    }

    fn ticks(&self, params: &Params) -> u64 {
        self.row(params).0
    }

    fn value(&self, params: &Params, _: Key, epoch: u32) -> f64 {
        self.row(params).1[epoch as usize - 1]
    }
}
