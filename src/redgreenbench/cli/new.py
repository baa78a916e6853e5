"""`redgreen new`: lays out a bug's folder or a scenario's file, each an example that works."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import click

__all__ = ["check_new_folder", "new", "scenarios_argument", "write_pack", "yaml_text"]


@click.group()
def new() -> None:
    """Start something new from a template."""


@new.command()
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to make it in; default: reference_bugs of this checkout.",
)
def bug(name: str, into: Path | None) -> None:
    """Lay out the folder of a reference bug called NAME, two or more words joined by hyphens.

    It holds a small example that verifies; docs/adding-a-bug.md says how to make it yours.

    \b
    Examples:
      redgreen new bug forgotten-zero-grad
    """
    from redgreenbench.evals.errors import InputError
    from redgreenbench.reference_bugs.folder import HERE, NAME

    if not NAME.fullmatch(name):
        raise InputError(
            f"'{name}' is no name for a bug; take small words joined by hyphens, such as forgotten-zero-grad"
        )
    target = (into or HERE) / name
    if target.exists():
        raise InputError(f"{target} is there already; choose another name or remove it")
    template = files("redgreenbench.reference_bugs") / "engine" / "template"
    for relative in ("fixes", "workarounds"):
        (target / relative).mkdir(parents=True)
    for source in sorted(_template_files(template)):
        (target / source).write_text((template / source).read_text("utf-8"), "utf-8")
    click.echo(f"made {target}")
    click.echo("next:")
    click.echo(f"  1. write {target / 'program.py'}, then record what it prints:")
    click.echo(f"       python -m redgreenbench.reference_bugs record {target}")
    click.echo(
        "  2. write patches (diff -u program.py fixed.py), probe.py and checks.py, and describe them in bug.yaml"
    )
    click.echo(f"  3. prove it: python -m redgreenbench.reference_bugs verify --bug {target}")


@new.command()
@click.argument("name", metavar="PACK/NAME")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("scenarios"),
    show_default=True,
    help="Folder to make it in; -T scenarios=./FOLDER poses what is there.",
)
def scenario(name: str, into: Path) -> None:
    """Lay out the file of a scenario of a pack, such as training-optimization/flat-loss.

    It holds a small example that is valid; docs/adding-a-scenario.md explains its fields.

    \b
    Examples:
      redgreen new scenario training-optimization/flat-loss
      redgreen new scenario debugging-techniques/wrong-axis --into evals/scenarios
    """
    from string import Template

    from pydantic import TypeAdapter, ValidationError

    from redgreenbench.evals.catalogue import HERE, load_packs, read_yaml
    from redgreenbench.evals.errors import InputError, unknown_name
    from redgreenbench.evals.schema import Slug

    packs = {pack: about for pack, about in load_packs().items() if about.task}
    pack, _, slug = name.rpartition("/")
    if pack not in packs:
        raise unknown_name("pack", pack or name, packs, "redgreen list scenarios")
    try:
        TypeAdapter(Slug).validate_python(slug)
    except ValidationError:
        raise InputError(
            f"'{slug}' is no name for a scenario; take small words joined by hyphens, such as flat-loss"
        ) from None
    target = into / pack / f"{slug}.yaml"
    if target.exists():
        raise InputError(f"{target} is there already; choose another name or remove it")
    parts = read_yaml(HERE / "prompts" / "new_scenario.yaml")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        text = Template(parts["file"]).substitute(act=parts["act"] if packs[pack].specialists else "")
        target.write_text(text, "utf-8")
    except OSError as exc:
        raise InputError(f"cannot write {target} ({exc.strerror or exc}); choose another --into") from exc
    posed = f"-T scenarios=./{into}" if not into.is_absolute() else f"-T scenarios={into}"
    click.echo(f"made {target}")
    click.echo("next: make it yours, then look at what a model will see and pose it:")
    click.echo(f"  redgreen show {name} --decision --scenarios {posed.partition('=')[2]}")
    click.echo(f"  inspect eval redgreenbench/decision --model <provider/model> {posed}")


@new.command()
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Folder to make it in; default: here.",
)
def pack(name: str, into: Path) -> None:
    """Lay out a pack of your own called NAME: scenarios for any skill, outside of this repository.

    It holds two small scenarios that are valid; docs/own-scenarios.md makes a pack of them, step by step.

    \b
    Examples:
      redgreen new pack release-notes
      redgreen run --model mockllm/model --scenarios ./release-notes --skill ./skills/release-notes
    """
    from string import Template

    from redgreenbench.evals.catalogue import HERE, load_scenarios, read_yaml

    files = {
        path: Template(text).substitute(name=name)
        for path, text in read_yaml(HERE / "prompts" / "new_pack.yaml").items()
    }
    write_pack(into / name, files)
    count = len(load_scenarios(into / name))
    click.echo(f"made {into / name} with {count} scenarios")
    click.echo("next: make them yours, look at what a model will see, and pose them:")
    place = scenarios_argument(into / name)
    click.echo(f"  redgreen show {name}/breaking-change --scenarios {place}")
    click.echo(f"  redgreen run --model mockllm/model --scenarios {place} --skill path/to/your-skill")


def yaml_text(data: dict[str, Any]) -> str:
    """A file of a pack as text."""
    import yaml

    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110)


def check_new_folder(folder: Path) -> None:
    """Raises an error if a new pack cannot be made in this folder.

    Raises:
        InputError: Its name is none for a pack, or it is there already.
    """
    from redgreenbench.evals.catalogue import check_pack_name
    from redgreenbench.evals.errors import InputError

    check_pack_name(folder)
    if folder.exists():
        raise InputError(f"{folder} is there already; choose another name or remove it")


def scenarios_argument(folder: Path) -> str:
    """A folder as `--scenarios` takes it."""
    return str(folder) if folder.is_absolute() else f"./{folder}"


def write_pack(folder: Path, files: dict[str, str]) -> None:
    """Writes the files of a new pack.

    Args:
        folder: Its folder, whose name is the pack's.
        files: Texts by path inside of it.

    Raises:
        InputError: The name is none for a pack, or the folder is there already or cannot be written.
    """
    from redgreenbench.evals.errors import InputError

    check_new_folder(folder)
    try:
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, "utf-8")
    except OSError as exc:
        raise InputError(f"cannot write {folder} ({exc.strerror or exc}); choose another --into") from exc


def _template_files(template: object) -> list[str]:
    root = Path(str(template))
    return [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]
