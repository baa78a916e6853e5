"""`redgreen suggest`: drafts of scenarios for a skill, written by a model, posed only once a person has accepted them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from redgreenbench.cli.models import MODEL

if TYPE_CHECKING:
    from redgreenbench.evals.skillfolder import Skill

__all__ = ["suggest"]


@click.command()
@click.argument("skill")
@click.option("--model", required=True, type=MODEL, help="Any inspect model; it writes the drafts.")
@click.option("--count", default=5, show_default=True, type=click.IntRange(1, 20), help="How many drafts.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the pack: a new one, or one of your own to add to. Default: <name of the skill>-pack, here.",
)
def suggest(skill: str, model: str, count: int, into: Path | None) -> None:
    """Have a model draft scenarios with options and a rubric for SKILL: a folder, or a folder at a git revision.

    Each is written with `draft: true`, and no run poses it before you have read it and taken that line out.

    \b
    Examples:
      redgreen suggest ./skills/release-notes --model openai/gpt-5
    """
    from redgreenbench.cli.new import check_new_folder, write_pack, yaml_text
    from redgreenbench.evals.arms import prompt_template
    from redgreenbench.evals.catalogue import PACK_FILE
    from redgreenbench.evals.errors import InputError
    from redgreenbench.evals.skillfolder import read_skill

    read = read_skill(skill)
    target = into or Path(f"{read.name}-pack")
    adds = (target / PACK_FILE).is_file()
    if not adds:
        check_new_folder(target)
    drafts = asyncio.run(_drafts(read, model, count))
    files: dict[str, str] = {}
    patterns: dict[str, str] = {}
    for n, draft in enumerate(drafts, 1):
        try:
            data, mine = _draft_file(draft)
        except InputError as exc:
            click.echo(f"draft {n} is no scenario and is left out: {exc}", err=True)
            continue
        patterns |= mine
        files[f"scenarios/draft-{n}.yaml"] = yaml_text(data)
    if not files:
        raise InputError(f"{model} wrote no draft that is a scenario; try again, or take another model")
    if adds:
        _add_drafts(target, files, patterns)
    else:
        about = {
            "summary": f"Situations for {read.name}",
            "skill": read.name,
            "opening": prompt_template("opening"),
            "patterns": patterns,
        }
        write_pack(target, {PACK_FILE: yaml_text(about)} | files)
    click.echo(f"wrote {len(files)} drafts to {target / 'scenarios'}")
    click.echo("next: read each one, correct it, and take its line `draft: true` out; only then is it posed")


def _add_drafts(target: Path, files: dict[str, str], patterns: dict[str, str]) -> None:
    """Adds drafts to a pack that is there, under names that are free."""
    from redgreenbench.evals.catalogue import PACK_FILE, read_yaml
    from redgreenbench.evals.errors import InputError

    known = read_yaml(target / PACK_FILE).get("patterns") or {}
    if lacking := {name: says for name, says in patterns.items() if name not in known}:
        # Written by hand, as the file may hold comments that a dump would lose.
        lines = "\n".join(f"  {name}: {says}" for name, says in lacking.items())
        click.echo(f"add these to `patterns:` in {target / PACK_FILE}:\n{lines}")
    (target / "scenarios").mkdir(exist_ok=True)
    for path, text in files.items():
        place, n = target / path, 1
        while place.exists():
            n += 1
            place = (target / path).with_name(f"{Path(path).stem}-{n}.yaml")
        try:
            place.write_text(text, "utf-8")
        except OSError as exc:
            raise InputError(f"cannot write {place} ({exc.strerror or exc}); choose another --into") from exc


async def _drafts(skill: Skill, model: str, count: int) -> list[Any]:
    """What the model proposes, as data.

    Raises:
        InputError: It gives no reply, or one that is no list.
    """
    import yaml
    from inspect_ai._util.error import PrerequisiteError
    from inspect_ai.model import get_model

    from redgreenbench.evals.arms import prompt_template
    from redgreenbench.evals.errors import InputError
    from redgreenbench.reference_bugs.submission import code_blocks, without_reasoning

    asked = prompt_template("suggest").format(
        count=count, name=skill.name, description=skill.description, body=skill.body
    )
    try:
        said = without_reasoning((await get_model(model).generate(asked)).completion)
    except PrerequisiteError:
        raise
    except Exception as exc:  # a provider's of any kind
        why = " ".join((str(exc) or type(exc).__name__).split())[:300]
        raise InputError(f"{model}: no reply ({why}); try again, or take another model") from exc
    inside = next((block.text for block in code_blocks(said) if block.language in ("yaml", "yml", "")), said)
    try:
        drafts = yaml.safe_load(inside)
    except yaml.YAMLError as exc:
        raise InputError(
            f"{model}: its reply is no YAML ({str(exc).splitlines()[0]}); try again, or take another model"
        ) from exc
    if not isinstance(drafts, list):
        raise InputError(f"{model}: its reply is no list of scenarios; try again, or take another model")
    return drafts[:count]


def _draft_file(draft: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The file of a draft as data, and the failure patterns that it names with what they say.

    Raises:
        InputError: It makes no valid scenario.
    """
    from redgreenbench.evals.catalogue import validate
    from redgreenbench.evals.schema import ScenarioFile

    data = dict(draft) if isinstance(draft, dict) else {}
    named = data.pop("patterns", None)
    patterns = {str(k): str(v) for k, v in named.items()} if isinstance(named, dict) else {}
    data |= {"source": {"document": "own", "section": "Drafted by a model"}, "draft": True}
    file = validate(ScenarioFile, data, Path("the draft"))
    for name in file.patterns:
        patterns.setdefault(name, name.replace("-", " "))
    return data, {name: says for name, says in patterns.items() if name in file.patterns}
