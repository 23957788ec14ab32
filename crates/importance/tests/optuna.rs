//! The importances against those that Optuna computed; `golden/*.py` wrote both studies and numbers.

use tunefork_importance::{Effects, Fanova, Importance, PedAnova, fanova, ped_anova};
use tunefork_space::{Domain, Parameter, Params, Space, Value};
use tunefork_trial::{Direction, History, TrialState};

const PED_ANOVA: &str = include_str!("golden/golden.txt");
const FANOVA: &str = include_str!("golden/fanova.txt");

/// The space of the study `name` in `golden/*.py`.
fn space(name: &str) -> Space {
    let unit = || Domain::uniform(0.0, 1.0).unwrap();
    let parameters = match name {
        "plane" => vec![Parameter::new("x", unit()), Parameter::new("y", unit())],
        "mixed" => vec![
            Parameter::new("rate", Domain::log(1e-5, 1e-1).unwrap()),
            Parameter::new("depth", Domain::int(1, 8).unwrap()),
            Parameter::new("width", Domain::int_log(1, 128).unwrap()),
            Parameter::new("dropout", unit().with_step(0.25).unwrap()),
            Parameter::new("kind", Domain::choice(["sgd", "adam", "rms"]).unwrap()),
            Parameter::new("momentum", Domain::uniform(0.0, 0.99).unwrap()).when("kind", ["sgd"]),
        ],
        "sum" => ["x", "y", "nothing"].map(|name| Parameter::new(name, unit())).into(),
        "product" => ["x", "y"].map(|name| Parameter::new(name, unit())).into(),
        "mixed-forest" => vec![
            Parameter::new("rate", Domain::log(1e-5, 1e-1).unwrap()),
            Parameter::new("depth", Domain::int(1, 8).unwrap()),
            Parameter::new("dropout", unit().with_step(0.25).unwrap()),
            Parameter::new("kind", Domain::choice(["sgd", "adam", "rms"]).unwrap()),
            Parameter::new("crop", Domain::choice(["yes", "no"]).unwrap()),
            Parameter::new("momentum", Domain::uniform(0.0, 0.99).unwrap()).when("kind", ["sgd"]),
        ],
        "few" => vec![Parameter::new("x", unit()), Parameter::new("one", Domain::int(3, 3).unwrap())],
        other => panic!("no study is called {other}"),
    };
    Space::new(parameters).unwrap()
}

fn params(space: &Space, settings: &[&str]) -> Params {
    let mut params = Params::default();
    for setting in settings {
        let (name, text) = setting.split_once('=').expect("name=value");
        let domain = space.domain(space.index_of(name).expect("a parameter of the space"));
        let value = match domain {
            Domain::Categorical { .. } => Value::from(text),
            Domain::Int { .. } => Value::Int(text.parse().unwrap()),
            Domain::Float { .. } => Value::Float(text.parse().unwrap()),
        };
        params.set(name, value);
    }
    params
}

/// The studies of a golden file, and the lines that tell what is expected of each, without their first words.
fn read(golden: &str) -> impl Iterator<Item = (History, Vec<Vec<&str>>)> {
    golden.split("study\t").filter(|study| !study.is_empty()).map(|study| {
        let mut lines = study.lines().map(|line| line.split('\t').collect::<Vec<&str>>());
        let head = lines.next().expect("a head");
        let direction = if head[1] == "maximize" { Direction::Maximize } else { Direction::Minimize };
        let mut history = History::new(space(head[0]), direction);
        let mut expected = Vec::new();
        for line in lines {
            match line[0] {
                "trial" => {
                    let number = history.next_number();
                    let point =
                        history.space().point(&params(history.space(), &line[2..])).expect("a point of the space");
                    history.start(number, point).unwrap();
                    history.finish(number, TrialState::Complete, Some(line[1].parse().unwrap())).unwrap();
                }
                _ => expected.push(line[1..].to_vec()),
            }
        }
        (history, expected)
    })
}

