"""How a price is printed."""

from __future__ import annotations

from harness.commands.output import counted
from harness.sweep.display import duration
from harness.sweep.price import Price

N_SHOWN = 3
_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def price_lines(price: Price, where: str) -> list[str]:
    """``to start: 12 runs in 6 jobs ...`` and what they cost, one line each.

    Args:
        price: the price.
        where: the backend's name.
    """
    jobs = ""
    if price.n_jobs:
        arrays = counted(len(price.arrays), "array")
        sizes = ", ".join(map(str, price.arrays[:N_SHOWN])) + (", …" if len(price.arrays) > N_SHOWN else "")
        jobs = f" in {counted(price.n_jobs, 'job')}, {arrays} ({sizes})"
    lines = [f"to start on {where}: {counted(price.n_runs, 'run')}{jobs}"]
    if price.n_left:
        lines.append(f"left for later: {counted(price.n_left, 'run')} (max_jobs of the profile)")
    hours = [f"{_number(price.cpu_hours)} CPU-hours", f"{_number(price.gpu_hours)} GPU-hours"]
    wall = "unknown" if price.wall_seconds is None else duration(price.wall_seconds)
    lines.append(f"cost: {', '.join(hours)}, wall-clock {wall}, disk {_size(price.disk_bytes)}")
    lines += walltime_lines(price.n_cut, price.n_put_back)
    if price.unmeasured:
        shown = ", ".join(price.unmeasured[:N_SHOWN])
        more = len(price.unmeasured) - N_SHOWN
        lines.append(
            f"unknown: no finished run here yet of {shown}"
            + (f" and {more} more" if more > 0 else "")
            + ("; their jobs are put back where the walltime is too short" if price.n_jobs else "")
        )
    return lines


def walltime_lines(n_cut: int, n_put_back: int) -> list[str]:
    """What the walltime means for the jobs; nothing where it is long enough.

    Args:
        n_cut: jobs that it keeps from having more runs.
        n_put_back: jobs whose runs it is too short for.
    """
    lines = []
    if n_cut:
        lines.append(f"fewer runs a job than runs_per_job, because of the walltime: {counted(n_cut, 'job')}")
    if n_put_back:
        lines.append(
            f"runs longer than the walltime: {counted(n_put_back, 'job')}, put back until they are done"
        )
    return lines


def _number(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _size(value: float | None) -> str:
    if value is None:
        return "unknown"
    for unit, name in _UNITS:
        if value >= unit:
            return f"{value / unit:.1f} {name}"
    return f"{value:.0f} bytes"
