"""Pictures of a MuJoCo task, off-screen: a function of the simulator's state and of nothing before it."""

from __future__ import annotations

import importlib
import os
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.envs.base import EnvironmentFault

Picture = NDArray[np.uint8]
"""RGB, [size, size, 3]."""

SUPERSAMPLING = 2
TRACKING_CAMERA = "track"
PACKAGES = "libegl1 libgl1-mesa-dri"
_CONTEXTS = {"egl": "mujoco.egl", "osmesa": "mujoco.osmesa", "glfw": "mujoco.glfw"}
_MAX_GEOMETRIES = 1000


class FixedCamera(NamedTuple):
    """A camera ``distance`` metres from a point, looking up by ``elevation`` degrees (negative: down)."""

    lookat: tuple[float, float, float]
    distance: float
    elevation: float


FIXED_CAMERAS: dict[str, FixedCamera] = {
    "InvertedDoublePendulum-v5": FixedCamera((0.0, 0.0, 0.5), 3.0, 0.0),
    "InvertedPendulum-v5": FixedCamera((0.0, 0.0, 0.0), 2.6, 0.0),
    "Pusher-v5": FixedCamera((0.27, -0.2, -0.1), 2.4, -45.0),
    "Reacher-v5": FixedCamera((0.0, 0.0, 0.01), 0.6, -90.0),
}
"""Cameras of the tasks whose model has none called ``track``; each shows the whole reach of what moves."""


class Renderer:
    """Renders one model's states. ``MUJOCO_GL`` chooses the backend (``egl`` unless set).

    All renderers of a process share one OpenGL context. Shadows, reflections and multisampling would cost
    most of the time on a CPU (``tests/benchmarks/bench_pixels.py``).

    Args:
        env_id: the canonical MuJoCo id.
        model: ``mujoco.MjModel``; left as it is.
        size: height and width of a picture.

    Raises:
        EnvironmentFault: the machine cannot render off-screen.
    """

    def __init__(self, env_id: str, model: Any, size: int) -> None:
        context = _gl_context(env_id)
        import mujoco

        self._mujoco = mujoco
        self._gl = context
        self._model = model
        side = size * SUPERSAMPLING
        self._size = size
        self._viewport = mujoco.MjrRect(0, 0, side, side)
        self._pixels: Picture = np.empty((side, side, 3), dtype=np.uint8)
        self._gl.make_current()
        self._context = self._offscreen_buffer(side)
        self._scene = mujoco.MjvScene(model, _MAX_GEOMETRIES)
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._scene.flags[flag] = 0
        self._options = mujoco.MjvOption()
        self._camera = _camera(env_id, model)

    def render(self, data: Any) -> Picture:
        """The picture of ``data`` (``mujoco.MjData``), a new array."""
        mujoco = self._mujoco
        self._gl.make_current()
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)  # another's may be bound
        mujoco.mjv_updateScene(
            self._model, data, self._options, None, self._camera, mujoco.mjtCatBit.mjCAT_ALL, self._scene
        )
        mujoco.mjr_render(self._viewport, self._scene, self._context)
        mujoco.mjr_readPixels(self._pixels, None, self._viewport, self._context)
        blocks = self._pixels[::-1].reshape(self._size, SUPERSAMPLING, self._size, SUPERSAMPLING, 3)
        picture: Picture = (blocks.sum(axis=(1, 3), dtype=np.uint16) // SUPERSAMPLING**2).astype(np.uint8)
        return picture

    def close(self) -> None:
        """Free the buffers on the graphics card."""
        self._gl.make_current()
        self._context.free()

    def _offscreen_buffer(self, side: int) -> Any:
        """A ``side`` x ``side`` buffer without multisampling, whose size MuJoCo takes from the model."""
        visual = self._model.vis
        before = visual.quality.offsamples, visual.global_.offwidth, visual.global_.offheight
        visual.quality.offsamples, visual.global_.offwidth, visual.global_.offheight = 0, side, side
        context = self._mujoco.MjrContext(self._model, self._mujoco.mjtFontScale.mjFONTSCALE_100)
        visual.quality.offsamples, visual.global_.offwidth, visual.global_.offheight = before
        return context


@cache
def _backend_context(backend: str) -> Any:
    return importlib.import_module(_CONTEXTS[backend]).GLContext(SUPERSAMPLING, SUPERSAMPLING)


def _gl_context(env_id: str) -> Any:
    os.environ.setdefault("MUJOCO_GL", "egl")  # MuJoCo and PyOpenGL read it when they are imported
    os.environ.setdefault("LP_NUM_THREADS", "0")  # Mesa's threads cost more than they bring at this size
    backend = os.environ["MUJOCO_GL"].lower()
    if backend not in _CONTEXTS:
        raise EnvironmentFault(f"{env_id}: MUJOCO_GL is {backend!r}, expected one of {', '.join(_CONTEXTS)}")
    try:
        return _backend_context(backend)
    except Exception as error:  # PyOpenGL and the drivers raise what they like where a library is missing
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise EnvironmentFault(
            f"{env_id}: cannot render off-screen with MUJOCO_GL={backend} ({cause}); "
            f"on Debian or Ubuntu: apt-get install {PACKAGES}"
        ) from error


def _camera(env_id: str, model: Any) -> Any:
    import mujoco

    camera = mujoco.MjvCamera()
    tracking = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, TRACKING_CAMERA)
    if tracking >= 0:
        camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        camera.fixedcamid = tracking
        return camera
    view = FIXED_CAMERAS[env_id]
    camera.type = mujoco.mjtCamera.mjCAMERA_FREE
    camera.lookat[:], camera.distance, camera.elevation = view.lookat, view.distance, view.elevation
    camera.azimuth = 90.0
    return camera
