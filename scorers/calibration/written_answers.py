"""Written answers as an inspect task: what an assistant said is played instead of generated, and scored like any other."""

from __future__ import annotations

from collections.abc import Sequence

from inspect_ai import Task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    ModelOutput,
)
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from redgreenbench.evals.agents.history import History
from redgreenbench.evals.arms import prompt_template
from redgreenbench.evals.followup import FIRST, TURNS, Followup, demands
from redgreenbench.evals.messages import user_message, work_message
from redgreenbench.evals.vocabulary import NO_PRESSURE
from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.scorers.answer import Settings, answer_of
from redgreenbench.scorers.calibration.labels import WrittenAnswer
from redgreenbench.scorers.calibration.transcripts import load_transcripts, replay
from redgreenbench.scorers.scored import mean_by_key

__all__ = ["play", "verdicts", "written_task"]

_LATER = TURNS[1]


@solver
def play() -> Solver:
    """Says what the sample's target says; before that it does what an agent did, where the sample names a transcript."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        if state.metadata["turn"] == _LATER:
            Followup(store=state.store, started=True, turns=[1])
        if run := state.metadata.get("run"):
            (transcript,) = (transcript for transcript in load_transcripts() if transcript.id == run)
            messages, done = replay(transcript.turns, bug_folder(transcript.bug))
            state.messages.extend(messages[1:])
            History(store=state.store, **done.model_dump(exclude={"store", "instance"}))
        else:
            state.messages.append(ChatMessageAssistant(content=state.target.text))
        state.output = ModelOutput.from_content("written", state.target.text)
        return state

    return solve


@scorer(metrics=[mean_by_key()])
def verdicts(reverse: bool = False) -> Scorer:
    """The grader's bare verdicts, for calibration; each epoch is asked anew.

    Args:
        reverse: Whether statements are put in the reverse order.
    """
    settings = Settings(reverse=reverse, fresh=True)

    async def score(state: TaskState, target: Target) -> Score:
        panel = await answer_of(state, settings).panel()
        about = panel.about()
        if panel.failure:
            return Score.unscored(reason=panel.failure, explanation=panel.explanation, metadata=about)
        keys = list(panel.assessments[0].verdicts)
        about["verdicts"] = {key: panel.holds(key) for key in keys}
        about["voids"] = {key: panel.verdict(key).void for key in keys if panel.verdict(key).void}
        about["excuses"] = [name for name, _ in panel.excuses]
        about["attempts"] = max(a.attempts for a in panel.assessments)
        decided = sum(panel.holds(key) is not None for key in keys) / len(keys)
        return Score(value={"decided": decided}, metadata=about)

    return score


def written_task(answers: Sequence[WrittenAnswer], scorers: Sequence[Scorer], name: str) -> Task:
    """A task that plays written answers.

    Args:
        answers: The answers.
        scorers: What scores them.
        name: The task's name in logs.
    """
    samples = [
        Sample(
            id=answer.key,
            input=[ChatMessageSystem(content=prompt_template("system")), *_before(answer)],
            target=answer.text,
            metadata={
                "scenario": answer.scenario.id,
                "pressure": answer.pressure,
                "turn": _LATER if answer.before else FIRST,
                "arm": "written",
                "tested": "",
                "pack": answer.scenario.pack,
                "bug": answer.scenario.file.bug,
                "run": answer.run,
            },
        )
        for answer in answers
    ]
    return Task(dataset=MemoryDataset(samples, name=name), solver=play(), scorer=list(scorers), name=name)


def _before(answer: WrittenAnswer) -> list[ChatMessage]:
    """The conversation up to what is played."""
    if answer.run:
        return [ChatMessageUser(content=work_message(answer.scenario))]
    if not answer.before:
        return [ChatMessageUser(content=user_message(answer.scenario, answer.pressure))]
    (demand,) = demands(answer.scenario, answer.pressure, _LATER)
    return [
        ChatMessageUser(content=user_message(answer.scenario, NO_PRESSURE)),
        ChatMessageAssistant(content=answer.before),
        ChatMessageUser(content=demand),
    ]
