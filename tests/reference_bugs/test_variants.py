"""Variants: other programs of the same fault, made the same way for the fixes and workarounds."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from redgreenbench.reference_bugs.folder import bug_folder, bug_names, read_folder
from redgreenbench.reference_bugs.submission import apply_patch, missing_names
from redgreenbench.reference_bugs.variants import WAYS, _all_names, _change, _kept, _Plan, posed_bug, vary
from redgreenbench.reference_bugs.verify import check_variants

BUGS = [name for name in bug_names(private=False) if not bug_folder(name).is_project]


@cache
def names(name: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names that stay in all variants of a bug, and all names of its programs."""
    bug = bug_folder(name)
    patches = [*([] if bug.clean else [bug.reference]), *bug.fixes, *bug.workarounds]
    programs = [bug.program, *(apply_patch(bug.program, patch.text) for patch in patches)]
    return _kept(bug, programs), _all_names(programs)


def change(name: str, seed: int) -> tuple[str, tuple[str, ...]]:
    """A variant and the ways in which it varies."""
    text, ways = _change(bug_folder(name).program, _Plan(f"{name}:{seed}:0", *names(name)), WAYS)
    return text, tuple(ways)


changed = cache(change)


@pytest.mark.parametrize("name", BUGS)
def test_a_variant_keeps_what_is_relied_on_and_changes_the_rest(name: str) -> None:
    bug = bug_folder(name)
    texts = {changed(name, seed)[0] for seed in range(3)}
    assert len(texts) == 3
    for text in texts:
        assert missing_names(text, bug.entry_points) == []
        assert ast.dump(ast.parse(text)) != ast.dump(ast.parse(bug.program))
    assert change(name, 1) == changed(name, 1)


def test_bugs_vary_in_several_ways() -> None:
    ways = {name: {way for seed in range(3) for way in changed(name, seed)[1]} for name in BUGS}
    assert all(len(found) >= 3 for found in ways.values()), ways
    assert {way for found in ways.values() for way in found} == set(WAYS)


def test_loops_do_the_same_steps() -> None:
    source = (
        "def f(xs):\n"
        "    seen = []\n"
        "    for i, x in enumerate(xs):\n"
        "        for k in range(1, 7, 2):\n"
        "            if k > i + 4:\n"
        "                break\n"
        "            seen.append((i, x, k))\n"
        "    for j in range(3):\n"
        "        if j == 1:\n"
        "            continue\n"
        "        seen.append(j)\n"
        "    return seen\n"
    )
    results, texts = [], set()
    for seed in range(20):
        text, _ = _change(
            source, _Plan(str(seed), frozenset({"f", "xs"}), frozenset()), ("loops", "identifiers")
        )
        texts.add(text)
        space: dict = {}
        exec(text, space)
        results.append(space["f"](["a", "b"]))
    assert len(texts) > 5
    assert any("while" in text for text in texts)
    assert all(result == results[0] for result in results)


@pytest.mark.needs("landlock")
@pytest.mark.usefixtures("warm")
def test_a_variant_passes_the_gate_and_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDGREEN_CACHE", str(tmp_path))
    posed_bug.__globals__["_variant"].cache_clear()
    bug = posed_bug("peak-row-has-a-fraction@3")
    assert bug.name == "peak-row-has-a-fraction@3"
    assert bug.program != bug_folder("peak-row-has-a-fraction").program
    assert re.search(bug.about["shows"], bug.symptom)
    check_variants([bug])
    assert list(bug.path.glob("verified-torch-*"))
    posed_bug.__globals__["_variant"].cache_clear()
    assert posed_bug("peak-row-has-a-fraction@3").program == bug.program
    vary(bug_folder("peak-row-has-a-fraction"), 3, tmp_path / "again" / "peak-row-has-a-fraction")
    assert read_folder(tmp_path / "again" / "peak-row-has-a-fraction").program == bug.program


def test_a_name_of_no_variant_is_one_line() -> None:
    with pytest.raises(ValueError, match="a variant is named by a whole number"):
        posed_bug("peak-row-has-a-fraction@soon")
    with pytest.raises(ValueError, match="no reference bug"):
        posed_bug("no-such@1")
