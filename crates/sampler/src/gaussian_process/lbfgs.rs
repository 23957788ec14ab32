//! Minimising a smooth function within bounds.
//!
//! A limited-memory BFGS method (Nocedal, "Updating quasi-Newton matrices with limited storage", Mathematics of Computation
//! 35, 1980) on the variables that no bound holds, with steps projected back into the bounds (Bertsekas, "Projected Newton
//! methods for optimization problems with simple constraints", SIAM Journal on Control and Optimization 20, 1982).

/// How many steps are remembered.
const MEMORY: usize = 8;

/// How often a step is halved before the search gives up.
const HALVINGS: u32 = 20;

/// A step has to bring so much of what the slope promises (Armijo's condition).
const SUFFICIENT: f64 = 1e-4;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    /// After so many steps.
    pub(super) steps: u32,
    /// When no free variable has a larger slope than this.
    pub(super) slope: f64,
    /// When a step brought less than this.
    pub(super) gain: f64,
}

/// A remembered step, the change of the gradient along it, and 1 / their product.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    inverse: f64,
}

/// Moves `x` to a local minimum of a function within bounds (lowest and highest value per variable) and returns the
/// minimum. `function` writes the gradient to its second argument; `x` must lie within the bounds.
pub(super) fn minimise(
    x: &mut Vec<f64>,
    bounds: &[(f64, f64)],
    stop: Stop,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> f64 {
    let mut gradient = vec![0.0; x.len()];
    let mut value = function(x, &mut gradient);
    let mut pairs: Vec<Pair> = Vec::new();
    for _ in 0..stop.steps {
        let free = free(x, bounds, &gradient);
        let steepest = gradient.iter().zip(&free).map(|(slope, free)| slope.abs() * free).fold(0.0, f64::max);
        if steepest <= stop.slope {
            break;
        }
        let direction = direction(&gradient, &free, &pairs);
        // The first step is a guess: no variable moves by more than a tenth of its unit.
        let first = if pairs.is_empty() { (0.1 / steepest).min(1.0) } else { 1.0 };
        let mut along = Along { bounds, direction: &direction, gradient: &gradient, value };
        let Some((new_x, new_gradient, new_value)) = along.search(x, first, &mut function) else {
            if pairs.is_empty() {
                break;
            }
            // What was remembered misled; begin anew with the gradient alone.
            pairs.clear();
            continue;
        };
        let gain = value - new_value;
        remember(&mut pairs, difference(&new_x, x), difference(&new_gradient, &gradient));
        (*x, gradient, value) = (new_x, new_gradient, new_value);
        if gain < stop.gain {
            break;
        }
    }
    value
}

/// 1 for each variable that can move downhill, 0 for one that is held by a bound.
fn free(x: &[f64], bounds: &[(f64, f64)], gradient: &[f64]) -> Vec<f64> {
    let held = |((x, (low, high)), slope): ((&f64, &(f64, f64)), &f64)| {
        (x <= low && *slope > 0.0) || (x >= high && *slope < 0.0) || low == high
    };
    x.iter().zip(bounds).zip(gradient).map(|entry| if held(entry) { 0.0 } else { 1.0 }).collect()
}

/// The quasi-Newton direction of the free variables: minus the gradient times the inverse Hessian that the pairs describe.
fn direction(gradient: &[f64], free: &[f64], pairs: &[Pair]) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().zip(free).map(|(slope, free)| -slope * free).collect();
    let steepest = direction.clone();
    let mut shares = Vec::with_capacity(pairs.len());
    for pair in pairs.iter().rev() {
        let share = pair.inverse * dot(&pair.step, &direction);
        add(&mut direction, -share, &pair.change);
        shares.push(share);
    }
    if let Some(last) = pairs.last() {
        let scale = 1.0 / (last.inverse * dot(&last.change, &last.change));
        direction.iter_mut().for_each(|value| *value *= scale);
    }
    for (pair, share) in pairs.iter().zip(shares.into_iter().rev()) {
        let back = pair.inverse * dot(&pair.change, &direction);
        add(&mut direction, share - back, &pair.step);
    }
    direction.iter_mut().zip(free).for_each(|(value, free)| *value *= free);
    if dot(&direction, gradient) < 0.0 { direction } else { steepest }
}

