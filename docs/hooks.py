"""What the site adds to its pages as it is built: tables made from the code, and links that leave `docs/`.

A page asks for a table by a line `{{ name }}`; its name is that of a function below. A relative link out of `docs/` is right
on GitHub, and leads there from the site.
"""

from __future__ import annotations

import importlib
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import click
from griffe import Docstring
from pydantic import BaseModel

from redgreenbench.cli import main
from redgreenbench.evals.catalogue import OwnPack
from redgreenbench.evals.schema import ScenarioFile
from redgreenbench.evals.vocabulary import UNSCORED
from redgreenbench.reports.leaderboard.submissions import Submission
from redgreenbench.reports.metrics import load_metrics, load_registry
from redgreenbench.reports.rules import GateFile
from redgreenbench.scorers.scored import SCORERS
from redgreenbench.tasks.parameters import Parameters

WANTED = re.compile(r"^\{\{ (\w+) \}\}$", re.M)
LINK = re.compile(r"\]\((\.\.?/[^)#\s]*)(#[^)\s]*)?\)")


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table; bars and line ends in cells are escaped."""
    lines = [list(head), ["---"] * len(list(head)), *map(list, rows)]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in line) + " |"
        for line in lines
    )


def parameters() -> str:
    """Every parameter of the tasks."""

    def default(value: object) -> str:
        if value in (None, (), ""):
            return ""
        if isinstance(value, bool):
            return f"`{str(value).lower()}`"
        return f"`{','.join(value) if isinstance(value, tuple) else value}`"

    fields = Parameters.model_fields.items()
    return table(
        ["`-T`", "default", "meaning"], [(f"`{n}`", default(f.default), f.description) for n, f in fields]
    )


def metrics() -> str:
    """Every metric, by family, and what is computed from metrics."""
    parts = []
    for family, words in (("headline", "Headline"), ("detail", "Exploratory"), ("cost", "Costs")):
        rows = [
            (
                f"**{m.title}**<br>`{name}`",
                f"{m.formula}<br>*from* `{m.scorer}.{m.key}`; *missing:* {m.missing}",
                "more" if m.sign > 0 else "less",
                m.document,
            )
            for name, m in load_metrics().items()
            if m.family == family
        ]
        parts += [f"## {words}", table(["metric", "formula", "better", "document"], rows)]
    computed = [(f"**{d.title}**<br>`{n}`", d.formula) for n, d in load_registry().computed.items()]
    return "\n\n".join([*parts, "## Computed from metrics", table(["what", "formula"], computed)])


def commands() -> str:
    """Every command with its help, as a terminal of 80 columns shows it."""

    def helps(command: click.Command, context: click.Context) -> Iterator[str]:
        yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```"
        for name, inner in sorted(getattr(command, "commands", {}).items()):
            yield from helps(inner, click.Context(inner, info_name=name, parent=context, terminal_width=80))

    return "\n\n".join(
        helps(main, click.Context(main, info_name="redgreen", terminal_width=80, **main.context_settings))
    )


def scores() -> str:
    """Every scorer with its keys, in the words at the top of its module, and the reasons for being unscored."""
    importlib.import_module("redgreenbench._registry")
    parts = []
    for name, spec in sorted(SCORERS.items()):
        words = importlib.import_module(f"redgreenbench.scorers.{name}").__doc__ or ""
        keys = ", ".join(f"`{key}`" for key in spec.keys)
        parts.append(
            f"## {name}\n\nVersion {spec.version}; keys {keys}.\n\n{words.replace('``', '`').strip()}"
        )
    return "\n\n".join(
        [*parts, "## Unscored", table(["code", "meaning"], [(f"`{c}`", w) for c, w in UNSCORED.items()])]
    )


def described(model: type[BaseModel]) -> dict[str, str]:
    """What a model's docstring says of its fields."""
    sections = Docstring(model.__doc__ or "", parser="google").parsed
    return {
        item.name: item.description
        for section in sections
        if section.kind.value == "attributes"
        for item in section.value
    }


def fields_of(model: type[BaseModel], title: str) -> str:
    """A table of a file's fields; a field without words of its own has those of what it holds."""
    words = described(model)
    for name, field in model.model_fields.items():
        for held in models_in(field.annotation)[:1]:
            words.setdefault(
                name, f"{(held.__doc__ or '').strip().splitlines()[0]} *{held.__name__}*, below."
            )
    rows = [
        (f"`{name}`", "yes" if field.is_required() else "", field.description or words.get(name, ""))
        for name, field in model.model_fields.items()
    ]
    return f"{title}\n\n" + table(["field", "required", "meaning"], rows)


def schemas() -> str:
    """The fields of every file that a person writes."""
    parts = [fields_of(ScenarioFile, "## A scenario")]
    inner = [
        ScenarioFile.model_fields[name].annotation
        for name in ("source", "act", "fact", "decision", "rubric", "slots")
    ]
    for model in sorted({m for a in inner for m in models_in(a)}, key=lambda m: m.__name__):
        parts.append(fields_of(model, f"### {model.__name__}"))
    parts += [fields_of(OwnPack, "## A pack: `pack.yaml`"), fields_of(GateFile, "## Gates: `gates.yaml`")]
    parts += [
        fields_of(model, f"### {model.__name__}")
        for model in models_in(GateFile.model_fields["gates"].annotation)
    ]
    parts.append(fields_of(Submission, "## A submission: `submission.yaml`"))
    return "\n\n".join(parts)


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The data classes that an annotation names, and those that they name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation, *(m for f in annotation.model_fields.values() for m in models_in(f.annotation))]
    return [m for part in getattr(annotation, "__args__", ()) for m in models_in(part)]


TABLES: dict[str, Callable[[], str]] = {
    f.__name__: f for f in (commands, parameters, metrics, scores, schemas)
}


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Called by mkdocs for each page."""
    here = posixpath.dirname(page.file.src_uri)

    def leave(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join("docs", here, link[1]))
        if target.startswith("docs/"):
            return link[0]
        return f"]({config.repo_url}blob/main/{target}{link[2] or ''})"

    return LINK.sub(leave, WANTED.sub(lambda link: TABLES[link[1]](), markdown))
