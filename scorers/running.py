"""Runs proposed fixes for scorers: one pool of workers for all of them, and one reason where nothing can be run.

A submission that crashes, takes too long or tampers with its grading is a failed fix. A grader that fails, or a
machine that cannot confine submissions, gives no verdict but the reason.
"""

from __future__ import annotations

import atexit
import functools
import os
import threading
from importlib.util import find_spec

import anyio

from redgreenbench.evals.errors import InputError
from redgreenbench.evals.vocabulary import UNSCORED
from redgreenbench.reference_bugs.engine.host import choose_mode, device_files
from redgreenbench.reference_bugs.engine.pool import GraderError, Pool, Relay
from redgreenbench.reference_bugs.files import Files
from redgreenbench.reference_bugs.folder import BugFolder
from redgreenbench.reference_bugs.verdict import Verdict, grade_program
from redgreenbench.scorers.sandboxed import sandbox_relay

__all__ = ["DEVICES", "CannotRun", "Runner", "runner_for"]

DEVICES = ("auto", "cpu", "cuda")
_MOST_WORKERS = 8

_pools: dict[tuple[str, str, int], Pool] = {}
_pools_lock = threading.Lock()


class CannotRun(Exception):
    """There is no verdict on a program; the message gives the reason.

    Args:
        code: The reason for machines, one of `redgreenbench.evals.vocabulary.UNSCORED`.
        words: The reason for people.
    """

    def __init__(self, code: str, words: str = "") -> None:
        super().__init__(words or UNSCORED[code])
        self.code = code


def _pool(mode: str, device: str, size: int) -> Pool:
    with _pools_lock:
        if not _pools:
            atexit.register(_close)
        key = (mode, device, size)
        if key not in _pools:
            _pools[key] = Pool(size, mode, device)
        return _pools[key]


def _close() -> None:
    for pool in _pools.values():
        pool.close()
    _pools.clear()


class Runner:
    """Runs fixes against the hidden checks of their bugs.

    Args:
        device: ``auto`` (a GPU where there is one), ``cpu`` or ``cuda``.
        exec_sandbox: An inspect sandbox to run fixes in, such as ``docker``; none: the engine's own.
        exec_workers: Grades at a time; none: one per core, at most 8, and one on a GPU.

    Raises:
        InputError: There is no such device.
    """

    def __init__(
        self,
        device: str = "auto",
        exec_sandbox: str | None = None,
        exec_workers: int | None = None,
    ) -> None:
        if device not in DEVICES:
            raise InputError(f"no device '{device}'; take one of {', '.join(DEVICES)}")
        self._where = ("cuda" if device_files() else "cpu") if device == "auto" else device
        self._size = int(
            exec_workers or (1 if self._where == "cuda" else min(os.cpu_count() or 1, _MOST_WORKERS))
        )
        self._sandbox = exec_sandbox
        self._limiter: anyio.CapacityLimiter | None = None

    async def program(
        self, bug: BugFolder, files: Files, brief: bool = False, seed: int | None = None
    ) -> Verdict:
        """The verdict on a whole program.

        Args:
            bug: The bug.
            files: Its files.
            brief: See `redgreenbench.reference_bugs.verdict.grade_program`.
            seed: For the inputs of the checks; none: a new one.

        Raises:
            CannotRun: There is none.
        """
        return await self._run(functools.partial(grade_program, bug, files, brief=brief), seed)

    async def _run(self, work: functools.partial[Verdict], seed: int | None) -> Verdict:
        relay: Relay | None = None
        try:
            if self._sandbox:
                mode, relay = "relay", sandbox_relay()
            else:
                mode = choose_mode()
        except ValueError as error:
            raise CannotRun("cannot_run", str(error)) from error
        missing = next((package for package in ("torch", "safetensors") if find_spec(package) is None), None)
        if missing:
            raise CannotRun("cannot_run", f"{missing} is not installed; pip install 'redgreenbench[exec]'")
        pool = _pool(mode, self._where, self._size)
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(self._size)
        try:
            # A thread waits for the worker, so that the event loop goes on.
            return await anyio.to_thread.run_sync(
                functools.partial(work, pool, seed, relay), limiter=self._limiter
            )
        except GraderError as error:
            if error.busy:
                raise CannotRun("machine_busy", str(error)) from error
            raise CannotRun("engine_failed", f"the engine that runs programs failed: {error}") from error


@functools.cache
def runner_for(device: str, exec_sandbox: str | None, exec_workers: int | None) -> Runner:
    """The runner of these settings, the same one for all scorers.

    Raises:
        InputError: There is no such device.
    """
    return Runner(device, exec_sandbox, exec_workers)