/// Remembers a step if the function curves upwards along it.
fn remember(pairs: &mut Vec<Pair>, step: Vec<f64>, change: Vec<f64>) {
    let product = dot(&step, &change);
    if product > 1e-12 * dot(&change, &change) {
        if pairs.len() == MEMORY {
            pairs.remove(0);
        }
        pairs.push(Pair { step, change, inverse: 1.0 / product });
    }
}

/// A search along a direction, from a point with this gradient and value.
struct Along<'a> {
    bounds: &'a [(f64, f64)],
    direction: &'a [f64],
    gradient: &'a [f64],
    value: f64,
}

impl Along<'_> {
    /// The first of ever shorter steps that is good enough: its point, gradient and value.
    fn search(
        &mut self,
        x: &[f64],
        first: f64,
        function: &mut impl FnMut(&[f64], &mut [f64]) -> f64,
    ) -> Option<(Vec<f64>, Vec<f64>, f64)> {
        let mut length = first;
        let mut gradient = vec![0.0; x.len()];
        for _ in 0..HALVINGS {
            let moved = x.iter().zip(self.direction).zip(self.bounds);
            let point: Vec<f64> = moved.map(|((x, d), (low, high))| (x + length * d).max(*low).min(*high)).collect();
            let value = function(&point, &mut gradient);
            let promised = dot(self.gradient, &difference(&point, x));
            if value <= self.value + SUFFICIENT * promised && value < self.value {
                return Some((point, gradient, value));
            }
            length *= 0.5;
        }
        None
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn add(sum: &mut [f64], factor: f64, values: &[f64]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += factor * value);
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOP: Stop = Stop { steps: 200, slope: 1e-8, gain: 0.0 };

    /// Rosenbrock's valley and its gradient.
    fn valley(x: &[f64], gradient: &mut [f64]) -> f64 {
        let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
        gradient[0] = -2.0 * a - 400.0 * x[0] * b;
        gradient[1] = 200.0 * b;
        a * a + 100.0 * b * b
    }

    #[test]
    fn a_valley_is_followed_to_its_end() {
        let mut x = vec![-1.2, 1.0];
        let value = minimise(&mut x, &[(-5.0, 5.0); 2], STOP, valley);
        assert!(value < 1e-12 && (x[0] - 1.0).abs() < 1e-5, "{value} at {x:?}");
    }

    #[test]
    fn bounds_are_kept() {
        let mut x = vec![-1.2, 1.0];
        minimise(&mut x, &[(-2.0, 0.5), (-1.0, 2.0)], STOP, valley);
        assert!((x[0] - 0.5).abs() < 1e-9 && (x[1] - 0.25).abs() < 1e-6, "{x:?}");
        let mut x = vec![0.0, 0.3, 2.0];
        let tilted = |x: &[f64], gradient: &mut [f64]| {
            gradient.copy_from_slice(&[1.0, -2.0, 2.0 * x[2]]);
            x[0] - 2.0 * x[1] + x[2] * x[2]
        };
        minimise(&mut x, &[(-1.0, 1.0), (0.0, 1.0), (2.0, 2.0)], STOP, tilted);
        assert!(x.iter().zip([-1.0, 1.0, 2.0]).all(|(x, expected)| (x - expected).abs() < 1e-9), "{x:?}");
    }

    #[test]
    fn nothing_to_move_is_no_trouble() {
        let mut nowhere = Vec::new();
        assert_eq!(minimise(&mut nowhere, &[], STOP, |_, _| 4.0), 4.0);
        let mut x = vec![1.0];
        assert!(
            minimise(&mut x, &[(0.0, 2.0)], STOP, |_, gradient| {
                gradient[0] = f64::NAN;
                f64::NAN
            })
            .is_nan()
        );
        assert_eq!(x, [1.0]);
    }
}
