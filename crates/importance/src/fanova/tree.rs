//! A regression tree, grown on a resample of the points until each of its leaves has one value.

use std::ops::Range;

use tunefork_rng::Stream;

use super::cube::Cube;

/// Leaves no deeper than this, as in Optuna.
const DEEPEST: usize = 64;

/// A box of the unit cube, and the tree's value in it. A tree is its leaves: together they fill the cube.
pub(crate) struct Leaf {
    pub(crate) value: f64,
    /// For each axis from where to where the box reaches.
    pub(crate) sides: Vec<(f64, f64)>,
}

/// The points in the order of each axis; these orders serve all trees.
pub(crate) fn orders(cube: &Cube) -> Vec<Vec<u32>> {
    let order = |axis: &Vec<f64>| {
        let mut order: Vec<u32> = (0..axis.len() as u32).collect();
        order.sort_by(|a, b| axis[*a as usize].total_cmp(&axis[*b as usize]));
        order
    };
    cube.axes.iter().map(order).collect()
}

/// A tree grown on as many points as there are, drawn with replacement: L. Breiman, "Random Forests", 2001.
pub(crate) fn grow(cube: &Cube, orders: &[Vec<u32>], stream: &mut Stream) -> Vec<Leaf> {
    let points = cube.values.len();
    let mut counts = vec![0.0; points];
    (0..points).for_each(|_| counts[stream.below(points as u64) as usize] += 1.0);
    let is_drawn = |point: &u32| counts[*point as usize] > 0.0;
    let orders: Vec<Vec<u32>> = orders.iter().map(|order| order.iter().copied().filter(is_drawn).collect()).collect();
    let drawn = orders[0].len();
    let mut tree = Growing {
        cube,
        sides: vec![(0.0, 1.0); orders.len()],
        turns: (0..orders.len()).collect(),
        orders,
        is_below: vec![false; points],
        above: Vec::with_capacity(drawn),
        counts,
        leaves: Vec::with_capacity(drawn),
        stream,
    };
    tree.divide(0..drawn, 0);
    tree.leaves
}

/// Where a box is cut in two.
struct Cut {
    axis: usize,
    at: f64,
}

struct Growing<'a> {
    cube: &'a Cube,
    /// How often each point was drawn.
    counts: Vec<f64>,
    /// The drawn points in the order of each axis. Those of one box lie side by side, at the same places in all of them.
    orders: Vec<Vec<u32>>,
    /// The box that is being divided.
    sides: Vec<(f64, f64)>,
    /// The axes, in the order in which they are looked at.
    turns: Vec<usize>,
    is_below: Vec<bool>,
    /// Points above a cut, until those below have moved.
    above: Vec<u32>,
    leaves: Vec<Leaf>,
    stream: &'a mut Stream,
}

impl Growing<'_> {
    /// Divides the box whose points lie at these places.
    fn divide(&mut self, places: Range<usize>, depth: usize) {
        let (count, sum) = self.sums(places.clone());
        let Some(cut) = (depth < DEEPEST).then(|| self.best_cut(places.clone(), count, sum)).flatten() else {
            self.leaves.push(Leaf { value: sum / count, sides: self.sides.clone() });
            return;
        };
        let middle = self.part(places.clone(), &cut);
        let (low, high) = self.sides[cut.axis];
        self.sides[cut.axis] = (low, cut.at);
        self.divide(places.start..middle, depth + 1);
        self.sides[cut.axis] = (cut.at, high);
        self.divide(middle..places.end, depth + 1);
        self.sides[cut.axis] = (low, high);
    }

    /// How many draws there are at these places, and the sum of their values.
    fn sums(&self, places: Range<usize>) -> (f64, f64) {
        self.orders[0][places].iter().fold((0.0, 0.0), |(count, sum), point| {
            let times = self.counts[*point as usize];
            (count + times, sum + times * self.cube.values[*point as usize])
        })
    }

    /// The cut that leaves the least variance; none if all values are equal, or all points. In small boxes many cuts are
    /// equally good: the axes take turns by lot, for else the first would seem to matter.
    fn best_cut(&mut self, places: Range<usize>, count: f64, sum: f64) -> Option<Cut> {
        let values = &self.cube.values;
        let first = values[self.orders[0][places.start] as usize];
        if self.orders[0][places.clone()].iter().all(|point| values[*point as usize] == first) {
            return None;
        }
        self.stream.shuffle(&mut self.turns);
        let (mut best, mut cut) = (f64::NEG_INFINITY, None);
        for axis in &self.turns {
            let (at, order) = (&self.cube.axes[*axis], &self.orders[*axis][places.clone()]);
            let (mut count_below, mut sum_below) = (0.0, 0.0);
            for (point, next) in order.iter().zip(&order[1..]) {
                let times = self.counts[*point as usize];
                count_below += times;
                sum_below += times * values[*point as usize];
                let (here, there) = (at[*point as usize], at[*next as usize]);
                if here == there {
                    continue;
                }
                let sum_above = sum - sum_below;
                let explained = sum_below * sum_below / count_below + sum_above * sum_above / (count - count_below);
                if explained > best {
                    best = explained;
                    cut = Some(Cut { axis: *axis, at: between(here, there) });
                }
            }
        }
        cut
    }

    /// Moves the points below the cut before the others, each of the two parts in its old order; the place between them.
    fn part(&mut self, places: Range<usize>, cut: &Cut) -> usize {
        for point in &self.orders[cut.axis][places.clone()] {
            self.is_below[*point as usize] = self.cube.axes[cut.axis][*point as usize] <= cut.at;
        }
        let mut middle = places.start;
        for order in &mut self.orders {
            middle = places.start;
            self.above.clear();
            for place in places.clone() {
                let point = order[place];
                if self.is_below[point as usize] {
                    order[middle] = point;
                    middle += 1;
                } else {
                    self.above.push(point);
                }
            }
            order[middle..places.end].copy_from_slice(&self.above);
        }
        middle
    }
}

/// The middle of two coordinates, or the lower one where there is no number between them.
fn between(low: f64, high: f64) -> f64 {
    let middle = (low + high) / 2.0;
    if middle < high { middle } else { low }
}
