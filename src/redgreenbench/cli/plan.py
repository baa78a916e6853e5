"""What a run will ask and use, before anything is paid: samples, tokens by arm, and the cost where prices are known.

What goes in is counted from the very messages of the samples; how long replies are is an assumption, and said.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample
    from inspect_ai.model import Model, ModelCost

    from redgreenbench.evals.arms import Arms
    from redgreenbench.evals.catalogue import Scenario

__all__ = [
    "FREE",
    "Plan",
    "Share",
    "arms_of",
    "dry_run_model",
    "plan_of",
    "price_of",
    "read_prices",
    "skill_notes",
]

FREE = ("embedded/", "mockllm/")
"""How the names of models begin that cost nothing."""

_LETTER_TOKENS = 2
"""Tokens of a letter: measured with the embedded models."""
_CALL_TOKENS = 20
"""Tokens of a call that loads a skill."""
_MESSAGE_TOKENS = 4
"""Tokens that mark a message's role and end."""


@dataclass
class Share:
    """What an arm is asked and uses.

    Attributes:
        answers: Samples times epochs.
        input: Tokens that go in.
        output: Tokens that come out.
    """

    answers: int = 0
    input: int = 0
    output: int = 0

    def add(self, answers: int, given: int, said: int) -> None:
        """Adds answers that take ``given`` tokens in and ``said`` out, each."""
        self.answers += answers
        self.input += answers * given
        self.output += answers * said


@dataclass
class Plan:
    """What a run will use.

    Attributes:
        model: The model's name.
        arms: Use by task and arm.
        graders: Use by grader.
        epochs: Times every sample is asked.
        scenarios: Scenarios by task.
        assumed: What the figures rest on, in words.
        at_most: Tokens that limits allow to agents, whose use nobody can tell before.
        prices: Prices by model, in US dollars per million tokens; models without one are not in it.
    """

    model: str
    epochs: int
    arms: dict[tuple[str, str], Share] = field(default_factory=lambda: defaultdict(Share))
    graders: dict[str, Share] = field(default_factory=lambda: defaultdict(Share))
    scenarios: dict[str, int] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)
    at_most: int = 0
    prices: dict[str, ModelCost] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        """All tokens, in and out, graders' included."""
        return sum(share.input + share.output for share in self._shares())

    @property
    def cost(self) -> float | None:
        """US dollars; None where the price of a model that is asked is not known."""
        by_model = [(self.model, share) for share in self.arms.values()] + list(self.graders.items())
        if any(name not in self.prices for name, share in by_model if share.answers):
            return None
        return sum(
            (share.input * self.prices[name].input + share.output * self.prices[name].output) / 1e6
            for name, share in by_model
        )

    def _shares(self) -> Iterator[Share]:
        yield from self.arms.values()
        yield from self.graders.values()

    def lines(self) -> Iterator[str]:
        """The plan for people."""
        for (task, arm), share in self.arms.items():
            each = f"about {share.input // share.answers:,} in, {share.output // share.answers:,} out each"
            count = f"{share.answers // self.epochs} samples x {self.epochs} epoch{'s' * (self.epochs > 1)}"
            yield f"{task}, {arm}: {self.scenarios[task]} scenarios, {count}, {each}"
        for name, share in self.graders.items():
            yield f"grader {name}: {share.answers} calls, about {share.input // share.answers:,} in each"
        cost = self.cost
        price = "" if cost is None else f", ${cost:,.2f}"
        yield f"{self.model}: {sum(s.answers for s in self.arms.values())} answers, about {self.tokens:,} tokens{price}"
        yield from self.assumed

    def record(self) -> dict[str, Any]:
        """The plan for scripts."""
        return {
            "model": self.model,
            "epochs": self.epochs,
            "arms": [
                {"task": task, "arm": arm, "scenarios": self.scenarios[task], **vars(share)}
                for (task, arm), share in self.arms.items()
            ],
            "graders": [{"grader": name, **vars(share)} for name, share in self.graders.items()],
            "tokens": self.tokens,
            "cost": self.cost,
            "at_most": self.at_most or None,
            "assumed": self.assumed,
        }


def price_of(model: str) -> ModelCost | None:
    """What inspect knows of a model's price; nothing, unless somebody told it."""
    from inspect_ai.model import ModelCost, get_model_info

    if model.startswith(FREE):
        return ModelCost(input=0, output=0, input_cache_write=0, input_cache_read=0)
    try:
        info = get_model_info(model)
    except Exception:  # a provider's package that is missing is a matter for the run, not for its plan
        return None
    return info.cost if info else None


