"""A supervisor in its own process: ``supervise_fakes.py RUNS_DIR JOBS GRACE HYPERPARAMETERS_JSON...``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from harness.spec import RunSpec
from harness.sweep.display import make_display
from harness.sweep.plan import make_plan
from harness.sweep.supervisor import supervise

FAKE = Path(__file__).with_name("fake_worker.py")


def main() -> int:
    runs_dir, jobs, grace = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    specs = [
        RunSpec.model_validate(
            {
                "algo": "a2c",
                "env_id": "CartPole-v1",
                "protocol": {"name": "gym"},
                "n_timesteps": 100,
                "hyperparameters": json.loads(settings),
                "seed": seed,
            }
        )
        for seed, settings in enumerate(sys.argv[4:])
    ]
    runs = make_plan(specs, runs_dir, "fakes").to_run
    outcome = supervise(
        runs,
        lambda directory: [sys.executable, str(FAKE), str(directory)],
        jobs=jobs,
        grace=grace,
        poll=0.02,
        observer=make_display(len(runs), sys.stdout),
    )
    print(len(outcome.states), outcome.n_not_started)
    return outcome.exit_code


if __name__ == "__main__":
    sys.exit(main())
