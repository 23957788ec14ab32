//! Domains: what is refused, what they contain, and the way to and from the sampled range.

use proptest::prelude::*;
use tunefork_space::{Domain, DomainError, Value};

fn message(result: Result<Domain, DomainError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn what_is_refused_is_named() {
    for (refused, expected) in [
        (Domain::uniform(2.0, 1.0), "low is 2.0, above high, which is 1.0; swap them"),
        (Domain::uniform(f64::NAN, 1.0), "low is NaN; the bounds and their distance must be finite numbers"),
        (Domain::uniform(-1e308, 1e308), "high - low is inf; the bounds and their distance must be finite numbers"),
        (Domain::log(0.0, 1.0), "low is 0.0; a log range must stay above zero (integers: 1 or more)"),
        (Domain::int_log(0, 8), "low is 0; a log range must stay above zero (integers: 1 or more)"),
        (Domain::int(3, 2), "low is 3, above high, which is 2; swap them"),
        (Domain::int(0, i64::MAX), "high is 9223372036854775807; integers must lie within ±2^52"),
        (Domain::choice([0; 0]), "there are no choices; give at least one"),
        (Domain::choice(["a", "b", "a"]), "the choice a stands twice; remove one"),
        (
            Domain::uniform(0.0, 1.0).unwrap().with_step(0.0),
            "step is 0.0; it must be positive and finite (integers: whole)",
        ),
        (Domain::int(0, 9).unwrap().with_step(1.5), "step is 1.5; it must be positive and finite (integers: whole)"),
        (
            Domain::int(0, 9).unwrap().with_step(9007199254740992.0),
            "step is 9007199254740992.0; it must be positive and finite (integers: whole)",
        ),
        (Domain::log(0.1, 1.0).unwrap().with_step(0.1), "step is 0.1 on a log range; use one or the other"),
        (
            Domain::uniform(0.0, 1.0).unwrap().with_step(1e-17),
            "step is 1e-17, too fine for the range from 0.0 to 1.0; use a larger step or none",
        ),
        (Domain::choice([1, 2]).unwrap().with_step(1.0), "choices have no step (step is 1.0); remove it"),
    ] {
        assert_eq!(message(refused), expected);
    }
}

#[test]
fn high_is_lowered_onto_the_grid() {
    let high =
        |low, high, step| Domain::uniform(low, high).unwrap().with_step(step).unwrap().grid().unwrap().pop().unwrap();
    assert_eq!(high(0.0, 1.0, 0.3), 0.9);
    assert_eq!(high(0.0, 0.3, 0.1), 0.3);
    assert_eq!(high(-0.5, 0.5, 0.4), 0.3);
    assert_eq!(high(0.0, 1.0, 2.0), 0.0);
    let units = Domain::int(16, 519).unwrap().with_step(16.0).unwrap();
    assert_eq!(units.to_value(1e9), Value::Int(512));
    assert_eq!(units.size(), Some(32));
    let largest = (1u64 << 52) as f64;
    let ends = Domain::int(-(1 << 52), 1 << 52).unwrap().with_step(largest).unwrap();
    assert_eq!(ends.grid(), Some(vec![-largest, 0.0, largest]));
}

#[test]
fn transformed_bounds_are_those_of_optuna() {
    let (low, high) = Domain::int_log(1, 8).unwrap().bounds().unwrap();
    assert!((low + std::f64::consts::LN_2).abs() < 1e-15 && (high - 2.1400661635).abs() < 1e-9);
    let quarters = Domain::uniform(0.0, 1.0).unwrap().with_step(0.25).unwrap();
    assert_eq!(quarters.bounds(), Some((-0.125, 1.125)));
    assert_eq!(Domain::uniform(-2.0, 3.0).unwrap().bounds(), Some((-2.0, 3.0)));
    assert_eq!(Domain::choice(["a", "b"]).unwrap().bounds(), None);
}

#[test]
fn singles_and_sizes() {
    for (domain, size) in [
        (Domain::uniform(0.5, 0.5), Some(1)),
        (Domain::uniform(0.0, 1.0), None),
        (Domain::log(1e-3, 1e-3), Some(1)),
        (Domain::uniform(0.0, 1.0).unwrap().with_step(1.5), Some(1)),
        (Domain::uniform(0.0, 1.0).unwrap().with_step(0.1), Some(11)),
        (Domain::int(7, 7), Some(1)),
        (Domain::int(-(1 << 52), 1 << 52), Some((1 << 53) + 1)),
        (Domain::choice([true]), Some(1)),
        (Domain::choice([true, false]), Some(2)),
    ] {
        let domain = domain.unwrap();
        assert_eq!(domain.size(), size, "{domain}");
        assert_eq!(domain.is_single(), size == Some(1), "{domain}");
    }
}

#[test]
fn values_of_the_other_numeric_kind_are_understood() {
    let dropout = Domain::uniform(0.0, 1.0).unwrap();
    assert_eq!(dropout.to_internal(&Value::Int(1)), Ok(1.0));
    let layers = Domain::int(1, 4).unwrap();
    assert_eq!(layers.to_internal(&Value::Float(2.0)), Ok(2.0));
    assert!(layers.contains(&Value::Int(4)) && !layers.contains(&Value::Float(2.5)));
    let choices = Domain::choice([Value::Null, true.into(), 2.into(), 0.5.into(), "a".into()]).unwrap();
    assert_eq!(choices.to_internal(&Value::Float(2.0)), Ok(2.0));
    assert_eq!(choices.to_internal(&Value::Null), Ok(0.0));
    assert!(!choices.contains(&Value::Bool(false)));
    let outside = layers.to_internal(&Value::Text("many".into())).unwrap_err();
    assert_eq!(outside.to_string(), "many is not in integers 1 to 4");
}

/// Sums like 0.1 + 0.2 in other programs' files are taken for the grid value they mean.
#[test]
fn values_next_to_the_grid_are_put_onto_it() {
    let tenths = Domain::uniform(0.0, 1.0).unwrap().with_step(0.1).unwrap();
    assert_eq!(tenths.to_internal(&Value::Float(0.1 + 0.2)), Ok(0.3));
    assert!(!tenths.contains(&Value::Float(0.35)));
    assert!(!tenths.contains(&Value::Float(1.1)));
    assert!(!tenths.contains(&Value::Float(f64::NAN)));
    // Optuna allows 1e-8 of a step.
    assert!(tenths.contains_internal(0.3 + 0.9e-9) && !tenths.contains_internal(0.3 + 1.1e-9));
    // Where that is less than the numbers tell apart, a few units in the last place.
    let fine = Domain::uniform(0.0, 1e6).unwrap().with_step(1e-3).unwrap();
    let value = 999_999.5f64;
    assert!(fine.contains_internal(value.next_up()) && fine.contains_internal(value.next_down()));
    assert!(!fine.contains_internal(value + 20.0 * (value.next_up() - value)));
}

#[test]
fn a_continuous_high_is_left_out_unless_it_is_all_there_is() {
    let unit = Domain::uniform(0.0, 1.0).unwrap();
    assert_eq!(unit.untransform(1.0), 1.0f64.next_down());
    assert_eq!(unit.untransform(-3.0), 0.0);
    assert_eq!(Domain::uniform(1.0, 1.0).unwrap().untransform(0.3), 1.0);
}

/// Any domain with at most some thousand values, or a continuous one.
fn any_domain() -> impl Strategy<Value = Domain> {
    let float = (-1e6..1e6, 0.0..1e6).prop_map(|(low, width)| Domain::uniform(low, low + width));
    let log = (-100.0..100.0, 0.0..50.0).prop_map(|(low, width)| Domain::log(libm::exp(low), libm::exp(low + width)));
    let stepped = (-1000i32..1000, 0i32..3000, 1i32..500, 0u32..4).prop_map(|(low, width, step, digits)| {
        let unit = 10f64.powi(-(digits as i32));
        let [low, high, step] = [low, low + width, step].map(|x| f64::from(x) * unit);
        Domain::uniform(low, high)?.with_step(step)
    });
    let int = (-5000i64..5000, 0i64..5000, 1u32..100)
        .prop_map(|(low, width, step)| Domain::int(low, low + width)?.with_step(step.into()));
    let int_log = (1i64..500, 0i64..3000).prop_map(|(low, width)| Domain::int_log(low, low + width));
    let choice = (1i64..20).prop_map(|n| Domain::choice(0..n));
    prop_oneof![float, log, stepped, int, int_log, choice].prop_map(Result::unwrap)
}

proptest! {
    /// Whatever is drawn in the transformed range, or beyond it, becomes a value of the domain.
    #[test]
    fn untransform_ends_in_the_domain(domain in any_domain(), u in -0.5..1.5) {
        let (low, high) = domain.bounds().unwrap_or((0.0, 20.0));
        let internal = domain.untransform(low + u * (high - low));
        prop_assert!(domain.contains_internal(internal), "{internal} in {domain}");
        let value = domain.to_value(internal);
        prop_assert_eq!(domain.to_internal(&value), Ok(internal));
    }

    /// Every value of a finite domain survives the way there and back, and has its own number.
    #[test]
    fn finite_domains_are_numbered(domain in any_domain()) {
        let Some(grid) = domain.grid() else { return Ok(()) };
        prop_assert_eq!(grid.len() as u64, domain.size().unwrap());
        prop_assert!(grid.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert_eq!(domain.is_categorical(), domain.bounds().is_none());
        // Beyond the ends there are the ends.
        let (first, last) = (grid[0], grid[grid.len() - 1]);
        prop_assert_eq!(domain.nth(u64::MAX), last);
        prop_assert_eq!(domain.to_value(f64::INFINITY), domain.to_value(last));
        prop_assert_eq!(domain.to_value(f64::NEG_INFINITY), domain.to_value(first));
        prop_assert!(!domain.contains_internal(first - 1.0) && !domain.contains_internal(last + 1.0));
        for (rank, &internal) in grid.iter().enumerate() {
            prop_assert_eq!(domain.rank(internal), Some(rank as u64));
            prop_assert_eq!(domain.untransform(domain.transform(internal)), internal);
        }
    }
}
