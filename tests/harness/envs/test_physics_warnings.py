"""MuJoCo's warnings end up in the log, not in a file of its own."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from harness.envs.make import make_vec_env
from harness.envs.protocol import MujocoProtocol


def test_warnings_are_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.WARNING, logger="mujoco"):
        make_vec_env("HalfCheetah", MujocoProtocol(), 1, 0).close()
    assert "settotalmass" in caplog.text
    assert list(tmp_path.iterdir()) == []
