"""Every state that the program had while an agent worked on it, with what had been spent by then.

Kept in the sample's store, so that a log can be graded again without the sandbox. A state is recorded when a file
differs from what was seen last, after every tool call and at the end. The files are those that were given, and what these
import from beside them; other files, notes and trials for instance, are no part of the program.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from inspect_ai.util import OutputLimitExceededError, Store, StoreModel, sample_limits, sandbox
from pydantic import BaseModel, ConfigDict, Field

from redgreenbench.reference_bugs.files import MAX_FILES, PROGRAM, Files, imported_paths

__all__ = ["MAX_BYTES", "History", "Recorder", "Snapshot", "Spent", "digest_of", "digests_of", "history_of"]

MAX_BYTES = 200_000
"""A larger program is recorded as unreadable: no fix needs it, and it would stand in the log."""


# What an agent can make of a file. Anything else, a time-out among it, is the sandbox's failure and no version.
_AGENTS_DOING = (
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
    UnicodeDecodeError,
    OutputLimitExceededError,
)


class Spent(BaseModel):
    """What an agent had spent at some moment.

    Attributes:
        seconds: Working time, without waiting for rate limits and free slots.
        turns: Messages of the model, the one under way included.
        calls: Tool calls, the one under way included.
        tokens: Tokens of all its model calls.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float = 0.0
    turns: int = 0
    calls: int = 0
    tokens: int = 0


class Snapshot(BaseModel):
    """One state of the program.

    Attributes:
        digest: SHA-256 of its text, or of a project's paths and digests, 16 hex digits.
        files: Digest of each file's text by path, where there is more than ``program.py``; see `History.files`.
        spent: What had been spent when it was seen first.
        call: Id of the tool call that made it; empty where only the turn is known.
        unreadable: Why there is no text; empty where there is one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    digest: str
    files: dict[str, str] = Field(default_factory=dict)
    spent: Spent
    call: str = ""
    unreadable: str = ""


class History(StoreModel):
    """What an agent did to the program.

    Attributes:
        snapshots: States in order, the given program first; the same text may come back.
        texts: Text of a file by digest.
        total: What was spent in all.
        ended: How it ended: ``done`` (it said so or stopped), or ``limit``.
    """

    snapshots: list[Snapshot] = Field(default_factory=list)
    texts: dict[str, str] = Field(default_factory=dict)
    total: Spent = Spent()
    ended: str = "limit"

    def files(self, snapshot: Snapshot) -> Files:
        """The files of a snapshot; empty if it could not be read."""
        if snapshot.unreadable:
            return {}
        return {
            path: self.texts[digest]
            for path, digest in (snapshot.files or {PROGRAM: snapshot.digest}).items()
        }


def history_of(store: Store) -> History | None:
    """What an agent did to the program; None for a sample in which none worked."""
    # Making the model would write its defaults into the store of every sample.
    return History(store=store) if "History:snapshots" in store else None


class Recorder:
    """Watches the program of the sample that is running.

    Args:
        given: Paths of the files that were given, in the sandbox's working directory.
    """

    def __init__(self, given: Iterable[str] = (PROGRAM,)) -> None:
        self.given = tuple(given)
        self._history = History()
        self._calls = 0

    async def start(self) -> None:
        """Records the given program.

        Raises:
            RuntimeError: There is none.
        """
        await self._record_state(0)
        first = self._history.snapshots[0]
        if first.unreadable:
            raise RuntimeError(
                f"the sandbox has no {', '.join(self.given)} in its working directory ({first.unreadable})"
            )

    @property
    def untouched(self) -> bool:
        """Whether the program was never changed."""
        return len(self._history.snapshots) == 1

    async def after_call(self, turns: int, call: str) -> None:
        """Records what a tool call left behind.

        Args:
            turns: Messages of the model so far.
            call: The call's id.
        """
        self._calls += 1
        await self._record_state(turns, call)

    async def after_turn(self, turns: int, calls: int) -> None:
        """Records what a turn left behind, where single calls cannot be watched.

        Args:
            turns: Messages of the model so far.
            calls: Tool calls so far.
        """
        self._calls = calls
        await self._record_state(turns)

    async def finish(self, turns: int, done: bool) -> None:
        """Records the end.

        Args:
            turns: Messages of the model.
            done: Whether the agent ended by itself.
        """
        await self._record_state(turns)
        self.close(turns, done)

    def close(self, turns: int, done: bool = False) -> None:
        """Records the total spent. Does not use the sandbox, which may be gone."""
        self._history.total = self._spent(turns)
        self._history.ended = "done" if done else "limit"

    def _spent(self, turns: int) -> Spent:
        limits = sample_limits()
        return Spent(
            seconds=limits.working.usage, turns=turns, calls=self._calls, tokens=int(limits.token.usage)
        )

    async def _record_state(self, turns: int, call: str = "") -> None:
        problem = ""
        try:
            files = await self._read_files()
        except _AGENTS_DOING as error:
            files, problem = {}, f"{type(error).__name__}"
        if sum(map(len, files.values())) > MAX_BYTES:
            files, problem = {}, f"larger than {MAX_BYTES:,} characters"
        whole, named = (digest_of(problem), {}) if problem else digests_of(files)
        seen = self._history.snapshots
        if seen and seen[-1].digest == whole:
            return
        snapshot = Snapshot(
            digest=whole, files=named, spent=self._spent(turns), call=call, unreadable=problem
        )
        self._history.snapshots = [*seen, snapshot]
        self._history.texts = self._history.texts | {digest_of(text): text for text in files.values()}

    async def _read_files(self) -> Files:
        """The files that were given, and what they import from beside them."""
        files: Files = {}
        for path in self.given:
            try:
                files[path] = await sandbox().read_file(path)
            except FileNotFoundError:
                if len(self.given) == 1:
                    raise
        waiting, tried = list(files), set(files)
        while waiting and len(files) < MAX_FILES:
            path = waiting.pop()
            for other in imported_paths(path, files[path]):
                if other in tried:
                    continue
                tried.add(other)
                try:
                    files[other] = await sandbox().read_file(other)
                    waiting.append(other)
                except _AGENTS_DOING:
                    continue  # an installed module, or a file that could not be imported either
        return files


def digest_of(text: str) -> str:
    """The digest of a text: SHA-256, 16 hex digits."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def digests_of(files: Files) -> tuple[str, dict[str, str]]:
    """The digest of a program; for a project also the digest of each file, by path."""
    digests = {path: digest_of(text) for path, text in files.items()}
    if set(digests) == {PROGRAM}:
        return digests[PROGRAM], {}
    return digest_of(repr(sorted(digests.items()))), digests
