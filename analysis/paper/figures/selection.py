"""The settings that a figure shows, named by what tells them apart there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from analysis.load import Setting
from analysis.paper.figures.model import PaperFigure, of_sweep
from analysis.settings import Variant, differences


def shown_settings(figure: PaperFigure, settings: Sequence[Setting]) -> list[Setting]:
    """Those of ``settings`` that belong into a panel, each once, in their order.

    Their names do not depend on what else was loaded: an agent carries the hyper-parameters, the budget or
    the tier in which it differs from others of its name in the same sweep file's runs, and nothing else.
    """
    shown = []
    for stem in figure.sweeps:
        env_ids = {panel.env_id for panel in figure.panels if panel.sweep == stem}
        here = [s for s in settings if s.env_id in env_ids and of_sweep(s.sweep, stem)]
        texts = differences([_variant(setting) for setting in here])
        shown += [replace(setting, differs=text) for setting, text in zip(here, texts, strict=True)]
    return shown


def _variant(setting: Setting) -> Variant:
    spec = {
        "n_timesteps": setting.n_timesteps,
        "hyperparameters": setting.hyperparameters,
        "protocol": setting.protocol,
    }
    return Variant(setting.sweep, setting.agent, setting.env_id, setting.identity, spec)