#[test]
fn importances_are_those_of_optuna() {
    for (history, expected) in read(PED_ANOVA) {
        let found = ped_anova(&history, PedAnova::default());
        assert_eq!(found.len(), expected.len());
        for (Importance { parameter, importance, .. }, line) in found.iter().zip(&expected) {
            let value: f64 = line[1].parse().unwrap();
            assert_eq!(parameter, line[0]);
            assert!((importance - value).abs() <= 1e-12 * value.max(1e-3), "{parameter}: {importance}, not {value}");
        }
        let shares: f64 = found.iter().map(|of| of.share).sum();
        assert!((shares - 1.0).abs() < 1e-12, "{shares}");
    }
}

/// What `names` explain: one parameter, or two with a `*` between them, in whatever order.
fn explained(effects: &Effects, names: &str) -> f64 {
    let mut wanted: Vec<&str> = names.split('*').collect();
    wanted.sort_unstable();
    let alone = effects.main.iter().map(|of| (vec![of.parameter.as_str()], of.explained));
    let together =
        effects.interactions.iter().map(|of| (of.parameters.iter().map(String::as_str).collect(), of.explained));
    let mut all = alone.chain(together).map(|(mut names, explained): (Vec<&str>, f64)| {
        names.sort_unstable();
        (names, explained)
    });
    all.find(|(names, _)| *names == wanted).expect("an effect").1
}

/// Two forests never agree to the digit. Over as many seeds as Optuna was asked for, their means differ by no more than
/// four standard errors of the difference.
#[test]
fn forests_explain_what_those_of_optuna_do() {
    const SEEDS: u64 = 20;
    for (history, expected) in read(FANOVA) {
        let of_seeds: Vec<Effects> =
            (0..SEEDS).map(|seed| fanova(&history, Fanova { seed, ..Fanova::default() })).collect();
        for line in expected {
            let [theirs, their_deviation] = [1, 2].map(|place| line[place].parse::<f64>().unwrap());
            let found: Vec<f64> = of_seeds.iter().map(|effects| explained(effects, line[0])).collect();
            let ours = found.iter().sum::<f64>() / SEEDS as f64;
            let variance = found.iter().map(|value| (value - ours).powi(2)).sum::<f64>() / (SEEDS - 1) as f64;
            let error = ((variance + their_deviation.powi(2)) / SEEDS as f64).sqrt();
            assert!((ours - theirs).abs() <= 4.0 * error, "{}: {ours}, not {theirs}, by {error}", line[0]);
        }
    }
}

/// A study over one parameter in [0, 1], by its values, states and results.
fn study(trials: &[(f64, TrialState, Option<f64>)]) -> History {
    let space = Space::new(vec![Parameter::new("x", Domain::uniform(0.0, 1.0).unwrap())]).unwrap();
    let mut history = History::new(space, Direction::Minimize);
    for (x, state, value) in trials {
        let number = history.next_number();
        history.start(number, vec![*x].into()).unwrap();
        history.finish(number, *state, *value).unwrap();
    }
    history
}

#[test]
fn of_fewer_than_two_completed_trials_nothing_is_known() {
    let asked = PedAnova::default();
    assert_eq!(ped_anova(&study(&[]), asked), []);
    assert_eq!(ped_anova(&study(&[(0.5, TrialState::Complete, Some(1.0))]), asked), []);
    let failed = (0.5, TrialState::Failed, None);
    assert_eq!(ped_anova(&study(&[(0.5, TrialState::Complete, Some(1.0)), failed]), asked), []);
}

#[test]
fn where_all_trials_are_the_best_nothing_mattered() {
    let equal: Vec<_> = (0..20).map(|i| (f64::from(i) / 20.0, TrialState::Complete, Some(1.0))).collect();
    let found = ped_anova(&study(&equal), PedAnova::default());
    assert_eq!((found[0].importance, found[0].share), (0.0, 0.0));
}

#[test]
fn more_best_trials_answer_another_question() {
    let trials: Vec<_> = (0..40).map(|i| (f64::from(i) / 40.0, TrialState::Complete, Some(f64::from(i)))).collect();
    let history = study(&trials);
    let of = |best| ped_anova(&history, PedAnova { best })[0].importance;
    // All trials are not set apart from themselves.
    assert_eq!(of(1.0), 0.0);
    assert!(of(0.5) > of(0.9), "{} and {}", of(0.5), of(0.9));
}