def plan_of(
    tasks: Sequence[Task],
    model: str,
    epochs: int,
    graders: Sequence[str],
    self_grade: bool,
    reply_tokens: int,
) -> Plan:
    """What tasks will use.

    Args:
        tasks: The tasks, as they will be run.
        model: The model under test.
        epochs: Times every sample is asked.
        graders: The models that grade.
        self_grade: Whether the model grades itself where there is no grader.
        reply_tokens: How long replies are taken to be.
    """
    plan = Plan(model, epochs)
    judges = list(graders) or ([model] if self_grade else [])
    for name in {model, *judges}:
        if (price := price_of(name)) is not None:
            plan.prices[name] = price
    for task in tasks:
        _add_task(plan, task, judges, reply_tokens)
    if any(sample.choices is None for task in tasks for sample in task.dataset):
        plan.assumed.append(
            f"replies are taken to be {reply_tokens:,} tokens long (--reply-tokens), and none to be asked for again; "
            "models that reason first write more"
        )
    if plan.at_most:
        plan.assumed.append(f"agents may use up to {plan.at_most:,} tokens more; -T token_limit= bounds them")
    if plan.cost is None:
        plan.assumed.append("the price is not known; --model-cost-config FILE gives it, as in inspect")
    return plan


def _add_task(plan: Plan, task: Task, judges: Sequence[str], reply_tokens: int) -> None:
    from redgreenbench.evals.arms import estimate_tokens
    from redgreenbench.evals.followup import TURNS
    from redgreenbench.evals.samples import scenarios_by_id
    from redgreenbench.evals.skilltools import tool_texts

    name = str(task.name).rpartition("/")[2]
    known = scenarios_by_id(_scenario_folders(task))
    samples = list(task.dataset)
    plan.scenarios[name] = len({(sample.metadata or {})["scenario"] for sample in samples})
    limit, arms = int(task.token_limit or 0), arms_of(task)
    for sample in samples:
        about = sample.metadata or {}
        scenario, share = known[about["scenario"]], plan.arms[name, about["arm"]]
        said = _LETTER_TOKENS if sample.choices else reply_tokens
        given = _prompt_tokens(sample, scenario)
        if about["delivery"] == "tool":
            # One load, after which the conversation goes in once more.
            given += estimate_tokens(tool_texts().model_dump_json())
            given, said = (
                2 * given + _skill_tokens(arms, about["pack"], about["arm"]) + _CALL_TOKENS,
                said + _CALL_TOKENS,
            )
        for pressed in range(1, TURNS.index(about["turn"]) + 1):
            # Every later demand takes all before it in once more.
            given, said = (
                given + _prompt_tokens(sample, scenario) + pressed * reply_tokens,
                said + reply_tokens,
            )
        share.add(plan.epochs, given, said)
        if limit:
            plan.at_most += max(0, plan.epochs * (limit - given - said))
        if not sample.choices:
            for judge in judges:
                length = _grader_tokens(sample, scenario, about["pressure"], reply_tokens)
                plan.graders[judge].add(plan.epochs, length, reply_tokens)


def _scenario_folders(task: Task) -> list[str]:
    from inspect_ai._util.registry import registry_params

    return list(registry_params(task.solver).get("scenarios") or [])


def arms_of(task: Task) -> Arms:
    """What every arm of a task adds."""
    from inspect_ai._util.registry import registry_params

    from redgreenbench.evals.arms import Arms

    return Arms.model_validate(registry_params(task.solver)["arms"])


def _prompt_tokens(sample: Sample, scenario: Scenario) -> int:
    from redgreenbench.evals.arms import estimate_tokens
    from redgreenbench.evals.decisions import options_text

    assert not isinstance(sample.input, str)
    texts = [message.text for message in sample.input]
    if sample.choices:
        texts[-1] = options_text(scenario, texts[-1], 1)[1]
    return sum(estimate_tokens(text) + _MESSAGE_TOKENS for text in texts)


def _skill_tokens(arms: Arms, pack: str, arm: str) -> int:
    """Tokens of the skill that an arm adds, as the tool gives it; of the first that all are offered where it adds none."""
    from redgreenbench.evals.arms import estimate_tokens
    from redgreenbench.evals.discovery import common_skills

    skills = arms.loadable(pack)[arm] or list(common_skills(pack, arms).values())[:1]
    return sum(estimate_tokens("\n".join([s.body, *(path for path, _ in s.sheets)])) for s in skills)


