//! Spaces: conditions, what is refused, points and named values.

use tunefork_space::{Domain, Parameter, Params, Point, Space, SpaceError, Value};

fn choice(name: &str, values: &[&str]) -> Parameter {
    Parameter::new(name, Domain::choice(values.iter().copied()).unwrap())
}

fn unit(name: &str) -> Parameter {
    Parameter::new(name, Domain::uniform(0.0, 1.0).unwrap())
}

/// `nesterov` needs `momentum`, which needs the optimizer; listed the other way round.
fn optimizers() -> Space {
    Space::new(vec![
        Parameter::new("nesterov", Domain::choice([false, true]).unwrap())
            .when("schedule", ["cosine"])
            .when("optimizer", ["sgd"]),
        unit("momentum").when("optimizer", ["sgd", "rmsprop"]),
        choice("optimizer", &["sgd", "adam", "rmsprop"]),
        choice("schedule", &["constant", "cosine"]),
    ])
    .unwrap()
}

#[test]
fn all_conditions_must_hold() {
    let space = optimizers();
    let nan = f64::NAN;
    for (optimizer, schedule, active) in [
        (0.0, 1.0, [true, true]),
        (0.0, 0.0, [false, true]),
        (1.0, 1.0, [false, false]),
        (2.0, 1.0, [false, true]),
        (nan, 1.0, [false, false]),
    ] {
        let point = Point::from(vec![nan, nan, optimizer, schedule]);
        assert_eq!([0, 1].map(|index| space.is_active(&point, index)), active);
        assert!([2, 3].iter().all(|&index| space.is_active(&point, index)));
    }
    assert!(!space.is_active(&Point::absent(4), 99));
}

#[test]
fn parameters_come_after_those_they_depend_on() {
    let space = optimizers();
    assert_eq!(space.topological_order(), [3, 2, 0, 1]);
    assert!(space.is_conditional(0) && !space.is_conditional(2));
    assert_eq!(space.parents(0).collect::<Vec<_>>(), [3, 2]);
}

#[test]
fn what_is_refused_is_named() {
    let refused = |parameters| Space::new(parameters).unwrap_err().to_string();
    for (parameters, expected) in [
        (vec![unit("x"), unit("x")], "parameter `x` is defined twice; rename or remove one"),
        (vec![unit("x").when("y", [1])], "parameter `x` depends on `y`, which is not a parameter of this space"),
        (
            vec![choice("y", &["a", "b"]), unit("x").when("y", ["a", "c"])],
            "parameter `x` waits for `y` = c, which is not in {a, b}",
        ),
        (
            vec![unit("y"), unit("x").when("y", [0.5])],
            "parameter `x` depends on `y`, which is continuous; give that one choices, integers or a step",
        ),
        (
            vec![choice("y", &["a"]), unit("x").when("y", [""; 0])],
            "parameter `x` depends on `y` but lists no values for it",
        ),
        (
            vec![
                choice("free", &["u"]),
                choice("x", &["u"]).when("z", ["u"]).when("free", ["u"]),
                choice("y", &["u"]).when("x", ["u"]),
                choice("z", &["u"]).when("y", ["u"]),
            ],
            "parameters depend on each other in a circle: x -> z -> y -> x",
        ),
        (vec![choice("x", &["u"]).when("x", ["u"])], "parameters depend on each other in a circle: x -> x"),
    ] {
        assert_eq!(refused(parameters), expected);
    }
}

#[test]
fn spaces_grow_at_their_end() {
    let mut space = optimizers();
    assert!(Space::default().is_empty() && !space.is_empty());
    assert_eq!(space.push(unit("dropout").when("optimizer", ["adam"])), Ok(4));
    assert_eq!(space.index_of("dropout"), Some(4));
    assert_eq!(space.topological_order().last(), Some(&4));
    let before = space.clone();
    assert!(matches!(space.push(unit("dropout")), Err(SpaceError::Duplicate { .. })));
    assert!(matches!(space.push(unit("late").when("later", [1])), Err(SpaceError::UnknownCondition { .. })));
    assert_eq!(space, before);
}

#[test]
fn points_and_named_values_are_the_same_thing() {
    let space = optimizers();
    let params: Params =
        [("schedule", Value::from("cosine")), ("optimizer", "rmsprop".into()), ("momentum", 0.5.into())]
            .into_iter()
            .collect();
    let point = space.point(&params).unwrap();
    assert_eq!(point, Point::from(vec![f64::NAN, 0.5, 2.0, 1.0]));
    let back = space.params(&point);
    assert_eq!(back.to_string(), "momentum=0.5 optimizer=rmsprop schedule=cosine");
    assert_eq!(space.point(&back), Ok(point));
}

#[test]
fn points_grow_and_know_what_is_absent() {
    let nan = f64::NAN;
    let mut point = Point::default();
    assert!(point.is_empty());
    point.set(2, 0.5);
    assert_eq!(point, Point::from(vec![nan, nan, 0.5]));
    point.set(0, -1.0);
    assert_eq!((point.len(), point.is_empty(), point.values()[0], point.values()[2]), (3, false, -1.0, 0.5));
    assert_eq!([0, 1, 2, 3].map(|index| point.has(index)), [true, false, true, false]);
    assert!(point.get(3).is_nan());
    for other in [vec![-1.0, nan], vec![-1.0, nan, nan], vec![-1.0, 1.0, 0.5], vec![-1.0, nan, 0.25], vec![]] {
        assert_ne!(point, Point::from(other));
    }
}

#[test]
fn named_values_are_replaced_in_their_place() {
    let mut params = Params::default();
    assert!(params.is_empty());
    for (name, value) in [("a", 1), ("b", 2), ("a", 3)] {
        params.set(name, value);
    }
    assert_eq!((params.len(), params.is_empty(), params.to_string()), (2, false, "a=3 b=2".into()));
    assert!(params.iter().eq([("a", &Value::Int(3)), ("b", &Value::Int(2))]));
    assert_eq!(params.get("c"), None);
}

#[test]
fn incomplete_and_impossible_points_are_refused() {
    let space = optimizers();
    let error = |pairs: &[(&str, Value)]| {
        let params: Params = pairs.iter().cloned().collect();
        space.point(&params).unwrap_err().to_string()
    };
    let adam = [("optimizer", Value::from("adam")), ("schedule", "cosine".into())];
    assert!(space.point(&adam.iter().cloned().collect()).is_ok());
    assert_eq!(error(&adam[..1]), "`schedule` has no value");
    assert_eq!(
        error(&[adam[0].clone(), adam[1].clone(), ("momentum", 0.5.into())]),
        "`momentum` has a value, but it exists only where `optimizer` is sgd or rmsprop"
    );
    assert_eq!(error(&[("optimizer", "lion".into())]), "parameter `optimizer`: lion is not in {sgd, adam, rmsprop}");
    assert_eq!(error(&[("speed", 1.into())]), "`speed` is not a parameter of this space");
}
