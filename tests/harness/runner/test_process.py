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
print(os.environ["OMP_WAIT_POLICY"], resource.getrusage(0).ru_minflt - before)
"""


@pytest.mark.parametrize(("given", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_it_is_set_up_before_torch_and_the_environment_has_its_way(given: str | None, expected: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    if given:
        environment["OMP_WAIT_POLICY"] = given
    done = subprocess.run(
        [sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=True
    )
    policy, faults = done.stdout.split()
    assert policy == expected
    assert int(faults) < 30_000  # 40 MB a time are 97,700 pages if the system zeroes each anew