def _grader_tokens(sample: Sample, scenario: Scenario, pressure: str, reply_tokens: int) -> int:
    from redgreenbench.evals.arms import estimate_tokens
    from redgreenbench.scorers.grading.evidence import transcript_of
    from redgreenbench.scorers.grading.panel import grader_messages
    from redgreenbench.scorers.grading.questions import questions_of

    assert not isinstance(sample.input, str)
    asked = grader_messages(transcript_of(sample.input), questions_of(scenario, pressure))
    return reply_tokens + sum(estimate_tokens(message.text) + _MESSAGE_TOKENS for message in asked)


def skill_notes(skills: Sequence[str], tasks: Sequence[Task]) -> Iterator[str]:
    """What is delivered of the skills under test, what is left out of them, and which packs they are tested on."""
    from redgreenbench.evals.arms import estimate_tokens, served_packs
    from redgreenbench.evals.skillfolder import dead_links

    posed = {(sample.metadata or {})["pack"] for task in tasks for sample in task.dataset}
    for pack, why in ((pack, why) for pack, why in served_packs(skills).items() if pack in posed):
        yield f"tested on the pack {pack}: {why}"
    tested = {
        skill.hash: (skill, addition, arms.by_tool)
        for arms in map(arms_of, tasks)
        for additions in arms.by_pack.values()
        for arm, addition in additions.items()
        for skill in addition.skills
        if arm != "placebo"
    }
    for skill, addition, by_tool in tested.values():
        if skill.left_out:
            yield f"{skill.name}: left out: {_first_names(skill.left_out)}"
        if dead := dead_links(skill):
            yield f"{skill.name}: links to files that are not there: {_first_names(dead)}"
        if addition.body_only and skill.sheets and not by_tool:
            whole, body = estimate_tokens(skill.text), estimate_tokens(addition.text_of(skill))
            yield (
                f"{skill.name}: ONLY SKILL.md IS INJECTED, about {body:,} of {whole:,} tokens; its {len(skill.sheets)} "
                "other files are named: -T inject=whole injects them, with -T delivery=tool the model can read them"
            )


def _first_names(names: Sequence[str], count: int = 8) -> str:
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more


def read_prices(path: str | None) -> None:
    """Tells inspect the prices of a file.

    Raises:
        InputError: It is no file of prices.
    """
    from inspect_ai._util.config import resolve_args
    from inspect_ai.model import ModelCost, set_model_cost

    from redgreenbench.evals.errors import InputError

    try:
        for name, price in resolve_args(path or {}).items():
            set_model_cost(name, ModelCost(**price))
    except (TypeError, ValueError) as exc:
        raise InputError(
            f"{path}: no prices ({str(exc).splitlines()[0]}); give each model its input, output, input_cache_write and "
            "input_cache_read, in US dollars per million tokens"
        ) from exc


def dry_run_model(name: str, reply_tokens: int = 500) -> str | Model:
    """The model of this name; for ``mockllm/model`` one that answers in the form that is asked for and says nothing.

    Args:
        name: The model.
        reply_tokens: How long replies are taken to be, so that a dry run uses what its plan counts.
    """
    if name != "mockllm/model":
        return name
    from inspect_ai.model import ChatMessage, ModelOutput, ModelUsage, get_model

    from redgreenbench.evals.arms import estimate_tokens, prompt_template

    form = prompt_template("decide").rpartition("\n\n")[2]
    words = "NEXT: answer\n\nA dry run: no model was asked.\n\n```python\npass\n```"

    def reply(messages: list[ChatMessage], *_: object) -> ModelOutput:
        decides = messages[-1].text.endswith(form)
        output = ModelOutput.from_content("mockllm/model", "A" if decides else words)
        given = sum(estimate_tokens(message.text) + _MESSAGE_TOKENS for message in messages)
        said = _LETTER_TOKENS if decides else reply_tokens
        output.usage = ModelUsage(input_tokens=given, output_tokens=said, total_tokens=given + said)
        return output

    with redirect_stdout(sys.stderr):  # where inspect's notices may stand beside JSON
        return get_model("mockllm/model", custom_outputs=reply, memoize=False)
