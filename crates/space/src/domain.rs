//! The values one parameter can take.

use std::fmt;

use crate::{DomainError, Value, decimal::StepGrid};

/// With bounds within ± this, all integers, their distances and their halves are exact as `f64`.
const LARGEST_INT: i64 = 1 << 52;

/// The values one parameter can take.
///
/// Domains are made by the checked constructors and are always valid: bounds are finite and in
/// order, and `high` lies on the step grid.
///
/// ```
/// use tunefork_space::{Domain, Value};
///
/// let dropout = Domain::uniform(0.0, 1.0)?.with_step(0.3)?;
/// assert_eq!(dropout.grid(), Some(vec![0.0, 0.3, 0.6, 0.9])); // high is lowered onto the grid
/// let layers = Domain::int(1, 8)?;
/// assert!(layers.contains(&Value::Int(8)));
/// # Ok::<(), tunefork_space::DomainError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Domain {
    /// Real numbers from `low` to `high`.
    #[non_exhaustive]
    Float {
        /// The smallest value, finite; above zero if `log`.
        low: f64,
        /// The largest value, finite and on the grid if there is a step.
        high: f64,
        /// Whether equal ratios, not equal differences, are equally likely.
        log: bool,
        /// Distance of neighbouring values; `None` when all numbers in between are allowed.
        step: Option<f64>,
    },
    /// Whole numbers from `low` to `high`.
    #[non_exhaustive]
    Int {
        /// The smallest value; at least 1 if `log`.
        low: i64,
        /// The largest value, on the grid of the step.
        high: i64,
        /// Whether equal ratios, not equal differences, are equally likely.
        log: bool,
        /// Distance of neighbouring values; 1 on a log domain.
        step: i64,
    },
    /// One of a list.
    #[non_exhaustive]
    Categorical {
        /// The list, without repetitions.
        choices: Vec<Value>,
    },
}

impl Domain {
    /// Real numbers in [`low`, `high`], all equally likely.
    ///
    /// # Errors
    /// Bounds that are not finite or stand the wrong way round.
    pub fn uniform(low: f64, high: f64) -> Result<Self, DomainError> {
        for (bound, value) in [("low", low), ("high", high), ("high - low", high - low)] {
            if !value.is_finite() {
                return Err(DomainError::NotFinite { bound, value });
            }
        }
        if low > high {
            return Err(DomainError::Reversed { low: low.into(), high: high.into() });
        }
        Ok(Self::Float { low, high, log: false, step: None })
    }

    /// Real numbers in [`low`, `high`], equally likely per factor: as many between 0.001 and 0.01 as
    /// between 0.01 and 0.1.
    ///
    /// # Errors
    /// As [`Domain::uniform`]; also a `low` of zero or less.
    pub fn log(low: f64, high: f64) -> Result<Self, DomainError> {
        Self::uniform(low, high)?;
        if low <= 0.0 {
            return Err(DomainError::LogNotPositive { low: low.into() });
        }
        Ok(Self::Float { low, high, log: true, step: None })
    }

    /// Whole numbers from `low` to `high`, both included.
    ///
    /// # Errors
    /// Bounds that stand the wrong way round or lie beyond ±2⁵².
    pub fn int(low: i64, high: i64) -> Result<Self, DomainError> {
        for (bound, value) in [("low", low), ("high", high)] {
            if !(-LARGEST_INT..=LARGEST_INT).contains(&value) {
                return Err(DomainError::IntTooLarge { bound, value });
            }
        }
        if low > high {
            return Err(DomainError::Reversed { low: low.into(), high: high.into() });
        }
        Ok(Self::Int { low, high, log: false, step: 1 })
    }

    /// Whole numbers from `low` to `high`, equally likely per factor.
    ///
    /// # Errors
    /// As [`Domain::int`]; also a `low` below 1.
    pub fn int_log(low: i64, high: i64) -> Result<Self, DomainError> {
        Self::int(low, high)?;
        if low < 1 {
            return Err(DomainError::LogNotPositive { low: low.into() });
        }
        Ok(Self::Int { low, high, log: true, step: 1 })
    }

