//! Functions whose variance is known, and what holds for all.

use proptest::prelude::*;
use tunefork_importance::{Effects, Fanova, fanova};
use tunefork_rng::{Key, Purpose};
use tunefork_space::{Domain, Parameter, Space};
use tunefork_trial::{Direction, History, TrialState};

/// A study of uniform parameters in [0, 1], with their points.
fn study(names: &[&str], points: &[Vec<f64>], value: impl Fn(&[f64]) -> f64) -> History {
    let unit = |name: &&str| Parameter::new(*name, Domain::uniform(0.0, 1.0).unwrap());
    let mut history = History::new(Space::new(names.iter().map(unit).collect()).unwrap(), Direction::Minimize);
    points.iter().for_each(|point| complete(&mut history, point, value(point)));
    history
}

fn complete(history: &mut History, point: &[f64], value: f64) {
    let number = history.next_number();
    history.start(number, point.to_vec().into()).unwrap();
    history.finish(number, TrialState::Complete, Some(value)).unwrap();
}

fn points(count: usize, axes: usize) -> Vec<Vec<f64>> {
    let mut stream = Key::study(5).stream(Purpose::Generate);
    (0..count).map(|_| (0..axes).map(|_| stream.f64()).collect()).collect()
}

fn explained(effects: &Effects, name: &str) -> f64 {
    effects.main.iter().find(|of| of.parameter == name).expect("a parameter").explained
}

fn together(effects: &Effects, names: [&str; 2]) -> f64 {
    effects.interactions.iter().find(|of| of.parameters == names).expect("a pair").explained
}

#[track_caller]
fn assert_near(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "{found}, not {expected}");
}

/// Each of 3 x 3 x 3 points twenty times: any tree finds such a function exactly.
fn of_thirds(value: impl Fn(f64, f64, f64) -> f64) -> Effects {
    let third = |name| Parameter::new(name, Domain::int(-1, 1).unwrap());
    let space = Space::new(["x", "y", "z"].map(third).into()).unwrap();
    let mut history = History::new(space, Direction::Minimize);
    for number in 0..540 {
        let [x, y, z] = [1, 3, 9].map(|of| f64::from(number / of % 3 - 1));
        complete(&mut history, &[x, y, z], value(x, y, z));
    }
    fanova(&history, Fanova::default())
}

/// Variances 4 and 1 of 5, nothing together.
#[test]
fn a_sum_is_explained_by_each_of_its_parts() {
    let effects = of_thirds(|x, _, z| 2.0 * x + z + 7.0);
    assert_near(explained(&effects, "x"), 0.8, 1e-12);
    assert_near(explained(&effects, "z"), 0.2, 1e-12);
    assert_near(explained(&effects, "y"), 0.0, 1e-12);
    assert!(effects.interactions.iter().all(|of| of.explained < 1e-12), "{effects:?}");
    assert!(effects.main.iter().all(|of| of.deviation < 1e-12), "{effects:?}");
    let order: Vec<&str> = effects.main.iter().map(|of| of.parameter.as_str()).collect();
    assert_eq!(order, ["x", "z", "y"]);
}

#[test]
fn a_product_is_explained_by_both_together() {
    let effects = of_thirds(|x, _, z| x * z);
    assert_eq!(effects.interactions[0].parameters, ["x", "z"]);
    assert_near(together(&effects, ["x", "z"]), 1.0, 1e-12);
    assert!(effects.main.iter().all(|of| of.explained < 1e-12), "{effects:?}");
}

/// Neither one nor two of three factors tell anything.
#[test]
fn what_three_explain_together_is_the_rest() {
    let effects = of_thirds(|x, y, z| x * y * z);
    assert_near(effects.rest(), 1.0, 1e-12);
}

