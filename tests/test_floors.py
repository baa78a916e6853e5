"""Imports go down only, rooms are entered by their full name, and nothing is hidden in helpers."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
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


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; inspect loads tasks by path, where it fails"
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_downwards_only(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    for name in imports(path):
        parts = name.split(".")
        assert parts[0] not in MAY, f"{name}: import it as redgreenbench.{name}"
        if parts[0] == "redgreenbench" and len(parts) > 1:
            assert parts[1] in MAY[room] | {room}, f"{room} must not import {name}"
        if room == "reference_bugs":
            assert parts[0] != "inspect_ai", "the ground floor runs without inspect"


def test_reports_share_small_vocabularies_only() -> None:
    used = {
        n
        for p in MODULES
        if p.parts[-2] == "reports"
        for n in imports(p)
        if n.startswith("redgreenbench.evals")
    }
    assert used <= {"redgreenbench.evals.vocabulary", "redgreenbench.evals.errors"}


def test_no_module_is_two_things() -> None:
    long = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in MODULES}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}
    assert not {p.stem for p in MODULES} & {"utils", "common", "core", "helpers", "misc"}


@pytest.mark.parametrize(
    "path", [p for p in MODULES if p.name != "__main__.py"], ids=lambda p: str(p.relative_to(ROOT))
)
def test_what_a_module_exports_exists(path: Path) -> None:
    tree = ast.parse(path.read_text())
    exported = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
    ]
    defined = {getattr(n, "name", None) for n in tree.body}
    defined |= {
        t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)
    }
    defined |= {
        n.target.id for n in tree.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
    }
    defined |= {a.asname or a.name for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names}
    for names in exported:
        assert set(names) <= defined
