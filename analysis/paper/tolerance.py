"""How far from the paper's number a measured one may be and still count as the same."""

from __future__ import annotations

from analysis.paper.schema import Claim
from analysis.paper.statistics import STATISTICS
from harness.envs.reference import human_level, random_level, threshold

RELATIVE = 0.25
LEAST_SHARE = 0.1


def tolerance(claim: Claim) -> float:
    """25 % of the paper's number.

    Of a score, 25 % of its distance from random play (from 0 where that is not known), and at least of a
    tenth of the way from there to the reference level: 0.0 points on Enduro would otherwise allow nothing.

    Raises:
        ValueError: the claim has no number.
    """
    if claim.paper is None:
        raise ValueError(f"{claim.id}: expected a claim with a number")
    if STATISTICS[claim.statistic].unit != "return":
        return RELATIVE * abs(claim.paper)
    (env_id,) = claim.envs
    zero, level = 0.0, None
    if claim.reference == "gu2016":
        level = threshold(env_id)
    elif claim.reference is not None:
        zero, level = random_level(env_id, claim.reference) or 0.0, human_level(env_id, claim.reference)
    least = 0.0 if level is None else LEAST_SHARE * abs(level - zero)
    return RELATIVE * max(abs(claim.paper - zero), least)