/// 3 x + 2 y + z at any points: variances 9, 4 and 1 of 14. A forest of so many points smooths a little.
#[test]
fn a_smooth_sum_is_nearly_found() {
    let history = study(&["nothing", "x", "y", "z"], &points(1000, 4), |at| 3.0 * at[1] + 2.0 * at[2] + at[3]);
    let effects = fanova(&history, Fanova::default());
    assert_near(explained(&effects, "x"), 9.0 / 14.0, 0.03);
    assert_near(explained(&effects, "y"), 4.0 / 14.0, 0.03);
    assert_near(explained(&effects, "z"), 1.0 / 14.0, 0.03);
    assert!(explained(&effects, "nothing") < 0.002, "{effects:?}");
}

/// Choices count the same, whatever their order: 3 of 4 give 0, one 1, and a rate acts by its logarithm.
#[test]
fn choices_and_logarithms_have_their_own_measure() {
    let space = Space::new(vec![
        Parameter::new("kind", Domain::choice(["a", "b", "c", "d"]).unwrap()),
        Parameter::new("rate", Domain::log(1e-4, 1.0).unwrap()),
    ]);
    let mut history = History::new(space.unwrap(), Direction::Maximize);
    for at in points(600, 2) {
        let (kind, rate) = ((at[0] * 4.0).floor(), libm::pow(10.0, -4.0 * at[1]));
        complete(&mut history, &[kind, rate], f64::from(kind == 2.0) + f64::from(rate < 1e-2));
    }
    let effects = fanova(&history, Fanova::default());
    // Variances: 3/16 and 1/4.
    assert_near(explained(&effects, "kind"), 3.0 / 7.0, 0.01);
    assert_near(explained(&effects, "rate"), 4.0 / 7.0, 0.01);
}

/// A momentum that only one of two choices has, and moves results by 1 there: f = [sgd] (m + ½). Over the whole space it has
/// a variance of 1/48 alone, the choice 1/4, both together 1/48.
#[test]
fn a_parameter_under_a_condition_is_weighted_by_how_often_it_exists() {
    let space = Space::new(vec![
        Parameter::new("kind", Domain::choice(["sgd", "adam"]).unwrap()),
        Parameter::new("momentum", Domain::uniform(0.0, 1.0).unwrap()).when("kind", ["sgd"]),
    ]);
    let mut history = History::new(space.unwrap(), Direction::Minimize);
    for at in points(600, 2) {
        let is_sgd = at[0] < 0.5;
        let point = if is_sgd { [0.0, at[1]] } else { [1.0, f64::NAN] };
        complete(&mut history, &point, if is_sgd { at[1] + 0.5 } else { 0.0 });
    }
    let effects = fanova(&history, Fanova::default());
    let all = 1.0 / 4.0 + 2.0 / 48.0;
    assert_near(explained(&effects, "kind"), 0.25 / all, 0.02);
    assert_near(explained(&effects, "momentum"), 1.0 / 48.0 / all, 0.02);
    assert_near(together(&effects, ["kind", "momentum"]), 1.0 / 48.0 / all, 0.02);
}

#[test]
fn of_fewer_than_two_completed_trials_nothing_is_known() {
    let history = study(&["x"], &points(1, 1), |at| at[0]);
    assert_eq!(fanova(&history, Fanova::default()), Effects::default());
}

#[test]
fn equal_results_are_explained_by_nothing() {
    let history = study(&["x", "y"], &points(20, 2), |_| 0.1);
    let effects = fanova(&history, Fanova::default());
    assert_eq!(effects.rest(), 0.0);
    assert!(effects.main.iter().all(|of| (of.explained, of.deviation, of.share) == (0.0, 0.0, 0.0)));
}

#[test]
fn what_does_not_vary_explains_nothing() {
    let mut history = study(&["x"], &[], |_| 0.0);
    history.add_parameter(Parameter::new("one", Domain::int(3, 3).unwrap())).unwrap();
    history.add_parameter(Parameter::new("never", Domain::uniform(0.0, 1.0).unwrap())).unwrap();
    points(50, 1).iter().for_each(|at| complete(&mut history, &[at[0], 3.0, f64::NAN], at[0]));
    let effects = fanova(&history, Fanova::default());
    let shares: Vec<(&str, f64)> = effects.main.iter().map(|of| (of.parameter.as_str(), of.share)).collect();
    assert_eq!(shares, [("x", 1.0), ("one", 0.0), ("never", 0.0)]);
    assert_eq!(effects.interactions, []);
}

