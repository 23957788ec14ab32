//! What several figures of one kind say together.

use tunefork_study::mean;

/// The value below which this share of them lies, between two neighbours as far as the share lies between theirs, as
/// numpy's default does; NaN of none.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let (below, part) = (place.floor(), place - place.floor());
    let at = |place: f64| sorted[(place as usize).min(last)];
    // Equal neighbours may be infinite.
    if part == 0.0 { at(below) } else { at(below) * (1.0 - part) + at(below + 1.0) * part }
}

/// The ranks of values from 1 on; equal ones share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    for group in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let first = order.iter().position(|place| *place == group[0]).unwrap_or(0);
        let rank = first as f64 + (group.len() + 1) as f64 / 2.0;
        group.iter().for_each(|place| ranks[*place] = rank);
    }
    ranks
}

/// How far two columns rise together, from -1 to 1: Spearman's correlation, that of their ranks. Nothing of fewer than three
/// pairs, or where a column is all one value.
pub(crate) fn rank_correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < 3 {
        return None;
    }
    let (xs, ys): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let (xs, ys) = (ranks(&xs), ranks(&ys));
    let (mx, my) = (mean(&xs), mean(&ys));
    let sum = |of: &dyn Fn(f64, f64) -> f64| xs.iter().zip(&ys).map(|(x, y)| of(x - mx, y - my)).sum::<f64>();
    let (both, x, y) = (sum(&|x, y| x * y), sum(&|x, _| x * x), sum(&|_, y| y * y));
    (x > 0.0 && y > 0.0).then(|| both / (x * y).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert_eq!(quantile(&values, 0.5), 2.5);
        assert_eq!(quantile(&values, 0.25), 1.75);
        assert_eq!(quantile(&values, 1.0), 4.0);
        assert_eq!(quantile(&[7.0], 0.3), 7.0);
        assert!(quantile(&[], 0.5).is_nan());
        assert_eq!(quantile(&[1.0, f64::INFINITY], 1.0), f64::INFINITY);
    }

    #[test]
    fn equal_values_share_their_ranks() {
        assert_eq!(ranks(&[10.0, 30.0, 20.0, 20.0]), [1.0, 4.0, 2.5, 2.5]);
        assert_eq!(ranks(&[]), [0.0; 0]);
    }

    /// scipy.stats.spearmanr([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]) is 0.8207826816681233.
    #[test]
    fn correlation_is_that_of_the_ranks() {
        let pairs = [(1.0, 5.0), (2.0, 6.0), (3.0, 7.0), (4.0, 8.0), (5.0, 7.0)];
        assert!((rank_correlation(&pairs).unwrap() - 0.8207826816681233).abs() < 1e-12);
        assert_eq!(rank_correlation(&[(1.0, 1.0), (2.0, 1.0), (3.0, 1.0)]), None);
        assert_eq!(rank_correlation(&pairs[..2]), None);
    }
}
