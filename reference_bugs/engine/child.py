"""The checker's side of one grade's process: sends it the program and the questions, and believes nothing."""

from __future__ import annotations

import os
import secrets
import select
import signal
import socket
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from redgreenbench.reference_bugs.engine.inside import wire
from redgreenbench.reference_bugs.engine.inside.framing import (
    HEADER,
    MAX_ANSWER,
    Closed,
    WireError,
    part_sizes,
)
from redgreenbench.reference_bugs.engine.outcome import (
    Budget,
    EngineError,
    MachineBusy,
    SubmissionFailed,
    Usage,
    failure_of,
)
from redgreenbench.reference_bugs.files import Files

__all__ = ["Child", "Parent"]

OUTPUT_KEPT = 8192
_GRACE = 1.0


class Parent(Protocol):
    """The zygote that forked the child."""

    def end(self, grace: float) -> Usage:
        """Ends the child, after so many seconds in which it may end by itself, and says what it used."""

    def scratch_bytes(self) -> int:
        """Bytes that it has written to disk."""

    def own_seconds(self) -> float | None:
        """Seconds that its busiest thread ran or waited for a processor; None where the kernel does not say."""


@dataclass
class Child:
    """One grade's process.

    Attributes:
        zygote: Who forked it.
        channel: The only descriptor that it shares with us, beside its output.
        pipe: Where its output comes.
        budget: What it may use.
        quota: Bytes that it may write to disk.
        output: The last bytes that it printed, for a person; never evidence.
        usage: What it used, once it has ended.
    """

    zygote: Parent
    channel: socket.socket
    pipe: int
    budget: Budget
    quota: int
    output: bytes = b""
    usage: Usage = field(default_factory=Usage)
    ended: bool = False

    def __post_init__(self) -> None:
        self.channel.setblocking(False)
        os.set_blocking(self.pipe, False)
        self._waited = 0.0

    def load(self, files: Files, entry: str, probe: str, threads: int, device: str) -> None:
        """Sends the submission, and waits until it is loaded.

        Raises:
            SubmissionFailed: It raised while loading, or did worse.
        """
        nonce = secrets.token_hex(8)
        message = {
            "nonce": nonce,
            "files": files,
            "entry": entry,
            "probe": probe,
            "threads": threads,
            "device": device,
        }
        self._exchange(message)

    def ask(self, probe: str, inputs: dict[str, Any], seed: int) -> dict[str, Any]:
        """Has a probe run.

        Raises:
            SubmissionFailed: It did not answer, or not in the form that is allowed.
            EngineError: The machinery failed.
        """
        message = {"nonce": secrets.token_hex(8), "probe": probe, "inputs": inputs, "seed": seed}
        return self._exchange(message)

    def _exchange(self, message: dict[str, Any]) -> dict[str, Any]:
        if self.ended:
            raise SubmissionFailed("crash", "its process is gone")
        try:
            if self._readable():
                raise WireError("an answer before it was asked")
            self._write(wire.pack(message))
            answer = wire.unpack(self._read(), MAX_ANSWER)
            if answer.get("nonce") != message["nonce"] or set(answer) not in (
                {"nonce", "value"},
                {"nonce", "error"},
            ):
                raise WireError("an answer to another question")
        except Closed:
            raise self._died() from None
        except WireError as error:
            self.end()
            raise SubmissionFailed("protocol", f"the program tampered with its channel: {error}") from None
        if "error" in answer:
            raise failure_of(answer["error"])
        value = answer["value"]
        if not isinstance(value, dict):
            self.end()
            raise SubmissionFailed("protocol", "the program tampered with its channel: not an answer")
        return value

    def _readable(self) -> bool:
        try:
            return bool(self.channel.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False
        except OSError as error:
            raise Closed("the child is gone") from error

    def _wait(self, event: int) -> None:
        """Waits for the channel; meanwhile drains what is printed and watches the scratch folder and the time.

        Only time in which the program is waited for counts, and of that only what is its own: the kernel ends it when
        its CPU seconds are over (see `_died`), and it may rest twice as long. Waiting for a processor is the machine's.

        Raises:
            SubmissionFailed: It rested too long, or wrote too much.
            MachineBusy: It could run too little.
        """
        poll = select.poll()
        poll.register(self.channel.fileno(), event)
        poll.register(self.pipe, select.POLLIN)
        before, started = self._waited, time.monotonic()
        while True:
            self._waited = before + time.monotonic() - started
            self._look_at_time()
            ready = dict(poll.poll(100))
            if self.pipe in ready and not self._drain():
                poll.unregister(self.pipe)
            if self.channel.fileno() in ready:
                self._waited = before + time.monotonic() - started
                return
            if self.zygote.scratch_bytes() > self.quota:
                self.end()
                raise SubmissionFailed("disk", f"the program wrote more than {self.quota >> 20} MB to disk")

    def _look_at_time(self) -> None:
        if self._waited <= self.budget.rest:
            return
        own = self.zygote.own_seconds()
        if own is not None and self._waited - own > self.budget.rest:
            self.end()
            rested = f"it rested {self.budget.rest:.0f} s and used {self.usage.cpu:.1f} s of CPU"
            raise SubmissionFailed("timeout", f"the program was not done: {rested}")
        if self._waited > self.budget.wall:
            self.end()
            used = f"{self.usage.cpu:.1f} s of CPU in {self._waited:.0f} s"
            raise MachineBusy(f"this machine is too busy to tell what the program does: it got {used}")

    def _drain(self) -> bool:
        try:
            part = os.read(self.pipe, 1 << 16)
        except BlockingIOError:
            return True
        self.output = (self.output + part)[-OUTPUT_KEPT:]
        return bool(part)

    def _write(self, frame: bytes) -> None:
        rest = memoryview(frame)
        while rest:
            self._wait(select.POLLOUT)
            try:
                rest = rest[self.channel.send(rest) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise Closed("the child is gone") from error

    def _read(self) -> bytes:
        header = self._exactly(HEADER.size)
        return header + self._exactly(sum(part_sizes(header, MAX_ANSWER)))

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            self._wait(select.POLLIN)
            try:
                part = self.channel.recv(min(size, 1 << 20))
            except BlockingIOError:
                continue
            except OSError as error:
                raise Closed("the child is gone") from error
            if not part:
                raise Closed("the child is gone")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _died(self) -> SubmissionFailed:
        """Why its end of the channel is closed.

        Raises:
            EngineError: The kernel ended it, and not for its time: nothing that it does could.
        """
        # A thread may keep the process alive, so it is ended if it does not end by itself.
        usage = self.end(grace=_GRACE)
        # The kernel counts ticks for the limit, and exact time for the account, which differ by some per cent.
        over = usage.status == -signal.SIGKILL and usage.cpu > 0.8 * self.budget.seconds
        if over or usage.status == -signal.SIGXCPU:
            return SubmissionFailed("timeout", f"the program used more than {self.budget.seconds} s of CPU")
        if usage.status == -signal.SIGKILL and not usage.killed:
            raise EngineError(
                "the kernel ended the program's process, for lack of memory on this machine perhaps"
            )
        if usage.status < 0 and not usage.killed:
            name = next((s.name for s in signal.Signals if s == -usage.status), f"signal {-usage.status}")
            return SubmissionFailed("crash", f"the program's process died by {name}")
        return SubmissionFailed("exit", "the program ended its own process instead of returning")

    def end(self, grace: float = 0.0) -> Usage:
        """Ends the process, after so many seconds in which it may end by itself; idempotent."""
        if not self.ended:
            self.ended = True
            self.channel.close()
            try:
                self.usage = self.zygote.end(grace)
            finally:
                while self._drain_rest():
                    pass
                os.close(self.pipe)
        return self.usage

    def _drain_rest(self) -> bool:
        try:
            part = os.read(self.pipe, 1 << 16)
        except OSError:
            return False
        self.output = (self.output + part)[-OUTPUT_KEPT:]
        return bool(part)
