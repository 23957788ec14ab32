//! What several figures of one kind say together.

use crate::MemberReport;

/// The mean; NaN of none.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sample standard deviation, with one less than their number as divisor; nothing of fewer than two.
///
/// ```
/// assert_eq!(tunefork_study::deviation(&[1.0, 2.0, 3.0]), Some(1.0));
/// assert_eq!(tunefork_study::deviation(&[1.0]), None);
/// ```
pub fn deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mean = mean(values);
    let squares = values.iter().map(|value| (value - mean) * (value - mean));
    Some((squares.sum::<f64>() / (values.len() - 1) as f64).sqrt())
}

/// The sample standard deviation of the values of a trial's trainings; nothing of fewer than two.
pub fn deviation_of(members: &[MemberReport]) -> Option<f64> {
    let values: Vec<f64> = members.iter().map(|report| report.value).collect();
    deviation(&values)
}
