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
from redgreenbench.reference_bugs.engine.inside.limits import MAX_ANSWER
from redgreenbench.reference_bugs.engine.outcome import Budget, SubmissionFailed, Usage, raised

__all__ = ["Child", "Parent"]

OUTPUT_KEPT = 8192


class Parent(Protocol):
    """The zygote that forked the child."""

    def end(self, kill: bool) -> Usage:
        """Ends the child and says what it used."""

    def scratch_bytes(self) -> int:
        """Bytes that it has written to disk."""


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
        self._deadline = time.monotonic() + self.budget.seconds

    def load(self, program: str, probe: str, threads: int, device: str) -> None:
        """Sends the submission, and waits until it is loaded.

        Raises:
            SubmissionFailed: It raised while loading, or did worse.
        """
        nonce = secrets.token_hex(8)
        message = {
            "nonce": nonce,
            "program": program,
            "probe": probe,
            "threads": threads,
            "device": device,
            "memory_fraction": 0.2,
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
                raise wire.WireError("an answer before it was asked")
            self._write(wire.pack(message))
            answer = wire.unpack(self._read(), MAX_ANSWER)
            if answer.get("nonce") != message["nonce"] or set(answer) not in (
                {"nonce", "value"},
                {"nonce", "error"},
            ):
                raise wire.WireError("an answer to another question")
        except wire.Late:
            self.end(kill=True)
            limit = f"{self.budget.seconds:.0f} s"
            raise SubmissionFailed("timeout", f"the program was not done after {limit}") from None
        except wire.Closed:
            raise self._died() from None
        except wire.WireError as error:
            self.end(kill=True)
            raise SubmissionFailed("protocol", f"the program tampered with its channel: {error}") from None
        if "error" in answer:
            raise raised(answer["error"])
        value = answer["value"]
        if not isinstance(value, dict):
            self.end(kill=True)
            raise SubmissionFailed("protocol", "the program tampered with its channel: not an answer")
        return value

    def _readable(self) -> bool:
        try:
            return bool(self.channel.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return False
        except OSError as error:
            raise wire.Closed("the child is gone") from error

    def _wait(self, event: int) -> None:
        """Waits for the channel; meanwhile drains what is printed and watches the scratch folder."""
        poll = select.poll()
        poll.register(self.channel.fileno(), event)
        poll.register(self.pipe, select.POLLIN)
        while True:
            remaining = self._deadline - time.monotonic()
            if remaining <= 0:
                raise wire.Late("the deadline passed")
            ready = dict(poll.poll(min(remaining, 0.1) * 1000))
            if self.pipe in ready and not self._drain():
                poll.unregister(self.pipe)
            if self.channel.fileno() in ready:
                return
            if self.zygote.scratch_bytes() > self.quota:
                self.end(kill=True)
                raise SubmissionFailed("disk", f"the program wrote more than {self.quota >> 20} MB to disk")

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
                raise wire.Closed("the child is gone") from error

    def _read(self) -> bytes:
        header = self._exactly(wire.HEADER.size)
        return header + self._exactly(sum(wire.sizes(header, MAX_ANSWER)))

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            self._wait(select.POLLIN)
            try:
                part = self.channel.recv(min(size, 1 << 20))
            except BlockingIOError:
                continue
            except OSError as error:
                raise wire.Closed("the child is gone") from error
            if not part:
                raise wire.Closed("the child is gone")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _died(self) -> SubmissionFailed:
        # Its end of the channel is closed, but a thread may keep the process alive.
        usage = self.end(kill=True)
        status = usage.status
        if status in (-signal.SIGXCPU,) or usage.cpu >= int(self.budget.seconds) + 2:
            return SubmissionFailed(
                "timeout", f"the program used more than {self.budget.seconds:.0f} s of CPU"
            )
        if status < 0 and status != -signal.SIGKILL:
            name = next((known.name for known in signal.Signals if known == -status), f"signal {-status}")
            return SubmissionFailed("crash", f"the program's process died by {name}")
        return SubmissionFailed("exit", "the program ended its own process instead of returning")

    def end(self, kill: bool = True) -> Usage:
        """Ends the process, idempotent."""
        if not self.ended:
            self.ended = True
            self.channel.close()
            try:
                self.usage = self.zygote.end(kill)
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
