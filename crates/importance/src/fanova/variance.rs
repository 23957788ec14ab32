//! How the variance of a tree over the unit cube is made up. Nothing is sampled: a tree is constant in each of its boxes.

use super::tree::Leaf;

/// Parts of the variance of one tree, as shares of all of it: 0 to 1.
pub(crate) struct Parts {
    /// What each axis explains alone.
    pub(crate) alone: Vec<f64>,
    /// What two axes explain together, beyond what each does alone: (0, 1), (0, 2) … (1, 2) …
    pub(crate) together: Vec<f64>,
}

/// The pairs of so many axes, in the order of [`Parts::together`].
pub(crate) fn pairs(axes: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..axes).flat_map(move |a| (a + 1..axes).map(move |b| (a, b)))
}

/// Of values up to 1 a smaller variance is rounding.
const LEAST: f64 = 1e-24;

/// The parts of a tree that has a variance.
pub(crate) fn parts(leaves: &[Leaf]) -> Option<Parts> {
    let tree = Tree::new(leaves);
    let total: f64 = tree.boxes.iter().map(|of| of.volume * of.value * of.value).sum();
    if total < LEAST {
        return None;
    }
    // Rounding leaves some shares a little outside.
    let share = |variance: f64| (variance / total).clamp(0.0, 1.0);
    let axes = leaves[0].sides.len();
    let alone: Vec<f64> = (0..axes).map(|axis| tree.explained(axis, axes)).collect();
    let together = pairs(axes).map(|(a, b)| share(tree.explained(a, b) - alone[a] - alone[b])).collect();
    Some(Parts { alone: alone.into_iter().map(share).collect(), together })
}

/// A leaf on the grid of all cuts of its tree.
struct GridBox {
    /// Around the tree's mean.
    value: f64,
    volume: f64,
    sides: Vec<Side>,
}

/// A side of a box.
struct Side {
    length: f64,
    /// Its first cell.
    first: usize,
    /// The cell behind its last one.
    end: usize,
}

/// The leaves of a tree. A last axis is added that is never cut: the pair of it and another is this other alone.
struct Tree {
    boxes: Vec<GridBox>,
    /// For each axis the widths of the cells between its cuts.
    widths: Vec<Vec<f64>>,
}

impl Tree {
    fn new(leaves: &[Leaf]) -> Self {
        let axes = leaves[0].sides.len();
        let cuts: Vec<Vec<f64>> = (0..axes).map(|axis| cuts(leaves.iter().map(|leaf| leaf.sides[axis]))).collect();
        let mut widths: Vec<Vec<f64>> =
            cuts.iter().map(|cuts| cuts.windows(2).map(|c| c[1] - c[0]).collect()).collect();
        widths.push(vec![1.0]);
        let place = |cuts: &[f64], at: f64| cuts.partition_point(|cut| *cut < at);
        let side = |((low, high), cuts): (&(f64, f64), &Vec<f64>)| Side {
            length: high - low,
            first: place(cuts, *low),
            end: place(cuts, *high),
        };
        let whole = || Side { length: 1.0, first: 0, end: 1 };
        let boxes = leaves.iter().map(|leaf| {
            let sides: Vec<Side> = leaf.sides.iter().zip(&cuts).map(side).chain([whole()]).collect();
            GridBox { value: leaf.value, volume: sides.iter().map(|side| side.length).product(), sides }
        });
        // Between neighbouring numbers a box may be flat.
        let mut boxes: Vec<GridBox> = boxes.filter(|of| of.volume > 0.0).collect();
        let mean: f64 = boxes.iter().map(|of| of.volume * of.value).sum();
        boxes.iter_mut().for_each(|of| of.value -= mean);
        Self { boxes, widths }
    }

    /// The variance of the marginal over two axes: the tree's mean over all others.
    fn explained(&self, a: usize, b: usize) -> f64 {
        let (rows, columns) = (&self.widths[a], &self.widths[b]);
        // Each box is written into its four corners; sums along rows and columns spread it.
        let stride = columns.len() + 1;
        let mut corners = vec![0.0; (rows.len() + 1) * stride];
        for of in &self.boxes {
            let (down, along) = (&of.sides[a], &of.sides[b]);
            let part = of.value * of.volume / (down.length * along.length);
            corners[down.first * stride + along.first] += part;
            corners[down.first * stride + along.end] -= part;
            corners[down.end * stride + along.first] -= part;
            corners[down.end * stride + along.end] += part;
        }
        let mut variance = 0.0;
        let mut down = vec![0.0; stride];
        for (row, height) in corners.chunks_exact(stride).zip(rows) {
            down.iter_mut().zip(row).for_each(|(down, corner)| *down += corner);
            let (mut marginal, mut squares) = (0.0, 0.0);
            for (down, width) in down.iter().zip(columns) {
                marginal += down;
                squares += width * marginal * marginal;
            }
            variance += height * squares;
        }
        variance
    }
}

/// All ends of these sides, in order: from 0 to 1.
fn cuts(sides: impl Iterator<Item = (f64, f64)>) -> Vec<f64> {
    let mut cuts: Vec<f64> = sides.flat_map(|(low, high)| [low, high]).collect();
    cuts.sort_by(f64::total_cmp);
    cuts.dedup();
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(value: f64, sides: [(f64, f64); 2]) -> Leaf {
        Leaf { value, sides: sides.to_vec() }
    }

    #[track_caller]
    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-15, "{found}, not {expected}");
    }

    /// By hand: 4 in a corner of a half by a quarter, else 0. Mean 1/2, variance 7/4; means over the one axis 1 and 0, over the
    /// other 2 and 0.
    #[test]
    fn a_corner() {
        let leaves = [
            leaf(4.0, [(0.0, 0.5), (0.0, 0.25)]),
            leaf(0.0, [(0.0, 0.5), (0.25, 1.0)]),
            leaf(0.0, [(0.5, 1.0), (0.0, 1.0)]),
        ];
        let parts = parts(&leaves).expect("a variance");
        assert_near(parts.alone[0], 0.25 / 1.75);
        assert_near(parts.alone[1], 0.75 / 1.75);
        assert_near(parts.together[0], 0.75 / 1.75);
    }

    #[test]
    fn one_leaf_has_no_variance() {
        assert!(parts(&[leaf(3.0, [(0.0, 1.0), (0.0, 1.0)])]).is_none());
    }
}
