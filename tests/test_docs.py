"""What the README and the documentation say can be typed, and leads somewhere."""

import shlex
import tomllib
from pathlib import Path

import click
import pytest
import yaml
from markdown_it import MarkdownIt
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from redgreenbench import __version__
from redgreenbench.cli import main
from redgreenbench.tasks.parameters import Parameters

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(p for p in (ROOT / "docs").rglob("*.md") if p.parent.name != "examples")]
)
RUN_BY = {
    "make quickstart": ".ci/run",
    "make test": ".ci/run",
    "redgreen check": "tests/evals/test_skillcheck.py::test_the_command_fails_for_errors_and_for_warnings_when_strict",
    "redgreen ci": "tests/cli/test_ci.py::test_a_better_skill_passes_and_everything_is_written",
    "redgreen leaderboard": "tests/leaderboard/test_submissions.py::test_the_command_and_the_leaderboard_of_submissions",
    "redgreen report": "tests/cli/test_cli.py::test_an_interrupted_run_resumes_where_it_stopped",
    "redgreen run": "tests/cli/test_cli.py::test_a_run_stops_when_it_has_used_what_it_may_and_goes_on_later",
    "redgreen submission check": "tests/leaderboard/test_submissions.py::test_the_command_and_the_leaderboard_of_submissions",
}
"""The test, or the script of every change, that runs each command of the README in a short form."""


def commands(page: Path) -> list[str]:
    """The commands of a page's console blocks, without comments and without what they print."""
    blocks = [
        t.content
        for t in MarkdownIt().parse(page.read_text("utf-8"))
        if t.type == "fence" and t.info == "console"
    ]
    lines = [line for block in blocks for line in block.splitlines()]
    prompted = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    plain = [line for block in blocks if "$ " not in block for line in block.splitlines()]
    return [line for line in prompted + plain if line and not line.startswith("#")]


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 140


def test_every_command_of_the_readme_is_run_by_a_test() -> None:
    said = commands(ROOT / "README.md")
    assert len(said) >= 8
    for command in said:
        (known,) = [name for name in RUN_BY if command == name or command.startswith(f"{name} ")]
        file, _, test = RUN_BY[known].partition("::")
        text = (ROOT / file).read_text()
        assert f"def {test}(" in text if test else known in text, f"{command}: {RUN_BY[known]} is not there"
    assert {name for name in RUN_BY if not any(c.startswith(name) for c in said)} == set()


TYPED = [
    (page, command)
    for page in PAGES
    for command in commands(page)
    if command.startswith(("redgreen ", "inspect eval "))
]


@pytest.mark.parametrize(
    ("page", "command"), TYPED, ids=[f"{page.stem}: {command[:60]}" for page, command in TYPED]
)
def test_a_command_of_the_docs_can_be_typed(
    page: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every option and parameter exists; files and folders are the reader's own."""
    monkeypatch.setattr(click.Path, "convert", lambda self, value, *_: Path(value))
    program, *words = shlex.split(
        command.replace("--grader …", "--grader mockllm/x").replace("…", "x"), comments=True
    )
    if program == "inspect":
        task = words[1]
        assert task.startswith("redgreenbench/") or task == "my_task.py" or (ROOT / task).is_file(), task
        given = [words[i + 1] for i, word in enumerate(words) if word == "-T"]
    else:
        found: click.Command = main
        while isinstance(found, click.Group):
            name = words.pop(0)
            if name.startswith("-"):
                return
            found = found.commands[name]
        context = found.make_context(found.name, list(words))
        given = context.params.get("parameters") or []
    assert {str(one).partition("=")[0] for one in given} <= Parameters.model_fields.keys()


def addresses(page: Path) -> list[str]:
    """Where the links and pictures of a page lead."""
    inline = [
        t
        for t in MarkdownIt("commonmark").enable("table").parse(page.read_text("utf-8"))
        if t.type == "inline"
    ]
    parts = [child for token in inline for child in token.children or []]
    return [
        str(part.attrs.get("href") or part.attrs["src"])
        for part in parts
        if part.type in ("link_open", "image")
    ]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    tokens = MarkdownIt().parse(page.read_text("utf-8"))
    titles = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    kept = ["".join(c for c in title.lower() if c.isalnum() or c in " -_") for title in titles]
    return {title.replace(" ", "-") for title in kept}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for address in addresses(page):
        if "://" in address or address.startswith("mailto:"):
            continue
        path, _, anchor = address.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), address
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), address


def test_every_page_is_in_the_sites_navigation() -> None:
    def files(part: object) -> set[str]:
        if isinstance(part, str):
            return {part}
        return {f for one in (part if isinstance(part, list) else part.values()) for f in files(one)}

    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    pages = {str(p.relative_to(ROOT / "docs")) for p in PAGES if p.parent != ROOT}
    assert files(navigation) == pages


def test_versions_and_names_agree_wherever_they_are_written() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == project["version"] == __version__
    assert citation["license"] == project["license"]
    pins = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
    )
    lock = {p["name"]: p for p in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    assert {name: lock[name]["version"] for name in pins} == pins, "make lock"
    asked = [
        *project["dependencies"],
        *(one for many in project["optional-dependencies"].values() for one in many),
    ]
    noted = {(r["name"], r.get("specifier", "")) for r in lock["redgreenbench"]["metadata"]["requires-dist"]}
    wanted = [Requirement(one) for one in asked]
    assert {(canonicalize_name(r.name), SpecifierSet(str(r.specifier))) for r in wanted} == {
        (name, SpecifierSet(specifier)) for name, specifier in noted
    }, "make lock"
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert f"v{pins['ruff']}" in {repo.get("rev") for repo in hooks}
    entry = yaml.safe_load((ROOT / "docs" / "inspect-evals" / "redgreenbench" / "eval.yaml").read_text())
    assert entry["source"]["repository_url"] == project["urls"]["Homepage"]
    for task in entry["tasks"]:
        assert f"\ndef {task['name']}(" in (ROOT / task["task_path"]).read_text()
