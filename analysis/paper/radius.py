"""Figure 9's statistics: how far an update's exact KL is from the radius, and from what was predicted."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.kl_of_updates import kl_of_updates
from analysis.load import Setting
from analysis.paper.effects import Effect
from analysis.reference import Reference
from analysis.statistics.means import MIN_RUNS_OF_A_MEAN, mean_interval


def kl_over_radius(sides: Sequence[Setting], reference: Reference | None) -> Effect | str:
    """Mean exact KL over mean radius of the updates."""
    return _ratio(sides[0], to_radius=True)


def kl_over_predicted(sides: Sequence[Setting], reference: Reference | None) -> Effect | str:
    """Mean exact KL over mean predicted KL of the updates."""
    return _ratio(sides[0], to_radius=False)


def _ratio(side: Setting, *, to_radius: bool) -> Effect | str:
    values = []
    for run in side.runs:
        kl = kl_of_updates(run, side.hyperparameters.get("delta"))
        other = (kl.radius if to_radius else kl.predicted).returns
        if not len(kl.exact.returns) or not len(other) or not other.mean() > 0.0:
            return f"seed {run.seed}: {kl.problem or 'no exact KL beside what it is held against'}"
        values.append(float(kl.exact.returns.mean() / other.mean()))
    return Effect(lambda confidence: mean_interval(values, confidence), len(values), needs=MIN_RUNS_OF_A_MEAN)
