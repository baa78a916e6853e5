"""Runs llama.cpp inside this process and speaks to it over a loopback port.

One server a set of weights and settings, shared by all inspect models of this process (a subject and a
grader with the same weights load them once). It ends with the process.
"""

from __future__ import annotations

import os
import secrets
import threading
from dataclasses import dataclass
from typing import Any

from redgreenbench.evals.embedded.progress import download_progress
from redgreenbench.evals.embedded.weights import obtain
from redgreenbench.evals.errors import InputError

__all__ = ["Running", "Settings", "start"]


@dataclass(frozen=True)
class Settings:
    """How a model is run.

    Attributes:
        model: Name of the weights.
        slots: Requests answered at once; they share one batch.
        context: Tokens a request may have, prompt and answer together.
        threads: CPU threads.
        deterministic: One slot and no prompt cache, so that equal requests give equal bytes.
    """

    model: str
    slots: int = 4
    context: int = 8192
    threads: int = 0
    deterministic: bool = False

    @property
    def parallel(self) -> int:
        """Slots that are really used."""
        return 1 if self.deterministic else self.slots


@dataclass(frozen=True)
class Running:
    """A server that answers.

    Attributes:
        url: Base address of its OpenAI-compatible interface.
        key: What a request must carry, so that no other local process is served.
        server: Keeps the native server alive.
    """

    url: str
    key: str
    server: Any


# A server owns gigabytes and threads of native code, so it is shared by the whole process.
_running: dict[Settings, Running] = {}
_starting = threading.Lock()


def start(settings: Settings) -> Running:
    """Returns the server for these settings, starting it on first use.

    Raises:
        InputError: The runtime is not installed, or the weights cannot be had or loaded.
    """
    with _starting:
        if settings not in _running:
            _running[settings] = _start(settings)
        return _running[settings]


def _start(settings: Settings) -> Running:
    # OpenMP's waiting threads spin. Unbounded they cost up to 20x on a busy machine, and not at all costs
    # 40 % on a quiet one; the library reads this once, when it is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    try:
        import xllamacpp
    except ImportError as exc:
        raise InputError(
            "the embedded model needs its runtime; pip install 'redgreenbench[embedded]'"
        ) from exc
    with download_progress(settings.model) as progress:
        path = obtain(settings.model, progress)
    key = secrets.token_hex(16)
    threads = (
        settings.threads or len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count()
    )
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.port = 0  # any free one
    params.api_keys = [key]
    params.ui = False
    params.use_jinja = True
    params.verbosity = -1
    params.warmup = False
    params.n_gpu_layers = 0
    params.n_parallel = settings.parallel
    params.n_ctx = settings.context * settings.parallel
    params.cache_prompt = not settings.deterministic
    params.cache_ram_mib = 0 if settings.deterministic else 512
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as exc:
        raise InputError(
            f"embedded model {settings.model}: cannot be started ({exc}); is there memory left?"
        ) from exc
    return Running(f"{server.listening_address}/v1", key, server)
