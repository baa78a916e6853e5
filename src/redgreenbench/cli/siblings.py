"""`redgreen siblings`: paraphrases of public scenarios by a model, each kept only if a person accepts it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from redgreenbench.cli.models import MODEL

if TYPE_CHECKING:
    from redgreenbench.evals.catalogue import Scenario

__all__ = ["lost_facts", "siblings"]

_HEADER = (
    "# A paraphrase of {id}, accepted by a person. Private: not for publication, not for training corpora.\n"
)


@click.command()
@click.argument("scenarios", nargs=-1, required=True)
@click.option("--model", required=True, type=MODEL, help="Any inspect model; it writes the paraphrases.")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder of the private split, outside of any public repository; REDGREEN_PRIVATE poses it.",
)
def siblings(scenarios: tuple[str, ...], model: str, into: Path) -> None:
    """Have SCENARIOS paraphrased for a private split, and accept or reject each paraphrase.

    What is right stays as it is; title, prompt, options and pressure slots get other words. Each text is shown with its
    paraphrase, and where a number, a name or code is lost or nothing was changed, that is said. Choose a folder outside of
    any repository that others see.

    \b
    Examples:
      redgreen siblings training-optimization --model openai/gpt-5 --into ~/held-out
    """
    from redgreenbench.evals.errors import InputError
    from redgreenbench.evals.samples import find_scenarios

    kept = 0
    public = [s for s in find_scenarios(scenarios) if s.file.split == "public" and not s.is_positive_control]
    if not public:
        raise InputError(
            "none of these scenarios can have a sibling: they are private or ask for a skill by name"
        )
    for scenario in public:
        target = into / "scenarios" / scenario.pack / f"{scenario.slug}-sibling.yaml"
        if target.exists():
            click.echo(f"{target} is there already; left as it is")
            continue
        try:
            said = asyncio.run(_paraphrased(scenario, model))
            data = _sibling(scenario, said)
        except (
            Exception
        ) as exc:  # a provider's of any kind, or a reply that makes no scenario; the next one may do
            why = (str(exc) or type(exc).__name__).splitlines()[0][:300]
            click.echo(f"{scenario.id}: no usable paraphrase ({why}); left out", err=True)
            continue
        for line in _paraphrase_lines(scenario, said):
            click.echo(line)
        answer = click.prompt("Keep it? y: yes, n: no, q: stop here", type=click.Choice(["y", "n", "q"]))
        if answer == "q":
            break
        if answer == "y":
            _write(target, scenario, data)
            kept += 1
            click.echo(f"kept {target}")
    click.echo(f"{kept} kept; pose them with REDGREEN_PRIVATE={into}")


def _paraphrasable_texts(scenario: Scenario) -> dict[str, str]:
    """The texts that are paraphrased, by the path of their field."""
    file = scenario.file
    texts = {"title": file.title, "prompt": file.prompt}
    if file.decision:
        texts |= {f"decision.{place}": step for place, step in enumerate(file.decision.steps)}
    slots = {name: value for name, value in file.slots if isinstance(value, str)}
    texts |= {f"slots.{name}": value for name, value in slots.items()}
    if file.slots.right_call:
        texts["slots.right_call"] = file.slots.right_call.do
    return texts


async def _paraphrased(scenario: Scenario, model: str) -> dict[str, str]:
    """The texts in other words, by the path of their field.

    Raises:
        ValueError: The model's reply has no object with the same fields.
    """
    from inspect_ai.model import get_model

    from redgreenbench.evals.arms import prompt_template

    texts = _paraphrasable_texts(scenario)
    asked = prompt_template("sibling").format(texts=json.dumps(texts, indent=1, ensure_ascii=False))
    text = (await get_model(model).generate(asked)).completion
    for place in (place for place, mark in enumerate(text) if mark == "{"):
        try:
            said, _ = json.JSONDecoder().raw_decode(text, place)
        except (ValueError, RecursionError):
            continue
        if isinstance(said, dict) and said.keys() == texts.keys():
            return {name: str(value) for name, value in said.items()}
    raise ValueError("the reply has no JSON object with the fields that were sent")


def _sibling(scenario: Scenario, said: dict[str, str]) -> dict[str, Any]:
    """The file of a sibling as data.

    Raises:
        InputError: It makes no valid scenario.
    """
    from redgreenbench.evals.catalogue import validate
    from redgreenbench.evals.schema import ScenarioFile

    data = scenario.file.model_dump(mode="json", exclude_defaults=True)
    data |= {"title": said["title"], "prompt": said["prompt"], "split": "private"}
    if scenario.file.decision:
        data["decision"]["right"] = said["decision.0"]
        for place, option in enumerate(data["decision"]["wrong"], start=1):
            option["step"] = said[f"decision.{place}"]
    for name in data.get("slots", {}):
        if name == "right_call":
            data["slots"][name]["do"] = said["slots.right_call"]
        else:
            data["slots"][name] = said[f"slots.{name}"]
    validate(ScenarioFile, data, Path("the paraphrase"))
    return data


def lost_facts(before: str, after: str) -> list[str]:
    """Numbers, names of code and words in capitals that stand in a text and not in its paraphrase, in order."""

    def facts(text: str) -> list[str]:
        words = [word.strip(".,;:!?()[]\"'") for word in text.split()]
        return [w for w in words if any(c.isdigit() or c in "_=`" for c in w) or (w[1:] != w[1:].lower())]

    there = set(facts(after))
    return [fact for fact in dict.fromkeys(facts(before)) if fact not in there]


def _paraphrase_lines(scenario: Scenario, said: dict[str, str]) -> Iterator[str]:
    texts = _paraphrasable_texts(scenario)
    yield click.style(
        f"\n──── {scenario.id}, each text with its paraphrase; decision.0 is right ────", bold=True
    )
    for name, text in texts.items():
        yield f"{click.style(name, bold=True)}: {text}\n  {said[name]}"
        if said[name] == text:
            yield click.style("  the same words as before", fg="yellow")
        if lost := lost_facts(text, said[name]):
            yield click.style(f"  not in it any more: {', '.join(lost)}", fg="yellow")


def _write(target: Path, scenario: Scenario, data: dict[str, Any]) -> None:
    import yaml

    from redgreenbench.evals.errors import InputError

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110)
        target.write_text(_HEADER.format(id=scenario.id) + text, "utf-8")
    except OSError as exc:
        raise InputError(f"cannot write {target} ({exc.strerror or exc}); choose another --into") from exc