/// The best and the worst stay, and what is left of 3,000 trials says the same.
#[test]
fn of_many_trials_some_are_taken() {
    let history = study(&["x", "y"], &points(3000, 2), |at| 2.0 * at[0] + at[1]);
    let effects = fanova(&history, Fanova { trials: 300, ..Fanova::default() });
    assert_eq!(effects.trials, 300);
    assert_near(explained(&effects, "x"), 0.8, 0.03);
    let all = fanova(&history, Fanova { trees: 8, ..Fanova::default() });
    assert_eq!(all.trials, 2000);
}

/// Any trials at all: few values, so that many are equal, and absent ones.
fn trials() -> impl Strategy<Value = Vec<(Vec<f64>, f64)>> {
    let coordinate =
        prop_oneof![3 => (0..5_u8).prop_map(|at| f64::from(at) / 4.0), 1 => 0.0..=1.0, 1 => Just(f64::NAN)];
    let value = prop_oneof![(0..3_i8).prop_map(f64::from), any::<f64>()];
    proptest::collection::vec((proptest::collection::vec(coordinate, 3), value), 2..40)
        .prop_map(|trials| trials.into_iter().filter(|(_, value)| value.is_finite()).collect())
}

fn of(trials: &[(Vec<f64>, f64)]) -> History {
    let mut history = study(&["x", "y", "z"], &[], |_| 0.0);
    trials.iter().for_each(|(point, value)| complete(&mut history, point, *value));
    history
}

const FEW: Fanova = Fanova { trees: 8, trials: 30, seed: 1 };

proptest! {
    #[test]
    fn shares_are_shares(trials in trials()) {
        let effects = fanova(&of(&trials), FEW);
        let is_share = |share: f64| (0.0..=1.0).contains(&share);
        prop_assert!(effects.main.iter().all(|of| is_share(of.explained) && is_share(of.share) && is_share(of.deviation)));
        prop_assert!(effects.interactions.iter().all(|of| is_share(of.explained) && is_share(of.deviation)));
        let explained: f64 = effects.main.iter().map(|of| of.explained).sum();
        let together: f64 = effects.interactions.iter().map(|of| of.explained).sum();
        prop_assert!(explained + together <= 1.0 + 1e-9, "{effects:?}");
        if explained > 0.0 {
            let shares: f64 = effects.main.iter().map(|of| of.share).sum();
            prop_assert!((shares - 1.0).abs() < 1e-12, "{shares}");
        }
    }

    /// To the last bit.
    #[test]
    fn the_order_of_trials_changes_nothing((trials, shuffled) in trials().prop_flat_map(|trials| {
        (Just(trials.clone()), Just(trials).prop_shuffle())
    })) {
        prop_assert_eq!(fanova(&of(&trials), FEW), fanova(&of(&shuffled), FEW));
    }

    #[test]
    fn equal_seeds_give_equal_results(trials in trials(), seed: u64) {
        let asked = Fanova { seed, ..FEW };
        prop_assert_eq!(fanova(&of(&trials), asked), fanova(&of(&trials), asked));
    }

    /// Here even to the last bit, for fours are exact.
    #[test]
    fn the_unit_of_values_changes_nothing(trials in trials()) {
        let small = |value: f64| value % 1e3;
        let with = |of_value: &dyn Fn(f64) -> f64| {
            let trials: Vec<_> = trials.iter().map(|(at, value)| (at.clone(), of_value(small(*value)))).collect();
            fanova(&of(&trials), FEW)
        };
        prop_assert_eq!(with(&|value| value), with(&|value| value * 4.0));
    }
}