    /// One of the given values.
    ///
    /// # Errors
    /// No values, or one that stands twice.
    pub fn choice<V: Into<Value>>(choices: impl IntoIterator<Item = V>) -> Result<Self, DomainError> {
        let choices: Vec<Value> = choices.into_iter().map(Into::into).collect();
        if choices.is_empty() {
            return Err(DomainError::NoChoices);
        }
        for (i, choice) in choices.iter().enumerate() {
            if choices[..i].contains(choice) {
                return Err(DomainError::DuplicateChoice { choice: choice.clone() });
            }
        }
        Ok(Self::Categorical { choices })
    }

    /// The same bounds with values only every `step` from `low` on. `high` is lowered onto this
    /// grid, in decimal arithmetic: 0 to 1 by 0.3 ends at 0.9.
    ///
    /// # Errors
    /// A step that is not positive and finite (whole for integers) or too fine for the range; a
    /// step on a log range or on choices.
    pub fn with_step(self, step: f64) -> Result<Self, DomainError> {
        let bad_step = || DomainError::BadStep { step: step.into() };
        if !(step.is_finite() && step > 0.0) {
            return Err(bad_step());
        }
        match self {
            Self::Float { log: true, .. } | Self::Int { log: true, .. } => {
                Err(DomainError::LogWithStep { step: step.into() })
            }
            Self::Float { low, high, .. } => {
                let grid = StepGrid::new(low, high, step).ok_or(DomainError::TooManySteps { low, high, step })?;
                Ok(Self::Float { low, high: grid.point(grid.points() - 1), log: false, step: Some(step) })
            }
            Self::Int { low, high, .. } => {
                if step != step.trunc() || step > LARGEST_INT as f64 {
                    return Err(bad_step());
                }
                let step = step as i64;
                Ok(Self::Int { low, high: low + (high - low) / step * step, log: false, step })
            }
            Self::Categorical { .. } => Err(DomainError::ChoiceWithStep { step: step.into() }),
        }
    }

