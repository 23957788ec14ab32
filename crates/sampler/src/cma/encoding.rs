//! The parameters as the search sees them: coordinates, and choices.

use tunefork_space::{Domain, Point, Space};

/// Which parameters are coordinates and which are choices; those with a single value are neither.
#[derive(Clone, Debug, Default)]
pub(super) struct Encoding {
    pub(super) coordinates: Vec<Coordinate>,
    pub(super) choices: Vec<Choice>,
}

/// A numeric parameter, whose transformed range is mapped to 0 to 1.
#[derive(Clone, Debug)]
pub(super) struct Coordinate {
    pub(super) parameter: usize,
    domain: Domain,
    low: f64,
    width: f64,
}

/// A categorical parameter.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub(super) parameter: usize,
    /// How many choices there are.
    pub(super) size: usize,
}

/// What a trial tells of its place: per coordinate the lowest and the highest place that would have led to its value (all places, if it has
/// none), per categorical parameter the place of its choice.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Observed {
    pub(super) cells: Vec<(f64, f64)>,
    pub(super) chosen: Vec<Option<usize>>,
}

/// The cell of a coordinate of which nothing is known.
const ANYWHERE: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

impl Encoding {
    pub(super) fn new(space: &Space) -> Self {
        let mut encoding = Self::default();
        for (parameter, description) in space.parameters().iter().enumerate() {
            let domain = &description.domain;
            match (domain.bounds(), domain.size()) {
                _ if domain.is_single() => {}
                (Some((low, high)), _) => {
                    let coordinate = Coordinate { parameter, domain: domain.clone(), low, width: high - low };
                    encoding.coordinates.push(coordinate);
                }
                (None, size) => encoding.choices.push(Choice { parameter, size: size.unwrap_or(1) as usize }),
            }
        }
        encoding
    }

    /// Values that are absent or outside their domains are not known.
    pub(super) fn observe(&self, point: &Point) -> Observed {
        let cell = |coordinate: &Coordinate| coordinate.cell_of(point.get(coordinate.parameter)).unwrap_or(ANYWHERE);
        let chosen = |choice: &Choice| {
            let value = point.get(choice.parameter);
            (0.0..choice.size as f64).contains(&value).then_some(value as usize)
        };
        Observed {
            cells: self.coordinates.iter().map(cell).collect(),
            chosen: self.choices.iter().map(chosen).collect(),
        }
    }

    /// The point of a space that lies at these places, without what is not active there.
    pub(super) fn point(&self, space: &Space, places: &[f64], chosen: &[usize]) -> Point {
        let mut values: Vec<f64> = space.parameters().iter().map(|parameter| parameter.domain.nth(0)).collect();
        for (coordinate, &place) in self.coordinates.iter().zip(places) {
            values[coordinate.parameter] = coordinate.internal(place);
        }
        for (choice, &chosen) in self.choices.iter().zip(chosen) {
            values[choice.parameter] = chosen as f64;
        }
        let mut point = Point::absent(space.len());
        for &index in space.topological_order() {
            if space.is_active(&point, index) {
                point.set(index, values[index]);
            }
        }
        point
    }
}

impl Coordinate {
    /// Whether all places are values of their own. Elsewhere places beyond the ends stand for the end values.
    pub(super) fn is_continuous(&self) -> bool {
        self.domain.size().is_none()
    }

    /// The internal value at a place.
    pub(super) fn internal(&self, place: f64) -> f64 {
        self.domain.untransform(self.low + place * self.width)
    }

    /// The places that stand for the same value as this one.
    pub(super) fn cell_at(&self, place: f64) -> (f64, f64) {
        self.cell_of(self.internal(place)).unwrap_or(ANYWHERE)
    }

    /// The places that stand for an internal value; `None` if it is not in the domain.
    fn cell_of(&self, internal: f64) -> Option<(f64, f64)> {
        if !self.domain.contains_internal(internal) {
            return None;
        }
        let place = |internal: f64| (self.domain.transform(internal) - self.low) / self.width;
        let Some(rank) = self.domain.rank(internal) else {
            return Some((place(internal), place(internal)));
        };
        let halfway = |lower: u64| place((self.domain.nth(lower) + self.domain.nth(lower + 1)) / 2.0);
        let last = self.domain.size().map_or(0, |size| size - 1);
        let low = if rank == 0 { f64::NEG_INFINITY } else { halfway(rank - 1) };
        let high = if rank == last { f64::INFINITY } else { halfway(rank) };
        Some((low, high))
    }
}

#[cfg(test)]
mod tests {
    use tunefork_space::Parameter;

    use super::*;

    fn coordinate(domain: Domain) -> Coordinate {
        let space = Space::new(vec![Parameter::new("x", domain)]).unwrap();
        Encoding::new(&space).coordinates.remove(0)
    }

    #[test]
    fn cells_stand_for_their_values() {
        for domain in [
            Domain::int(-3, 4).unwrap(),
            Domain::int_log(1, 100).unwrap(),
            Domain::int(16, 512).unwrap().with_step(16.0).unwrap(),
            Domain::uniform(0.0, 1.0).unwrap().with_step(0.3).unwrap(),
        ] {
            let coordinate = coordinate(domain.clone());
            for value in domain.grid().unwrap() {
                let (low, high) = coordinate.cell_of(value).unwrap();
                let (low, high) = (low.max(-2.0), high.min(3.0));
                for share in [1e-9, 0.5, 1.0 - 1e-9] {
                    assert_eq!(coordinate.internal(low + share * (high - low)), value, "{domain}");
                }
                assert_eq!(coordinate.cell_at(low + 0.3 * (high - low)), coordinate.cell_of(value).unwrap());
            }
        }
    }

    #[test]
    fn continuous_values_are_places() {
        let rate = coordinate(Domain::log(1e-4, 1e-2).unwrap());
        let (low, high) = rate.cell_of(1e-3).unwrap();
        assert_eq!(low, high);
        assert!((low - 0.5).abs() < 1e-12);
        assert!((rate.internal(0.5) / 1e-3 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_in_the_domain_is_not_known() {
        let integer = coordinate(Domain::int(0, 9).unwrap());
        for value in [f64::NAN, 10.0, 0.5, f64::INFINITY] {
            assert_eq!(integer.cell_of(value), None);
        }
    }
}
