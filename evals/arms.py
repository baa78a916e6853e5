"""Arms: what is added to the same prompt, and nothing else.

`red` adds nothing, `generic` a strong generic prompt, `placebo` an irrelevant skill of the
tested skill's length, `green` the skill under test, and `name=path[@git-ref]` any other skill.
The user's message and the catalogue of specialists are the same bytes in every arm; this
module only knows what differs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, cached_property
from itertools import cycle
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from redgreenbench.evals.catalogue import HERE, load_packs
from redgreenbench.evals.errors import InputError, unknown
from redgreenbench.evals.skillfolder import Skill, read_skill
from redgreenbench.evals.vocabulary import Arm as BuiltIn
from redgreenbench.evals.vocabulary import Delivery, Inject

__all__ = [
    "DEFAULT_SKILL",
    "LONGEST",
    "Addition",
    "Arms",
    "estimate_tokens",
    "placebo_text",
    "prompt_template",
    "resolve_arms",
    "shipped_skills",
]

LONGEST = 20_000
"""Tokens of a skill beyond which only its SKILL.md is injected unless all of it is asked for."""

DEFAULT_SKILL = "v2"
"""The shipped version that `green` uses when no skill is given."""

_SHIPPED = HERE / "skills"
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


class Addition(BaseModel):
    """What one arm adds in the scenarios of one pack: nothing, a prompt, or a skill.

    Attributes:
        prompt: Text that is no skill.
        skill: A skill (for `placebo` the irrelevant one, cut to length).
        body_only: Whether only SKILL.md stands in the prompt, with the names of the skill's other files.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str = ""
    skill: Skill | None = None
    body_only: bool = False

    @property
    def text(self) -> str:
        """What stands in the system message where skills are injected; empty for `red`."""
        if self.skill is None:
            return self.prompt
        return prompt_template("skill").format(name=self.skill.name, text=self.skill_text)

    @property
    def skill_text(self) -> str:
        """As much of the skill's text as is delivered."""
        assert self.skill is not None
        names = "\n".join(f"- {path}" for path, _ in self.skill.sheets)
        if not self.body_only or not names:
            return self.skill.text
        return prompt_template("skill_files").format(body=self.skill.body, names=names)


