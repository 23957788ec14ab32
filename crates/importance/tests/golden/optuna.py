"""Writes golden.txt: studies, and the importances that Optuna 5 finds in them.

    pip install 'optuna==5.*'; python optuna.py > golden.txt
"""

import os
import sys

sys.path.pop(0)  # This file is called as the package is.

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import TrialState, create_trial

optuna.logging.set_verbosity(optuna.logging.ERROR)


def plane(i):
    x, y = (37 * i % 100) / 100, (59 * i % 100) / 100
    return {"x": x, "y": y}, (x - 0.3) ** 2 + 0.1 * (y - 0.6) ** 2


def mixed(i):
    """Every kind of domain, one of them only beside a choice; coarse values, so that many are equal."""
    rate = 10 ** (-5 + 4 * ((61 * i % 97) / 96))
    depth, width = 1 + (7 * i) % 8, 1 + (29 * i % 128)
    dropout, kind = (3 * i % 5) / 4, ["sgd", "adam", "rms"][i * i % 3 if i % 5 else 2]
    params = {"rate": rate, "depth": depth, "width": width, "dropout": dropout, "kind": kind}
    if kind == "sgd":
        params["momentum"] = (43 * i % 100) / 100
    value = round(depth / 8 - dropout / 3 + params.get("momentum", 0.2) / 2 + (kind == "adam") * 0.3 + rate * 5, 2)
    return params, value


def few(i):
    return {"x": i / 4, "one": 3}, [2.0, 1.0][i % 2]


STUDIES = [
    ("plane", "minimize", plane, 100, {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}),
    (
        "mixed",
        "maximize",
        mixed,
        90,
        {
            "rate": FloatDistribution(1e-5, 1e-1, log=True),
            "depth": IntDistribution(1, 8),
            "width": IntDistribution(1, 128, log=True),
            "dropout": FloatDistribution(0, 1, step=0.25),
            "kind": CategoricalDistribution(["sgd", "adam", "rms"]),
            "momentum": FloatDistribution(0, 0.99),
        },
    ),
    ("few", "minimize", few, 5, {"x": FloatDistribution(0, 1), "one": IntDistribution(3, 3)}),
]

for name, direction, draw, count, domains in STUDIES:
    study = optuna.create_study(direction=direction)
    print(f"study\t{name}\t{direction}")
    for i in range(count):
        params, value = draw(i)
        here = {key: domains[key] for key in params}
        study.add_trial(create_trial(state=TrialState.COMPLETE, value=value, params=params, distributions=here))
        print("trial", value, *(f"{key}={value}" for key, value in params.items()), sep="\t")
    for key, importance in PedAnovaImportanceEvaluator().evaluate(study).items():
        print(f"importance\t{key}\t{importance!r}")
