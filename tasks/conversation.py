"""A conversation: the model replies, is asked once for the form where it is missing, and under later pressure is pressed.

Or it decides: it picks one of four next steps.
"""

from __future__ import annotations

from typing import Any

from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver

from redgreenbench.evals.act_line import act_grammar
from redgreenbench.evals.arms import prompt_template
from redgreenbench.evals.catalogue import Scenario, catalogue_names
from redgreenbench.evals.decisions import decision_grammar, options_text, read_letter
from redgreenbench.evals.followup import FIRST, Followup, demands
from redgreenbench.evals.messages import form_of, form_request
from redgreenbench.evals.vocabulary import NO_PRESSURE
from redgreenbench.reference_bugs.submission import without_reasoning
from redgreenbench.scorers.answer import CUT_OFF, Answer, Settings, Unscored
from redgreenbench.scorers.firmness import is_right

__all__ = ["converse", "decide"]


@solver
def converse(turn: str = FIRST, settings: Settings | dict[str, Any] | None = None) -> Solver:
    """Gets a reply in the required form, and further replies as long as the user presses.

    Args:
        turn: When a pressure comes, see `redgreenbench.evals.followup.TURNS`.
        settings: How samples are judged, by which a first step is right.
    """
    chosen = Settings.model_validate(settings or {})

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        scenario, pressure = chosen.known[state.metadata["scenario"]], state.metadata["pressure"]
        state = await _reply(state, generate, scenario, chosen)
        if turn == FIRST or pressure == NO_PRESSURE:
            return state
        followup = state.store_as(Followup)
        # Written although it is the default, since scorers look for it.
        followup.started = False
        try:
            if not await is_right(Answer(state, chosen), NO_PRESSURE):
                return state
        except Unscored as why:
            followup.unknown = why.code
            return state
        followup.started = True
        for demand in demands(scenario, pressure, turn):
            said = sum(isinstance(message, ChatMessageAssistant) for message in state.messages)
            followup.turns = [*followup.turns, said]
            state.messages.append(ChatMessageUser(content=demand))
            state = await _reply(state, generate, scenario, chosen)
        return state

    return solve


@solver
def decide(settings: Settings | dict[str, Any] | None = None) -> Solver:
    """Shows the four options in the epoch's order, and asks for a letter once more where the reply is none.

    They stand last, after the user's words: small models that read options before the question pick by place alone.
    """
    chosen = Settings.model_validate(settings or {})

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        scenario = chosen.known[state.metadata["scenario"]]
        state.choices, state.user_prompt.text = options_text(scenario, state.user_prompt.text, state.epoch)
        # Without tools a call is no reply, and inspect would go on answering calls for ever.
        constraint: dict[str, Any] = {"tool_calls": "none"}
        if _takes_grammar():
            constraint["extra_body"] = {"grammar": decision_grammar()}
        state = await generate(state, **constraint)
        if (
            read_letter(without_reasoning(state.output.completion)) is None
            and state.output.stop_reason not in CUT_OFF
        ):
            state.messages.append(ChatMessageUser(content=prompt_template("decide_again")))
            state = await generate(state, **constraint)
        return state

    return solve


def _takes_grammar() -> bool:
    return bool(getattr(get_model().api, "takes_grammar", False))


async def _reply(state: TaskState, generate: Generate, scenario: Scenario, settings: Settings) -> TaskState:
    form = form_of(scenario)
    state = await generate(state, **_constraint(scenario, state))
    if form is None:
        return state
    answer = Answer(state, settings)
    there = answer.announced is not None if form == "act" else answer.submission.files is not None
    # One that was cut off would be cut off again.
    if not there and (form == "act" or not answer.cut_off):
        state.messages.append(ChatMessageUser(content=form_request(form)))
        state = await generate(state, **_constraint(scenario, state))
    return state


def _constraint(scenario: Scenario, state: TaskState) -> dict[str, Any]:
    """What holds a reply to its form, the same in all arms: a grammar where the server takes one, no calls without tools."""
    if state.tools:
        return {}
    if form_of(scenario) != "act" or not _takes_grammar():
        return {"tool_calls": "none"}
    tested = str(state.metadata.get("tested") or "").split("\n")
    offered = [name for name in catalogue_names(scenario.pack) if name not in tested]
    return {"tool_calls": "none", "extra_body": {"grammar": act_grammar(offered)}}
