//! Domains cut into parts that can be counted.

use tunefork_charts::Extent;
use tunefork_space::Domain;

/// Whole numbers of which there are no more than these stand for themselves.
const MOST_NUMBERS: i64 = 12;

/// The parts of a domain: its choices, its few whole numbers, or equal ranges of it.
pub(crate) enum Ranges<'a> {
    Choices(usize),
    Numbers { low: i64, count: usize },
    Equal { domain: &'a Domain, low: f64, high: f64, count: usize },
}

/// Whether each number of a domain has a place of its own.
pub(crate) fn has_few_numbers(domain: &Domain) -> Option<(i64, i64)> {
    match *domain {
        Domain::Int { low, high, log: false, .. } if high.saturating_sub(low) < MOST_NUMBERS => Some((low, high)),
        Domain::Int { .. } | Domain::Float { .. } | Domain::Categorical { .. } => None,
    }
}

impl<'a> Ranges<'a> {
    /// The parts of a domain, which are `count` where it is a range.
    pub(crate) fn of(domain: &'a Domain, count: usize) -> Self {
        if let Some((low, high)) = has_few_numbers(domain) {
            return Self::Numbers { low, count: (high - low) as usize + 1 };
        }
        let (low, high) = match *domain {
            Domain::Categorical { ref choices, .. } => return Self::Choices(choices.len()),
            Domain::Float { low, high, .. } => (low, high),
            Domain::Int { low, high, .. } => (low as f64, high as f64),
        };
        Self::Equal { domain, low: domain.transform(low), high: domain.transform(high), count }
    }

    /// How many they are.
    pub(crate) fn count(&self) -> usize {
        match *self {
            Self::Choices(count) | Self::Numbers { count, .. } | Self::Equal { count, .. } => count,
        }
    }

    /// In which of them a value lies.
    pub(crate) fn place(&self, internal: f64) -> usize {
        let place = match *self {
            Self::Choices(_) => internal,
            Self::Numbers { low, .. } => internal - low as f64,
            Self::Equal { low, high, .. } if low == high => 0.0,
            Self::Equal { domain, low, high, count } => {
                (domain.transform(internal) - low) / (high - low) * count as f64
            }
        };
        (place as usize).min(self.count() - 1)
    }

    /// What one of them covers of the parameter's axis.
    pub(crate) fn extent(&self, part: usize) -> Extent {
        match *self {
            Self::Choices(_) => part.into(),
            Self::Numbers { low, .. } => {
                let middle = (low + part as i64) as f64;
                (middle - 0.5, middle + 0.5).into()
            }
            Self::Equal { domain, low, high, count } => {
                let end = |part: usize| {
                    let transformed = low + (high - low) * part as f64 / count as f64;
                    if is_log(domain) { transformed.exp() } else { transformed }
                };
                (end(part), end(part + 1)).into()
            }
        }
    }
}

fn is_log(domain: &Domain) -> bool {
    match domain {
        Domain::Float { log, .. } | Domain::Int { log, .. } => *log,
        Domain::Categorical { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_the_part_that_covers_it() {
        let domains = [
            (Domain::log(1e-4, 1e-2).unwrap(), [1e-4, 1e-3, 1e-2], [0, 3, 5]),
            (Domain::uniform(0.0, 6.0).unwrap(), [0.0, 2.5, 6.0], [0, 2, 5]),
            (Domain::int(3, 5).unwrap(), [3.0, 4.0, 5.0], [0, 1, 2]),
            (Domain::choice(["a", "b", "c"]).unwrap(), [0.0, 1.0, 2.0], [0, 1, 2]),
        ];
        for (domain, values, places) in domains {
            let ranges = Ranges::of(&domain, 6);
            assert_eq!(values.map(|value| ranges.place(value)), places, "{domain}");
            for (value, place) in values.into_iter().zip(places) {
                match ranges.extent(place) {
                    Extent::At(at) => assert_eq!(at, value),
                    Extent::Between(low, high) => {
                        assert!((low - 1e-9..=high + 1e-9).contains(&value), "{value} in {low}..{high}")
                    }
                }
            }
        }
        let one = Domain::uniform(2.0, 2.0).unwrap();
        assert_eq!(Ranges::of(&one, 6).place(2.0), 0);
    }
}