class Arms(BaseModel):
    """What every arm adds, and how it reaches the model. Made once for a task and handed down.

    Attributes:
        delivery: How skills reach the model.
        by_pack: Additions by pack and arm, arms in the order wanted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    delivery: Delivery
    by_pack: dict[str, dict[str, Addition]]

    @property
    def by_tool(self) -> bool:
        """Whether the model loads skills itself."""
        return self.delivery is Delivery.TOOL

    def text(self, pack: str, arm: str) -> str:
        """What an arm puts into the system message; nothing where it is a skill that the model loads itself."""
        addition = self.by_pack[pack][arm]
        return "" if self.by_tool and addition.skill else addition.text

    def loadable(self, pack: str) -> dict[str, Skill | None]:
        """By arm, the skill that it adds to those that the model can load; None where it adds none."""
        return {arm: addition.skill if self.by_tool else None for arm, addition in self.by_pack[pack].items()}

    def tested(self, pack: str) -> tuple[str, ...]:
        """Names of the skills under test, which are nobody's specialists in any arm."""
        arms = self.by_pack[pack]
        return tuple(sorted({a.skill.name for n, a in arms.items() if a.skill and n != BuiltIn.PLACEBO}))

    @cached_property
    def hash(self) -> str:
        """A hash of everything that the arms add, for the task's version. 64 hex digits."""
        lines = sorted(
            f"{pack} {name} {hashlib.sha256(one.text.encode()).hexdigest()} {one.skill.hash if one.skill else '-'}"
            for pack, by_name in self.by_pack.items()
            for name, one in by_name.items()
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@cache
def prompt_template(name: str) -> str:
    """The wording in ``evals/prompts/<name>.md``, without the final newline."""
    return (HERE / "prompts" / f"{name}.md").read_text("utf-8").rstrip("\n")


@cache
def shipped_skills() -> dict[str, Path]:
    """Folder of every shipped skill by ``name/version``; specialists and the placebo are not among them."""
    folders = sorted(path.parent for path in _SHIPPED.glob("v*/*/SKILL.md"))
    return {f"{folder.name}/{folder.parent.name}": folder for folder in folders}


def estimate_tokens(text: str) -> int:
    """A tokenizer-free estimate of the number of tokens.

    Words count one token per started group of twelve letters, digits one each, and runs of other marks one
    per started group of six. Two texts of equal estimate differ by less than 6 % on average over the
    vocabularies of Qwen2.5 and SmolLM2 (measured on the shipped skills and the placebo), by up to 9 % in one.
    """
    pieces = re.findall(r"[A-Za-z]+|\d|[^\sA-Za-z\d]+", text)
    return sum(-(-len(piece) // (12 if piece[0].isalpha() else 6)) for piece in pieces)


def placebo_text(source: str, target: int) -> str:
    """Cuts or repeats ``source`` paragraph by paragraph to ``target`` tokens, ±1 word.

    Args:
        source: The irrelevant skill, paragraphs separated by blank lines.
        target: Length to reach, in tokens as `estimate_tokens` counts them.
    """
    chosen: list[str] = []
    total = 0
    for paragraph in cycle(source.split("\n\n")):
        size = estimate_tokens(paragraph)
        if total + size > target:
            words = paragraph.split(" ")
            while words and total + estimate_tokens(" ".join(words)) > target:
                words.pop()
            if words:
                chosen.append(" ".join(words))
            return "\n\n".join(chosen)
        chosen.append(paragraph)
        total += size
    raise AssertionError("unreachable: cycle() never ends")


def _skill_for(spec: str, pack: str) -> Skill:
    """The skill ``spec`` names: a shipped version (``v1``), a shipped ``name/version``, or a path."""
    own = f"{load_packs()[pack].skill}/{spec}"
    shipped = shipped_skills()
    if own in shipped:
        return read_skill(str(shipped[own]))
    if spec in shipped and not Path(spec).exists():
        return read_skill(str(shipped[spec]))
    return read_skill(spec)


def resolve_arms(
    wanted: Sequence[str],
    skill: str,
    packs: Sequence[str],
    delivery: str = Delivery.INJECT,
    inject: Inject | None = None,
) -> Arms:
    """What every wanted arm adds in every pack. Reads every skill, so bad folders fail here.

    Args:
        wanted: ``red``, ``generic``, ``placebo``, ``green`` or ``name=path[@git-ref]``.
        skill: The skill under test: a shipped version (``v1``, ``v2``), a shipped ``name/version``, or a path.
        packs: Packs whose scenarios will be asked.
        delivery: How skills reach the model.
        inject: How much of a skill stands in the prompt; None: all of it, but only SKILL.md where all has more than
            `LONGEST` tokens.

    Raises:
        InputError: An arm is unknown, named twice, or its skill cannot be read; or there is no such delivery.
    """
    if delivery not in list(Delivery):
        raise InputError(f"delivery={delivery}: a skill is delivered by {' or '.join(Delivery)}; choose one")
    names = [entry.partition("=")[0] for entry in wanted]
    if not names:
        raise InputError("no arms given; use for example arms=red,green")
    for entry, name in zip(wanted, names, strict=True):
        if "=" not in entry and name not in list(BuiltIn):
            raise unknown("arm", name, list(BuiltIn), "redgreen list arms")
        if "=" in entry and (name in list(BuiltIn) or not _NAME.fullmatch(name)):
            raise InputError(
                f"arm '{entry}': '{name}' cannot name an arm; use a new name in a-z, 0-9, '_', '.', '-'"
            )
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InputError(f"arm '{min(twice)}' is given twice; give every arm its own name")
    by_pack = {
        pack: {name: _addition(entry, skill, pack, inject) for entry, name in zip(wanted, names, strict=True)}
        for pack in packs
    }
    return Arms(delivery=Delivery(delivery), by_pack=by_pack)


def _added(skill: Skill, inject: Inject | None) -> Addition:
    if inject is None:
        inject = Inject.BODY if estimate_tokens(skill.text) > LONGEST else Inject.WHOLE
    return Addition(skill=skill, body_only=inject is Inject.BODY and bool(skill.sheets))


def _addition(entry: str, skill: str, pack: str, inject: Inject | None) -> Addition:
    name, _, spec = entry.partition("=")
    if spec:
        return _added(_skill_for(spec, pack), inject)
    match BuiltIn(name):
        case BuiltIn.RED:
            return Addition()
        case BuiltIn.GENERIC:
            return Addition(prompt=prompt_template("generic"))
        case BuiltIn.GREEN:
            return _added(_skill_for(skill, pack), inject)
        case BuiltIn.PLACEBO:
            tested = _added(_skill_for(skill, pack), inject)
            irrelevant = read_skill(str(_SHIPPED / "placebo" / "keeping-sourdough"))
            text = placebo_text(irrelevant.text, estimate_tokens(tested.skill_text))
            return Addition(skill=replace(irrelevant, body=text, sheets=()))
