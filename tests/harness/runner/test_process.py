"""The set-up of a training process: idle threads sleep, freed memory stays."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SHOW = """
import os, resource, sys
from harness.runner.process import prepare_process
assert "torch" not in sys.modules
prepare_process()
import torch
torch.set_num_threads(1)
x = torch.ones(10_000_000)
for _ in range(20):
    x + 1
before = resource.getrusage(0).ru_minflt
for _ in range(10):
    x + 1
faults = resource.getrusage(0).ru_minflt - before
print(os.environ["OMP_WAIT_POLICY"], os.environ.get("GOMP_SPINCOUNT"), faults)
"""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "PASSIVE 1000"),
        ({"GOMP_SPINCOUNT": "7"}, "PASSIVE 7"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None"),
    ],
)
def test_it_is_set_up_before_torch_and_the_environment_has_its_way(
    given: dict[str, str], expected: str
) -> None:
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    environment = {name: value for name, value in os.environ.items() if name not in names} | given
    done = subprocess.run(
        [sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=True
    )
    *policy, faults = done.stdout.split()
    assert " ".join(policy) == expected
    assert int(faults) < 30_000  # 40 MB a time are 97,700 pages if the system zeroes each anew
