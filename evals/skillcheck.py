"""Checks a skill without asking any model: form, size, links, description, leaks of this benchmark, and secrets.

Nothing here reads English: the form is that of agentskills.io (package skills-ref), leaks are words in a row that stand in a
scenario or in a prompt of ours too, secrets are found by detect-secrets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from redgreenbench.evals.act_line import read_act
from redgreenbench.evals.arms import MAX_WHOLE_TOKENS, estimate_tokens
from redgreenbench.evals.catalogue import HERE, load_scenarios, read_yaml
from redgreenbench.evals.contamination import grams
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.skillfolder import SKILL_FILE, Skill, dead_links, largest_files, read_skill

__all__ = ["Finding", "check_skill"]

MAX_BODY_TOKENS = 5_000
"""Tokens of SKILL.md that agentskills.io recommends at most, since agents load all of it."""
MIN_DESCRIPTION_WORDS = 8
"""Words that a description needs at least: fewer cannot say what a skill does and when."""
MIN_SHARED_PASSAGES = 8
"""Different passages of `redgreenbench.evals.contamination.GRAM_WORDS` words that make a leak: fewer are an error
message or a stock phrase."""
_ENTROPY = ("Base64HighEntropyString", "HexHighEntropyString", "KeywordDetector")
"""Detectors that take any long or named value for a secret, of which documentation is full."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a skill.

    Attributes:
        level: An error makes the check fail; a warning does not.
        rule: Which rule: load, form, size, links, description, leak, form-of-replies, secret.
        file: The file of the skill that it is about.
        says: What is wrong, and what to do.
    """

    level: Literal["error", "warning"]
    rule: str
    file: str
    says: str


def check_skill(spec: str) -> list[Finding]:
    """Everything that is wrong with a skill.

    Args:
        spec: ``path`` or ``path@git-ref``.

    Raises:
        InputError: There is no skill at this place, or a package that checks is not installed.
    """
    try:
        skill = read_skill(spec)
    except InputError as error:
        return [Finding("error", "load", SKILL_FILE, str(error))]
    folder = Path(spec.rpartition("@")[0] if "@" in spec and not Path(spec).exists() else spec).absolute()
    findings = [
        *_form(skill, folder.parent if folder.is_file() else folder),
        *_size(skill),
        *_links(skill),
        *_description(skill),
        *_leaks(skill),
        *_secrets(skill),
    ]
    return sorted(findings, key=lambda finding: (finding.level, finding.rule, finding.file))


def _missing(package: str) -> InputError:
    return InputError(f"the check needs the package {package}; pip install 'redgreenbench[check]'")


def _form(skill: Skill, folder: Path) -> Iterator[Finding]:
    try:
        from skills_ref.validator import validate_metadata
    except ImportError as exc:
        raise _missing("skills-ref") from exc
    fields: dict[str, Any] = yaml.safe_load(skill.frontmatter)
    for problem in validate_metadata(fields, folder):
        yield Finding("error", "form", SKILL_FILE, problem)


def _size(skill: Skill) -> Iterator[Finding]:
    body, whole = estimate_tokens(skill.body), estimate_tokens(skill.text)
    if body > MAX_BODY_TOKENS:
        yield Finding(
            "warning",
            "size",
            SKILL_FILE,
            f"about {body:,} tokens, recommended are at most {MAX_BODY_TOKENS:,}; move parts into sheets",
        )
    if whole > MAX_WHOLE_TOKENS:
        yield Finding(
            "warning",
            "size",
            SKILL_FILE,
            f"the folder has about {whole:,} tokens, so that only SKILL.md is injected in tests; the largest files, in "
            f"characters: {largest_files(skill)}",
        )


def _links(skill: Skill) -> Iterator[Finding]:
    for link in dead_links(skill):
        sheet, _, target = link.partition(": ")
        yield Finding(
            "error", "links", sheet, f"links to {target}, which is not there; add the file or drop the link"
        )


def _description(skill: Skill) -> Iterator[Finding]:
    words = skill.description.split()
    if len(words) < MIN_DESCRIPTION_WORDS:
        yield Finding(
            "warning",
            "description",
            SKILL_FILE,
            f"the description has {len(words)} words; agents find a skill by it alone: say what it does and when it is used",
        )


@cache
def _benchmark_passages() -> dict[str, frozenset[str]]:
    """Passages of this benchmark, by where they stand: what a skill that knows them would be tested on."""
    passages = {}
    for scenario in load_scenarios():
        file = scenario.file
        if file.split == "public":
            steps = file.decision.steps if file.decision else ()
            texts = [file.prompt, *steps, *(criterion.statement for criterion in file.rubric)]
            passages[f"the scenario {scenario.id}"] = frozenset().union(*map(grams, texts))
    for path in sorted((HERE / "prompts").glob("*.md")):
        passages[f"the prompt {path.name}"] = grams(path.read_text("utf-8"))
    grader = read_yaml(HERE / "grader.yaml")
    passages["the grader's prompt"] = grams("\n".join([grader["system"], *grader["statements"].values()]))
    return passages


def _leaks(skill: Skill) -> Iterator[Finding]:
    for path, text in ((SKILL_FILE, skill.body), *skill.sheets):
        mine = grams(text)
        for where, passages in _benchmark_passages().items():
            shared = sorted(mine & passages)
            if len(shared) >= min(MIN_SHARED_PASSAGES, len(passages)) > 0:
                yield Finding(
                    "error",
                    "leak",
                    path,
                    f"shares passages with {where}, such as “{shared[0]}”; write it in other words",
                )
        if any(read_act(line) for line in text.splitlines()):
            yield Finding(
                "error",
                "form-of-replies",
                path,
                "holds a line in the form that this benchmark asks of replies (NEXT: …), which is the desk's and not the "
                "skill's; say in words when to ask and whom to hand over to",
            )


def _secrets(skill: Skill) -> Iterator[Finding]:
    try:
        from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    except ImportError as exc:
        raise _missing("detect-secrets") from exc
    kinds: dict[str, type[Any]] = get_mapping_from_secret_type_to_class()
    detectors = [kind() for kind in kinds.values() if kind.__name__ not in _ENTROPY]
    for path, text in ((SKILL_FILE, skill.frontmatter), (SKILL_FILE, skill.body), *skill.sheets):
        lines = [line for line in text.splitlines() if line.strip()]
        secrets = (
            secret for line in lines for detector in detectors for secret in detector.analyze_line(path, line)
        )
        for kind in sorted({secret.type for secret in secrets}):
            yield Finding("error", "secret", path, f"holds what looks like a secret ({kind}); remove it")
