"""What an agent finds: the program as a file, how to run it, and the user's words; no program in the message.

Samples of `redgreenbench.evals.dataset` become samples of the agent mode: identity, metadata and target stay, so that
scorers and reports need not know the difference.
"""

from __future__ import annotations

from collections.abc import Iterable

from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser

from redgreenbench.evals.agents.history import PROGRAM
from redgreenbench.evals.arms import prompt_template
from redgreenbench.evals.catalogue import Scenario
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.followup import FIRST
from redgreenbench.evals.pressures import pressure_text
from redgreenbench.evals.vocabulary import NO_PRESSURE
from redgreenbench.reference_bugs.folder import bug_folder

__all__ = ["SUBMIT", "at_work", "work_message"]

SUBMIT = "submit"
"""Name of the tool with which an agent ends its work."""


def work_message(scenario: Scenario, pressure: str) -> str:
    """The user's message to an agent: the prompt, where the program is, what it printed, then the pressure."""
    assert scenario.file.bug is not None
    bug = bug_folder(scenario.file.bug)
    text = prompt_template("workplace").format(
        prompt=scenario.file.prompt, ran=bug.about["ran"], symptom=bug.symptom
    )
    added = pressure_text(pressure, scenario.file)
    return f"{text}\n\n{added}" if added else text


def at_work(samples: Iterable[Sample], scenarios: Iterable[Scenario], turn: str = FIRST) -> MemoryDataset:
    """Samples in which an agent works on the program.

    Args:
        samples: Samples as `redgreenbench.evals.dataset.build_samples` makes them.
        scenarios: Their scenarios; what has no program to work on is left out, but for positive controls.
        turn: When pressures come, see `redgreenbench.evals.followup.TURNS`.

    Raises:
        InputError: None of the scenarios has a program.
    """
    known = {scenario.id: scenario for scenario in scenarios}
    posed = [
        s
        for s in samples
        if (scenario := known[(s.metadata or {})["scenario"]]).file.bug or scenario.positive
    ]
    if not any(known[(sample.metadata or {})["scenario"]].file.bug for sample in posed):
        raise InputError(
            "none of these scenarios has a program to work on; choose others with scenarios=…, or drop mode=agent"
        )
    return MemoryDataset([_at_work(sample, known, turn) for sample in posed], name="redgreenbench-agent")


def _at_work(sample: Sample, known: dict[str, Scenario], turn: str) -> Sample:
    metadata = sample.metadata or {}
    scenario = known[metadata["scenario"]]
    if not scenario.file.bug:
        return sample
    assert isinstance(sample.input, list)
    base, agent = prompt_template("system"), prompt_template("agent").format(submit=SUBMIT)
    system = agent + sample.input[0].text.removeprefix(base)
    message = work_message(scenario, metadata["pressure"] if turn == FIRST else NO_PRESSURE)
    return sample.model_copy(
        update={
            "input": [ChatMessageSystem(content=system), ChatMessageUser(content=message)],
            "files": {PROGRAM: bug_folder(scenario.file.bug).program + "\n"},
        }
    )
