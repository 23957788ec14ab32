"""Opens an experiment's folder with Ray's own readers and prints what they see."""

import json
import sys

from ray.tune import ExperimentAnalysis, ResultGrid

analysis = ExperimentAnalysis(sys.argv[1])
table = analysis.dataframe()
assert len(table) == len(analysis.trials), table
grid = ResultGrid(analysis)
assert len(grid) == len(analysis.trials)


def seen(trial):
    rows = analysis.trial_dataframes[trial.trial_id]
    return {
        "config": trial.config,
        "status": trial.status,
        "rows": len(rows),
        "value": trial.last_result["value"],
    }


best = grid.get_best_result("value", "max").metrics["value"]
print(json.dumps({"trials": [seen(trial) for trial in analysis.trials], "best": best}))
