"""The parameters of all tasks, once: what `-T name=value` takes, with defaults, meaning and checks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Annotated, Any, Literal

from inspect_ai import Task
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from redgreenbench.evals.arms import DEFAULT_SKILL
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.samples import is_external
from redgreenbench.evals.vocabulary import Inject
from redgreenbench.scorers.answer import Settings

__all__ = ["OF_PROGRAMS", "Parameters", "names", "with_parameters"]

OF_PROGRAMS = frozenset(
    {
        "bugs",
        "variants",
        "variants_seed",
        "device",
        "execution",
        "exec_sandbox",
        "exec_workers",
        "mode",
        "agent",
    }
    | {"sandbox", "token_limit", "time_limit", "cost_limit", "call_seconds"}
)
"""Parameters that say something only to tasks which pose programs."""


def names(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """The names in a parameter, given as ``a,b`` or as a list (inspect's -T makes either)."""
    if value is None:
        return ()
    parts = [str(part) for part in value] if isinstance(value, list | tuple) else str(value).split(",")
    return tuple(part.strip() for part in parts if part.strip())


Names = Annotated[tuple[str, ...], BeforeValidator(names)]
"""Names, given as ``a,b`` or as a list."""


class Parameters(BaseModel):
    """The parameters of a task. Every task accepts all of them; one that does not apply is an error that says so."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    skill: Names = Field(
        (DEFAULT_SKILL,),
        description="The skill under test: a folder, `folder@git-ref`, or a shipped version (`v1`, `v2`). Several are "
        "delivered together.",
    )
    arms: Names = Field(
        ("red", "green"),
        description="Arms: `red`, `generic`, `placebo`, `green`, or `name=folder[@git-ref]`.",
    )
    catalogue: Names = Field(
        (),
        description="Folders of skills that stand in the catalogue of every arm, such as the skill's own neighbours.",
    )
    pressure: Names = Field(
        (), description="Pressures, or `all`. Default: `none`; in the task `pressure`: `all`."
    )
    pressure_turn: str = Field(
        "first",
        description="When a pressure comes: `first`: in the user's message; `followup`: as a second message after a right "
        "first step; `third`: once more as a third one.",
    )
    scenarios: Names = Field(
        (), description="Ids, globs, packs, tags, or a folder of scenarios. Default: all of the task."
    )
    pack: Names = Field(
        (), description="Packs to run. Default: the pack that the skill belongs to by its name, else all."
    )
    bugs: Names = Field(
        (),
        description="Names of reference bugs: only the scenarios that pose them. Default, and `all`: every scenario.",
    )
    variants: int = Field(
        0,
        ge=0,
        le=20,
        description="Fresh variants of each program that are posed beside it; the report compares them with it.",
    )
    variants_seed: int = Field(1, ge=1, description="Seed of the first variant; the others follow it.")
    delivery: str = Field(
        "inject",
        description="How a skill reaches the model: `inject`: its text stands in the prompt; `tool`: the model finds it "
        "in a catalogue and loads it with a tool.",
    )
    inject: Inject | None = Field(
        None,
        description="How much of an injected skill stands in the prompt: `whole`, or `body`: SKILL.md and the names of its "
        "other files. Default: `whole`, and `body` for a skill of more than 20,000 tokens.",
    )
    self_grade: bool = Field(
        False, description="Whether the model under test grades itself where the role `grader` has no model."
    )
    execution: Literal["now", "later"] = Field(
        "now",
        description="`later`: programs stay unscored until `redgreen grade` runs them, on a machine that can confine them.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where programs are run.")
    exec_sandbox: str | None = Field(
        None,
        description="An inspect sandbox to run programs in (`docker`, `k8s`, …). Default: the engine's own.",
    )
    exec_workers: int | None = Field(
        None, ge=1, description="Programs run at a time. Default: one per core, at most 8."
    )
    mode: Literal["answer", "agent"] = Field(
        "answer", description="`answer`: the model answers; `agent`: it works on the program in a sandbox."
    )
    agent: str = Field(
        "react",
        description="Which agent works: `react`, or one of the package inspect-swe such as `claude_code`.",
    )
    sandbox: str | None = Field(
        None,
        description="The agent's inspect sandbox. Default: `jail`, or `docker` for an agent of inspect-swe.",
    )
    message_limit: int | None = Field(
        None,
        ge=1,
        description="Messages after which a sample ends. Default: none; 30 with `delivery=tool`; 60 for an agent.",
    )
    token_limit: int = Field(300_000, ge=1, description="Tokens after which an agent's sample ends.")
    time_limit: int = Field(1200, ge=1, description="Seconds after which an agent's sample ends.")
    cost_limit: float | None = Field(None, gt=0, description="US dollars after which an agent's sample ends.")
    call_seconds: int = Field(
        120, ge=1, description="Seconds after which one tool call of an agent is given up."
    )

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders among ``scenarios``, which scorers need too in order to know what is expected."""
        return tuple(name for name in self.scenarios if is_external(name))

    @property
    def settings(self) -> Settings:
        """How samples are judged."""
        return Settings(
            scenarios=self.folders,
            self_grade=self.self_grade,
            execution=self.execution,
            device=self.device,
            exec_sandbox=self.exec_sandbox,
            exec_workers=self.exec_workers,
        )


def with_parameters(door: Callable[[Parameters], Task]) -> Callable[..., Task]:
    """Makes a task's function take every parameter of `Parameters` by name.

    Raises:
        InputError: A parameter is unknown or has a value that it cannot have.
    """
    fields = Parameters.model_fields.items()

    @wraps(door)
    def make(**given: Any) -> Task:
        try:
            parameters = Parameters.model_validate(given)
        except ValidationError as error:
            raise InputError(_line(error)) from error
        return door(parameters)

    make.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.annotation
            )
            for name, field in fields
        ]
        # Without it inspect drops a name that it does not know, with a warning that nobody reads.
        + [inspect.Parameter("unknown", inspect.Parameter.VAR_KEYWORD)],
        return_annotation=Task,
    )
    listed = "\n".join(f"    {name}: {field.description}" for name, field in fields)
    make.__doc__ = f"{door.__doc__}\n\nArgs:\n{listed}"
    return make


def _line(error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else "parameters"
    if first["type"] == "extra_forbidden":
        return f"{name}: no task has this parameter; the parameters are {', '.join(Parameters.model_fields)}"
    message = str(first["msg"])
    return f"{name}={first['input']}: {message[0].lower()}{message[1:]}"
