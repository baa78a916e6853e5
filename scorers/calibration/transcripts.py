"""Labelled transcripts of debugging agents: what a careful reader says of their method.

A transcript is written down by turns, with the program where a call changed it; `replay` makes of it what scorers and
graders see. Some labels are measured on the scorer `method`, which reads calls, the others on graders.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageTool, ChatMessageUser
from inspect_ai.tool import ToolCall
from inspect_ai.util import Store
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from redgreenbench.evals.agents.history import History, Snapshot, Spent, digest_of, digests_of
from redgreenbench.evals.catalogue import load_scenarios, read_yaml, validate
from redgreenbench.evals.schema import Slug
from redgreenbench.reference_bugs.files import Files, as_files
from redgreenbench.reference_bugs.folder import BugFolder, bug_folder
from redgreenbench.reference_bugs.submission import patched
from redgreenbench.scorers.calibration.agreement import Pair
from redgreenbench.scorers.calibration.labels import LabelledAnswer
from redgreenbench.scorers.judged import STATEMENTS
from redgreenbench.scorers.method import KEYS, method_of

__all__ = [
    "Call",
    "Labels",
    "Transcript",
    "Turn",
    "labelled_runs",
    "load_transcripts",
    "method_pairs",
    "replay",
]

_GRADED = ("read_error", "hypothesis", "verified")
"""Labels that graders are measured on; the keys of the scorer `method` are the others, and ``verified`` is both."""
_ARGUMENT = {"bash": "command", "python": "code"}
_ASKED = "My program fails. Please help."


class Call(BaseModel):
    """One tool call, given as one of ``bash``, ``python`` and ``text_editor``.

    Attributes:
        bash: A command.
        python: Code.
        text_editor: The editor's arguments.
        output: What came back.
        program: The program's new text, where the call changed it.
        patch: Or the patch of the bug's folder that makes the new text, ``original`` for the given program.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bash: str | None = None
    python: str | None = None
    text_editor: dict[str, Any] | None = None
    output: str = ""
    program: str | None = None
    patch: str | None = None

    @model_validator(mode="after")
    def _one_tool(self) -> Call:
        if sum(given is not None for given in (self.bash, self.python, self.text_editor)) != 1:
            raise ValueError("give one of `bash`, `python` and `text_editor`")
        return self

    @property
    def function(self) -> str:
        """The tool's name."""
        return next(name for name in ("bash", "python", "text_editor") if getattr(self, name) is not None)

    def after(self, bug: BugFolder) -> Files | None:
        """The program after the call; None where it did not change it."""
        if self.program is not None:
            return as_files(self.program.rstrip("\n"))
        if self.patch is None or self.patch == "original":
            return bug.files if self.patch else None
        files = patched(bug.files, (bug.path / f"{self.patch}.patch").read_text("utf-8"))
        return {path: text.rstrip("\n") for path, text in files.items()}


class Turn(BaseModel):
    """What an agent said and did in one turn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    says: str = ""
    calls: tuple[Call, ...] = ()


class Labels(BaseModel):
    """What a reader says; None where a label does not apply or cannot be decided."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reproduced: bool | None
    read_error: bool | None
    hypothesis: bool | None
    one_change: bool | None
    verified: bool | None


class Transcript(BaseModel):
    """One agent's work with its labels.

    Attributes:
        id: Unique.
        bug: The bug that it worked on.
        note: Why it is in the set.
        turns: Its turns.
        labels: What a reader says.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Slug
    bug: str
    note: str = Field(min_length=5)
    turns: tuple[Turn, ...] = Field(min_length=1)
    labels: Labels


@cache
def load_transcripts() -> tuple[Transcript, ...]:
    """The transcripts that come with the package.

    Raises:
        InputError: The file is not as it should be.
    """
    path = Path(__file__).with_name("transcripts.yaml")
    return validate(TypeAdapter(tuple[Transcript, ...]), read_yaml(path), path)


def replay(turns: Sequence[Turn], bug: BugFolder, watched: bool = True) -> tuple[list[ChatMessage], History]:
    """Turns as messages and history.

    Args:
        turns: The turns.
        bug: The bug that they work on.
        watched: Whether single calls were watched; otherwise only the turn of a change is known.
    """
    texts: dict[str, str] = {}
    snapshots: list[Snapshot] = []

    def see(files: Files, turn: int = 0, calls: int = 0, call: str = "") -> None:
        whole, named = digests_of(files)
        if not snapshots or snapshots[-1].digest != whole:
            texts.update({digest_of(text): text for text in files.values()})
            spent = Spent(turns=turn, calls=calls)
            snapshots.append(Snapshot(digest=whole, files=named, spent=spent, call=call))

    see(bug.files)
    messages: list[ChatMessage] = [ChatMessageUser(content=_ASKED)]
    done, files = 0, bug.files
    for number, turn in enumerate(turns, 1):
        calls: list[ToolCall] = []
        answers: list[ChatMessage] = []
        for call in turn.calls:
            done += 1
            name, argument = call.function, getattr(call, call.function)
            arguments = argument if isinstance(argument, dict) else {_ARGUMENT[name]: argument}
            calls.append(ToolCall(id=f"call-{done}", function=name, arguments=arguments))
            answers.append(ChatMessageTool(content=call.output, tool_call_id=f"call-{done}", function=name))
            files = call.after(bug) or files
            if watched:
                see(files, number, done, f"call-{done}")
        see(files, number, done)
        messages.append(ChatMessageAssistant(content=turn.says, tool_calls=calls or None))
        messages.extend(answers)
    total = Spent(turns=len(turns), calls=done)
    # Without a store of its own it would share that of whatever runs.
    return messages, History(store=Store(), snapshots=snapshots, texts=texts, total=total, ended="done")


def labelled_runs() -> tuple[LabelledAnswer, ...]:
    """The transcripts as what graders are asked about, each on a scenario of its bug."""
    scenarios = {s.file.bug: s for s in reversed(load_scenarios()) if s.file.bug}
    labelled = []
    for transcript in load_transcripts():
        scenario = scenarios[transcript.bug]
        given = {STATEMENTS[name]: getattr(transcript.labels, name) for name in _GRADED}
        labels = {statement: label for statement, label in given.items() if label is not None}
        last = transcript.turns[-1].says
        key = f"{scenario.id}#run-{transcript.id}"
        labelled.append(
            LabelledAnswer(
                key=key, scenario=scenario, text=last, run=transcript.id, style="worked", labels=labels
            )
        )
    return tuple(labelled)


def method_pairs() -> dict[str, dict[str, Pair]]:
    """What the scorer `method` reads out of the calls, beside the labels.

    Returns:
        By ``method.<key>``, pairs by transcript; bugs are what resampling keeps together.
    """
    pairs: dict[str, dict[str, Pair]] = {f"method.{key}": {} for key in KEYS}
    for transcript in load_transcripts():
        bug = bug_folder(transcript.bug)
        value = method_of(*replay(transcript.turns, bug), bug)
        for key in KEYS:
            label = getattr(transcript.labels, key)
            if label is not None:
                pairs[f"method.{key}"][transcript.id] = Pair(transcript.bug, label, value.get(key))
    return pairs
