"""Opens a study with Optuna and prints what it reads, as JSON that a test compares.

Usage: optuna_opens.py STUDY.db NAME [--go-on N]
Needs optuna 5. With --go-on, N more trials are asked for and told, which shows that Optuna can write too.
"""
import json
import math
import sys

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


def number(value):
    """JSON has no NaN and no infinities."""
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("inf" if value > 0 else "-inf")


path, name = sys.argv[1:3]
study = optuna.load_study(study_name=name, storage=f"sqlite:///{path}")
if "--go-on" in sys.argv:
    for _ in range(int(sys.argv[-1])):
        trial = study.ask()
        study.tell(trial, trial.suggest_float("lr", 1e-4, 1.0, log=True))
trials = [
    {
        "number": t.number,
        "state": t.state.name,
        "value": number(t.value),
        "params": t.params,
        "intermediate": {str(step): number(value) for step, value in t.intermediate_values.items()},
        "fixed": t.system_attrs.get("fixed_params"),
        "attributes": t.user_attrs,
        "distributions": {name: repr(d) for name, d in t.distributions.items()},
    }
    for t in study.trials
]
try:
    best = study.best_trial.number
except ValueError:
    best = None
print(json.dumps({
    "optuna": optuna.__version__,
    "direction": study.direction.name,
    "metric_names": study.metric_names,
    "attributes": study.user_attrs,
    "best": best,
    "trials": trials,
}))
