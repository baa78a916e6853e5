"""Imports go down only, rooms are entered by their full name, and regular expressions read nothing that people write."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What each room may import of the others.
MAY = {
    "reference_bugs": set(),
    "evals": {"reference_bugs"},
    "scorers": {"evals", "reference_bugs"},
    "tasks": {"scorers", "evals", "reference_bugs"},
    "reports": {"evals"},
}
MODULES = [
    path for room in MAY for path in sorted((ROOT / room).rglob("*.py")) if "-" not in path.parent.name
]


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


@cache
def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; inspect loads tasks by path, where it fails"
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("room", MAY)
def test_modules_import_downwards_only(room: str) -> None:
    for path in (p for p in MODULES if room_of(p) == room):
        for name in imports(path):
            parts = name.split(".")
            assert parts[0] not in MAY, f"{path}: {name}: import it as redgreenbench.{name}"
            if parts[0] == "redgreenbench" and len(parts) > 1:
                assert parts[1] in MAY[room] | {room}, f"{path}: {room} must not import {name}"
            if room == "reference_bugs":
                assert parts[0] != "inspect_ai", f"{path}: the ground floor runs without inspect"


def test_reports_share_small_vocabularies_only() -> None:
    used = {
        n
        for p in MODULES
        if room_of(p) == "reports"
        for n in imports(p)
        if n.startswith("redgreenbench.evals")
    }
    assert used <= {f"redgreenbench.evals.{name}" for name in ("vocabulary", "errors", "storage", "sharding")}


def test_no_module_is_a_drawer() -> None:
    assert not {p.stem for p in MODULES} & {"utils", "common", "core", "helpers", "misc"}


def at_load(path: Path) -> set[str]:
    """Modules that loading a module loads; what only type checkers or functions import is not among them."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom):
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def test_no_two_modules_need_each_other() -> None:
    def name(path: Path) -> str:
        return ".".join(("redgreenbench", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(
            ".__init__"
        )

    needs = {name(path): at_load(path) for path in MODULES}
    order = TopologicalSorter({module: needs[module] & needs.keys() - {module} for module in needs})
    order.prepare()


USES_RE = {
    "evals/act_line.py": "the form line",
    "evals/agents/actions.py": "shell commands and code of agents",
    "evals/agents/installing.py": "paths in shell commands, names of skills",
    "evals/arms.py": "names of arms; pieces of a text, counted",
    "evals/contamination.py": "passages, headings and file names of a skill, found exactly",
    "evals/jail.py": "what a program of the sandbox prints",
    "evals/messages.py": "runs of backticks, so that a fence is longer",
    "scorers/fact.py": "a lexer of numbers and identifiers",
    "evals/sharding.py": "the form k/n",
    "scorers/grading/evidence.py": "white space in quotes",
    "scorers/grading/questions.py": "names of models",
    "reference_bugs/files.py": "paths of files in a program",
    "reference_bugs/folder.py": "names of bugs, paths in tracebacks",
    "reference_bugs/submission.py": "info strings of code blocks, heads of hunks",
    "reference_bugs/variants.py": "names in a probe, what a variant prints",
    "reference_bugs/verify.py": "what a buggy program prints",
    "reports/render/comment.py": "names of branches; addresses that a forge would link",
    "reports/render/plots.py": "ids in SVG",
    "reports/leaderboard/identity.py": "names in addresses",
    "reports/leaderboard/site.py": "names in addresses, ids in SVG",
    "reports/leaderboard/transcripts.py": "an element of the viewer's page",
    "reports/logs/addresses.py": "marks of a glob",
    "src/redgreenbench/cli/run.py": "names of folders",
    "src/redgreenbench/cli/versions.py": "names of folders",
}
"""What each module with regular expressions reads by them. No entry may say: what somebody wrote in English."""
FACE = [
    p
    for p in sorted((ROOT / "src" / "redgreenbench").glob("*.py"))
    + sorted((ROOT / "src" / "redgreenbench" / "cli").rglob("*.py"))
]


def test_regular_expressions_read_formal_things_only() -> None:
    using = {str(p.relative_to(ROOT)) for p in MODULES + FACE if imports(p) & {"re", "regex"}}
    assert using - USES_RE.keys() == set(), "does it read English? If not, say in the table what it reads"
    assert USES_RE.keys() - using == set(), "the table names modules that use none"


DATA = [p for room in ("evals", "scorers", "reports") for p in sorted((ROOT / room).rglob("*.y*ml"))]
SPOKEN = {"text", "says", "calls", "messages", "note", "doubtful"}
"""Keys under which stands what somebody says or does, whatever that holds."""
PATTERN_KEYS = {
    "check",
    "checks",
    "terms",
    "regex",
    "regexes",
    "pattern_any",
    "matches",
    "mentions_any",
    "mentions_all",
}
PATTERN_SIGNS = (r"\b", r"\s", r"\w", r"\d", "(?:", "(?i)", "(?=", "(?<", "(?!", ".*", "[^")


def held(value: object, key: str = "") -> Iterator[tuple[str, object]]:
    """Keys and plain values of a file, without what somebody says."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in SPOKEN:
                yield str(name), None
                yield from held(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from held(inner, key)
    else:
        yield key, value


def test_data_hold_no_patterns() -> None:
    for path in DATA:
        with path.open("rb") as file:
            read = [pair for document in yaml.load_all(file, Loader=LOADER) for pair in held(document)]
        assert not {key for key, _ in read} & PATTERN_KEYS, path
        strings = [value for _, value in read if isinstance(value, str)]
        assert not [value for value in strings if any(sign in value for sign in PATTERN_SIGNS)], path


def test_no_scenario_looks_like_a_regular_expression_anywhere() -> None:
    for path in sorted((ROOT / "evals" / "scenarios").rglob("*.yaml")):
        text = path.read_text("utf-8")
        assert not [sign for sign in (r"\b", "(?:", "(?i)") if sign in text], path


def test_what_a_module_exports_exists() -> None:
    for path in (p for p in MODULES if p.name != "__main__.py"):
        tree = ast.parse(path.read_text())
        exported = [
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
        ]
        defined = {getattr(n, "name", None) for n in tree.body}
        assigned = [t for n in tree.body if isinstance(n, ast.Assign) for t in n.targets]
        defined |= {name.id for target in assigned for name in ast.walk(target) if isinstance(name, ast.Name)}
        defined |= {
            n.target.id for n in tree.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
        }
        defined |= {a.asname or a.name for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names}
        for names in exported:
            assert set(names) <= defined, path
