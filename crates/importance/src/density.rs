//! How likely each cell is, estimated from counts.

use std::f64::consts::FRAC_1_SQRT_2;

/// Whether cells have neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    Choice,
}

/// Probabilities of all cells: a kernel for each cell that was hit, weighted by its hits, and the weight of one hit for
/// a kernel that knows nothing.
pub(crate) fn density(kind: Kind, counts: &[f64]) -> Vec<f64> {
    let total = counts.iter().sum::<f64>() + 1.0;
    let hit: Vec<usize> = (0..counts.len()).filter(|cell| counts[*cell] > 0.0).collect();
    let mut density = vec![0.0; counts.len()];
    let mut add = |weight: f64, kernel: &dyn Fn(usize) -> f64| {
        density.iter_mut().enumerate().for_each(|(cell, density)| *density += weight / total * kernel(cell));
    };
    let cells = counts.len() as f64;
    match kind {
        Kind::Number => {
            let width = scott_width(counts, &hit);
            hit.iter().for_each(|hit| add(counts[*hit], &normal(*hit as f64, width, cells)));
            add(1.0, &normal((cells - 1.0) / 2.0, cells, cells));
        }
        Kind::Choice => {
            // As in TPE: each kernel shares the weight 1 of what is not known among all choices.
            let share = 1.0 / (hit.len() + 1) as f64;
            let all = 1.0 + cells * share;
            let of = |hit: usize| move |cell: usize| if cell == hit { (1.0 + share) / all } else { share / all };
            hit.iter().for_each(|hit| add(counts[*hit], &of(*hit)));
            add(1.0, &|_| 1.0 / cells);
        }
    }
    density
}

/// The width, in cells, of the kernels for so many hits, by Scott's rule: D. W. Scott, "Multivariate Density Estimation",
/// 1992.
fn scott_width(counts: &[f64], hit: &[usize]) -> f64 {
    // 90 % of a kernel lie in its cell then.
    const LEAST: f64 = 0.5 / 1.64;
    let total: f64 = counts.iter().sum();
    let weighted = |of: &dyn Fn(f64) -> f64| hit.iter().map(|cell| counts[*cell] * of(*cell as f64)).sum::<f64>();
    let mean = weighted(&|cell| cell) / total;
    let variance = weighted(&|cell| (cell - mean) * (cell - mean)) / (total - 1.0).max(1.0);
    let cumulated: Vec<f64> = hit
        .iter()
        .scan(0.0, |sum, cell| {
            *sum += counts[*cell];
            Some(*sum)
        })
        .collect();
    let quartile = |place: usize| hit[place.min(hit.len() - 1)] as f64;
    let first = quartile(cumulated.partition_point(|sum| *sum < (total / 4.0).floor()));
    let third = quartile(cumulated.partition_point(|sum| *sum <= (total * 3.0 / 4.0).floor()));
    let width = 1.059 * ((third - first) / 1.34).min(variance.sqrt()) * libm::pow(total, -0.2);
    width.max(LEAST)
}

/// The share of each of `cells` cells in a normal distribution cut off at the outer edges.
fn normal(mean: f64, width: f64, cells: f64) -> impl Fn(usize) -> f64 {
    let mass = move |from: f64, to: f64| normal_mass((from - mean) / width, (to - mean) / width);
    let inside = mass(-0.5, cells - 0.5);
    move |cell| mass(cell as f64 - 0.5, cell as f64 + 0.5) / inside
}

/// The mass of the standard normal distribution from `from` to `to`, by the tail that is not near 1.
fn normal_mass(from: f64, to: f64) -> f64 {
    let below = |x: f64| 0.5 * libm::erfc(-x * FRAC_1_SQRT_2);
    if from > 0.0 { below(-from) - below(-to) } else { below(to) - below(from) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_add_up_to_one() {
        for counts in [vec![0.0, 3.0, 0.0, 1.0, 9.0], vec![1.0, 0.0], vec![0.0; 7]] {
            for kind in [Kind::Choice, Kind::Number] {
                if counts.iter().any(|count| *count > 0.0) || kind == Kind::Choice {
                    let sum: f64 = density(kind, &counts).iter().sum();
                    assert!((sum - 1.0).abs() < 1e-12, "{kind:?} {counts:?}: {sum}");
                }
            }
        }
    }

    /// By hand: hits 2 and 1 of three choices, kernels (4/3, 1/3, 1/3) / 2 and the prior's thirds, weights 2, 1 and 1 of 4.
    #[test]
    fn choices_that_were_hit_are_likelier() {
        let density = density(Kind::Choice, &[2.0, 1.0, 0.0]);
        let expected = [2.0 / 3.0 * 0.5 + 1.0 / 24.0 + 1.0 / 12.0, 1.0 / 12.0 + 4.0 / 24.0 + 1.0 / 12.0];
        assert!((density[0] - expected[0]).abs() < 1e-15, "{density:?}");
        assert!((density[1] - expected[1]).abs() < 1e-15, "{density:?}");
    }

    #[test]
    fn what_is_far_away_keeps_a_mass() {
        assert!(normal_mass(20.0, 21.0) > 0.0 && normal_mass(-21.0, -20.0) > 0.0);
        assert_eq!(normal_mass(20.0, 21.0), normal_mass(-21.0, -20.0));
    }
}
