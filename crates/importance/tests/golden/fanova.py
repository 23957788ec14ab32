"""Writes fanova.txt: studies, and what Optuna's fANOVA finds in them, over 20 seeds.

    pip install 'optuna==5.*' scikit-learn; python fanova.py > fanova.txt

Optuna's trees see values as they are: a log domain without its logarithms, a grid without the halves of a step at its ends,
and choices as corners of a cube of which most are no choice. So that one function is compared, Optuna is given what these domains
are transformed to here: choices stand in the order of their mean values. A parameter that is absent is given any value, another
for each seed, where Optuna would leave it out.
"""

import math
import random
import sys
from statistics import mean, stdev

sys.path.pop(0)  # A file beside this one is called as the package is.

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator
from optuna.importance._fanova._fanova import _Fanova
from optuna.trial import TrialState, create_trial

optuna.logging.set_verbosity(optuna.logging.ERROR)

SEEDS = 20


def sum_of_parts(draw):
    """Additive; the last parameter does nothing."""
    x, y, nothing = draw(), draw(), draw()
    return {"x": x, "y": y, "nothing": nothing}, 2 * x + y * y


def product(draw):
    x, y = draw(), draw()
    return {"x": x, "y": y}, (x - 0.5) * (y - 0.5) + 0.05 * x


def mixed(draw):
    """Every kind of domain, one of them only beside a choice."""
    rate = math.exp(math.log(1e-5) + math.log(1e4) * draw())
    depth, dropout = 1 + int(8 * draw()), int(5 * draw()) / 4
    kind, crop = ["sgd", "adam", "rms"][int(3 * draw())], ["yes", "no"][int(2 * draw())]
    params = {"rate": rate, "depth": depth, "dropout": dropout, "kind": kind, "crop": crop}
    if kind == "sgd":
        params["momentum"] = 0.99 * draw()
    value = abs(math.log10(rate) + 3) * (0.5 if kind == "adam" else 0.3) + 0.1 * depth + dropout / 5
    return params, value + 0.4 * params.get("momentum", 0.5) + 0.3 * (crop == "no") * (depth > 4)


SAME = (FloatDistribution(0, 1), lambda value: value)


def choice(*choices):
    """A third of the range for each of three."""
    return FloatDistribution(-0.5, len(choices) - 0.5), choices


# What Optuna is given: a domain, and how a value is brought into it.
STUDIES = {
    "sum": (sum_of_parts, 50, {"x": SAME, "y": SAME, "nothing": SAME}),
    "product": (product, 40, {"x": SAME, "y": SAME}),
    "mixed-forest": (
        mixed,
        50,
        {
            "rate": (FloatDistribution(math.log(1e-5), math.log(1e-1)), math.log),
            "depth": (FloatDistribution(0.5, 8.5), float),
            "dropout": (FloatDistribution(-0.125, 1.125), float),
            "kind": choice("sgd", "adam", "rms"),
            "crop": (CategoricalDistribution(["yes", "no"]), str),
            "momentum": (FloatDistribution(0, 0.99), float),
        },
    ),
}


def fraction(evaluator, columns):
    """As `_Fanova.get_importance` has it, for one parameter or two."""
    trees = [tree for tree in evaluator._trees if tree.variance > 0]
    return mean(tree.get_marginal_variance(columns) / tree.variance for tree in trees)


def in_order(trials, parameter, choices):
    """The place of each choice in the order of the mean values."""
    means = {choice: mean(value for params, value in trials if params[parameter] == choice) for choice in choices}
    return sorted(choices, key=means.get).index


def brought(trials, given, seed):
    """A study as Optuna is given it."""
    absent = random.Random(seed)
    bring = {key: of if callable(of) else in_order(trials, key, of) for key, (_, of) in given.items()}
    domains = {parameter: given[parameter][0] for parameter in sorted(given)}
    study = optuna.create_study()
    for params, value in trials:
        here = {
            key: bring[key](params[key]) if key in params else domain.low + (domain.high - domain.low) * absent.random()
            for key, domain in domains.items()
        }
        study.add_trial(create_trial(state=TrialState.COMPLETE, value=value, params=here, distributions=domains))
    return study, domains


def shares(trials, given, seed):
    """What each parameter and each pair explains, in a forest of this seed."""
    study, domains = brought(trials, given, seed)
    space = optuna._transform._SearchSpaceTransform(domains, transform_log=False, transform_step=False)
    points = np.array([space.transform(trial.params) for trial in study.trials])
    forest = _Fanova(n_trees=64, max_depth=64, min_samples_split=2, min_samples_leaf=1, seed=seed)
    forest.fit(points, np.array([trial.value for trial in study.trials]), space.bounds, space.column_to_encoded_columns)
    columns = dict(zip(domains, space.column_to_encoded_columns))
    alone = {name: fraction(forest, columns[name]) for name in domains}
    public = FanovaImportanceEvaluator(seed=seed).evaluate(study)
    assert all(abs(public[name] - alone[name]) < 1e-12 for name in domains)
    names = list(domains)
    both = {
        (a, b): fraction(forest, np.concatenate([columns[a], columns[b]])) - alone[a] - alone[b]
        for place, a in enumerate(names)
        for b in names[place + 1 :]
    }
    return {(name,): share for name, share in alone.items()} | both


for name, (function, count, given) in STUDIES.items():
    source = random.Random(name)
    print(f"study\t{name}\tminimize")
    trials = [function(source.random) for _ in range(count)]
    for params, value in trials:
        print("trial", value, *(f"{key}={value}" for key, value in params.items()), sep="\t")
    of_seeds = [shares(trials, given, seed) for seed in range(SEEDS)]
    for names in of_seeds[0]:
        found = [of_seed[names] for of_seed in of_seeds]
        print("explained", "*".join(names), float(mean(found)), float(stdev(found)), sep="\t")
