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
    if price.n_put_back:
        lines.append(
            f"longer than the walltime: {counted(price.n_put_back, 'job')}; put back, and going on from "
            "checkpoints (runs_per_job and walltime of the profile say how long a job is)"
        )
    if price.unmeasured:
        shown = ", ".join(price.unmeasured[:N_SHOWN])
        more = len(price.unmeasured) - N_SHOWN
        lines.append(
            f"unknown: no finished run here yet of {shown}" + (f" and {more} more" if more > 0 else "")
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