    /// How many values there are; `None` when infinitely many (a float range without a step).
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::Float { low, high, .. } if low == high => Some(1),
            Self::Float { step: None, .. } => None,
            Self::Float { .. } => self.float_grid().map(|grid| grid.points()),
            Self::Int { low, high, step, .. } => Some(((high - low) / step) as u64 + 1),
            Self::Categorical { choices } => Some(choices.len() as u64),
        }
    }

    /// Whether there is only one value, so that there is nothing to search.
    pub fn is_single(&self) -> bool {
        match self {
            Self::Float { low, high, .. } => low == high,
            Self::Int { low, high, .. } => low == high,
            Self::Categorical { choices } => choices.len() == 1,
        }
    }

    /// Whether the values are choices without an order.
    pub fn is_categorical(&self) -> bool {
        matches!(self, Self::Categorical { .. })
    }

    /// The internal value number `k`, from the smallest on; beyond the last, the last. On a
    /// continuous domain always `low`.
    pub fn nth(&self, k: u64) -> f64 {
        match self {
            Self::Float { low, .. } => self.float_grid().map_or(*low, |grid| grid.point(k)),
            Self::Int { low, high, step, .. } => {
                let last = (high - low) / step;
                let k = i64::try_from(k).unwrap_or(last).min(last);
                (low + k * step) as f64
            }
            Self::Categorical { choices } => k.min(choices.len() as u64 - 1) as f64,
        }
    }

    /// Which number [`Domain::nth`] gives to an internal value; `None` when the value is not in the
    /// domain or the domain is continuous.
    pub fn rank(&self, internal: f64) -> Option<u64> {
        let last = self.size()? - 1;
        let (position, step) = match self {
            Self::Float { low, step, .. } => {
                let step = step.unwrap_or(1.0);
                ((internal - low) / step, step)
            }
            Self::Int { low, step, .. } => {
                let step = *step as f64;
                ((internal - *low as f64) / step, step)
            }
            Self::Categorical { .. } => (internal, 1.0),
        };
        let nearest = position.round();
        if !(0.0..=last as f64).contains(&nearest) {
            return None;
        }
        // Grid values computed by others may be off by some rounding, or by Optuna's 1e-8 of a step.
        let slack = 1e-8 * step + 4.0 * f64::EPSILON * internal.abs();
        let rank = nearest as u64;
        ((internal - self.nth(rank)).abs() <= slack).then_some(rank)
    }

    /// All internal values in order; `None` when there are infinitely many. The list is as long as
    /// [`Domain::size`] says: ask that first.
    pub fn grid(&self) -> Option<Vec<f64>> {
        self.size().map(|size| (0..size).map(|k| self.nth(k)).collect())
    }

    /// Whether the value is in the domain.
    pub fn contains(&self, value: &Value) -> bool {
        self.to_internal(value).is_ok()
    }

    /// Whether the internal value is in the domain; never for NaN.
    pub fn contains_internal(&self, internal: f64) -> bool {
        match self {
            Self::Float { low, high, step: None, .. } => (*low..=*high).contains(&internal),
            Self::Float { .. } | Self::Int { .. } | Self::Categorical { .. } => self.rank(internal).is_some(),
        }
    }

    /// The internal value: the float itself (grid values rounded onto the grid), the integer as a
    /// float, or the index of the choice. Whole numbers are accepted for floats and the other way
    /// round.
    ///
    /// # Errors
    /// [`DomainError::Outside`] for a value that is not in the domain.
    pub fn to_internal(&self, value: &Value) -> Result<f64, DomainError> {
        let internal = match self {
            Self::Float { .. } => value.as_f64(),
            Self::Int { .. } => value.as_i64().map(|value| value as f64),
            Self::Categorical { choices } => position(choices, value).map(|index| index as f64),
        };
        internal
            .filter(|&internal| self.contains_internal(internal))
            .map(|internal| self.rank(internal).map_or(internal, |k| self.nth(k)))
            .ok_or_else(|| DomainError::Outside { value: value.clone(), domain: self.to_string() })
    }

    /// The external value of an internal one; internal values outside the domain are moved to its
    /// nearest end.
    pub fn to_value(&self, internal: f64) -> Value {
        match self {
            Self::Float { low, high, .. } => Value::Float(internal.max(*low).min(*high)),
            Self::Int { low, high, .. } => Value::Int((internal as i64).clamp(*low, *high)),
            Self::Categorical { choices } => choices[(internal as usize).min(choices.len() - 1)].clone(),
        }
    }

    /// The step grid of a stepped float range.
    fn float_grid(&self) -> Option<StepGrid> {
        match *self {
            Self::Float { low, high, step: Some(step), .. } => StepGrid::new(low, high, step),
            Self::Float { .. } | Self::Int { .. } | Self::Categorical { .. } => None,
        }
    }
}

/// The place of `value` among the choices; a number also finds a choice of the other numeric kind.
fn position(choices: &[Value], value: &Value) -> Option<usize> {
    let same = choices.iter().position(|choice| choice == value);
    same.or_else(|| {
        let number = value.as_f64()?;
        choices.iter().position(|choice| choice.as_f64() == Some(number))
    })
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float { low, high, log, step } => {
                write!(f, "[{low:?}, {high:?}]{}", if *log { " (log)" } else { "" })?;
                step.map_or(Ok(()), |step| write!(f, " by {step:?}"))
            }
            Self::Int { low, high, log, step } => {
                write!(f, "integers {low} to {high}{}", if *log { " (log)" } else { "" })?;
                if *step == 1 { Ok(()) } else { write!(f, " by {step}") }
            }
            Self::Categorical { choices } => {
                let choices: Vec<String> = choices.iter().map(Value::to_string).collect();
                write!(f, "{{{}}}", choices.join(", "))
            }
        }
    }
}
