//! A parameter's values, counted in the cells of a grid.

use tunefork_space::Domain;

/// Cells of a domain without a step, and of one with more values than these.
const MOST: usize = 50;

/// The cells of one domain.
#[derive(Debug)]
pub(crate) struct Cells {
    /// Their number; 1 if the domain has only one value.
    pub(crate) count: usize,
    low: f64,
    /// Their width, in the units of [`Domain::transform`].
    width: f64,
}

impl Cells {
    /// Choices are a cell each. Numbers have cells of equal width, on a log domain in its logarithms, the first and the
    /// last of them around the bounds.
    pub(crate) fn of(domain: &Domain) -> Self {
        let (low, high, count) = match domain {
            Domain::Categorical { choices, .. } => {
                return Self { count: choices.len(), low: 0.0, width: 1.0 };
            }
            Domain::Float { low, high, .. } => (*low, *high, None),
            // Doublings: small numbers would have several cells each otherwise.
            Domain::Int { low, high, log: true, .. } => {
                let size = (high - low + 1) as f64;
                (*low as f64, *high as f64, Some(libm::ceil(libm::log2(size)) as usize + 1))
            }
            Domain::Int { low, high, .. } => (*low as f64, *high as f64, None),
        };
        let values = || domain.size().map_or(MOST, |size| size.min(MOST as u64) as usize);
        let count = count.unwrap_or_else(values).clamp(1, MOST);
        let (low, high) = (domain.transform(low), domain.transform(high));
        Self { count, low, width: (high - low) / (count.max(2) - 1) as f64 }
    }

    /// How many of these internal values lie in each cell.
    pub(crate) fn count_of(&self, domain: &Domain, values: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut counts = vec![0.0; self.count];
        for value in values {
            counts[self.index(domain.transform(value))] += 1.0;
        }
        counts
    }

    /// The cell of a transformed value; one that lies between two belongs to the lower one.
    fn index(&self, transformed: f64) -> usize {
        if self.count == 1 {
            return 0;
        }
        let cell = libm::ceil((transformed - self.low) / self.width - 0.5);
        // Negative numbers become 0.
        (cell as usize).min(self.count - 1)
    }
}
