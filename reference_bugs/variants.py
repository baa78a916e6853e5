"""Other programs with the same fault, which nobody can have memorised: names, layout, loops, sizes, data, distractors.

A variant is a whole bug folder. Every change keeps what a program means, so that the fixed programs and the workarounds are
changed in the same way; probes and hidden checks stay the bug's own. It is used only once it has passed every bug's gate:
symptom live, fixes right, workarounds and null submissions caught.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import copy
import difflib
import hashlib
import random
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import yaml

from redgreenbench.reference_bugs.cache import cache_root
from redgreenbench.reference_bugs.folder import (
    HERE,
    BugFolder,
    Patch,
    bug_folder,
    read_folder,
    record_symptom,
)
from redgreenbench.reference_bugs.submission import apply_patch

__all__ = ["WAYS", "CannotVary", "posed_bug", "variant_folder", "vary"]

_TRIES = 6
_Definition = ast.FunctionDef | ast.ClassDef


class CannotVary(ValueError):
    """No variant of this bug with this seed shows the symptom; its text says so in one line."""


def posed_bug(name: str) -> BugFolder:
    """A bug by its name, or a variant of it as ``name@seed``, which is made where it is not in the cache.

    Raises:
        ValueError: There is no such bug, or it cannot be varied so.
    """
    base, at, seed = name.partition("@")
    if not at:
        return bug_folder(base)
    if not seed.isdecimal():
        raise ValueError(f"{name}: a variant is named by a whole number behind the @, such as {base}@1")
    return _variant(base, int(seed))


@cache
def _variant(base: str, seed: int) -> BugFolder:
    bug = bug_folder(base)
    folder = variant_folder(bug, seed)
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Made aside and moved, so that nobody finds half of one.
        with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
            vary(bug, seed, Path(aside) / bug.name)
            with contextlib.suppress(FileExistsError, OSError):
                (Path(aside) / bug.name).rename(folder)
    return replace(read_folder(folder), name=f"{base}@{seed}")


def variant_folder(bug: BugFolder, seed: int) -> Path:
    """Where a variant is kept: below the user's cache folder, or $REDGREEN_CACHE."""
    made_by = hashlib.sha256(Path(__file__).read_bytes() + (HERE / "variants.yaml").read_bytes()).hexdigest()
    return cache_root() / "variants" / f"{bug.digest[:12]}-{made_by[:8]}" / str(seed) / bug.name


def vary(bug: BugFolder, seed: int, into: Path) -> tuple[str, ...]:
    """Writes a variant of a bug as a folder.

    Args:
        bug: The bug.
        seed: Which variant.
        into: The folder to write; must not exist.

    Returns:
        The ways in which it differs, of `WAYS`.

    Raises:
        CannotVary: None of a few attempts shows the symptom, or it is a project.
        FileExistsError: There is such a folder.
    """
    if bug.is_project:
        raise CannotVary(f"{bug.name} is a project, of which no variants are made; leave it out")
    patches = [("fixes", patch) for patch in ((bug.reference,) if not bug.clean else ()) + bug.fixes]
    patches += [("workarounds", patch) for patch in bug.workarounds]
    programs = [bug.program, *(apply_patch(bug.program, patch.text) for _, patch in patches)]
    into.mkdir(parents=True)
    for attempt in range(_TRIES):
        # What changes numbers can hide a symptom; the last attempt does without.
        ways = (
            tuple(WAYS)
            if attempt < _TRIES - 1
            else tuple(way for way in WAYS if way not in ("sizes", "data"))
        )
        plan = _Plan(f"{bug.name}:{seed}:{attempt}", _kept(bug, programs), _all_names(programs))
        changed = [_change(program, plan, ways) for program in programs]
        text, different = changed[0]
        (into / "program.py").write_text(text + "\n", "utf-8")
        symptom = record_symptom(into / "program.py", timeout=60.0)
        if bug.shows_on_cuda or re.search(bug.about["shows"], symptom):
            _write(bug, into, symptom, patches, [program for program, _ in changed])
            return different
    shutil.rmtree(into)
    raise CannotVary(f"{bug.name}: no variant with the seed {seed} shows the symptom; take another seed")


def _write(
    bug: BugFolder, into: Path, symptom: str, patches: list[tuple[str, Patch]], programs: list[str]
) -> None:
    (into / "symptom.txt").write_text(symptom, "utf-8")
    for name in ("bug.yaml", "probe.py", "checks.py"):
        shutil.copyfile(bug.path / name, into / name)
    before = programs[0].splitlines(keepends=True)
    for (kind, patch), program in zip(patches, programs[1:], strict=True):
        diff = difflib.unified_diff(before, program.splitlines(keepends=True), "program.py", "program.py")
        (into / kind).mkdir(exist_ok=True)
        lines = [line if line.endswith("\n") else f"{line}\n" for line in diff]
        (into / kind / f"{patch.name}.patch").write_text("".join(lines), "utf-8")


@dataclass(frozen=True)
class _Plan:
    """What decides the changes, the same for all programs of a bug.

    Attributes:
        key: Makes the random choices.
        kept: Names that must stay: of the contract, of what probes use, of parameters and keywords.
        taken: Names that stand anywhere, so that no new one can be one of them.
    """

    key: str
    kept: frozenset[str]
    taken: frozenset[str]

    def chance(self, *about: object) -> random.Random:
        """Random numbers that hang on the plan and on what they are for, and on nothing before."""
        return random.Random(":".join(map(str, (self.key, *about))))


def _change(source: str, plan: _Plan, ways: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    """A program after some changes, and those of them that changed anything."""
    tree = ast.parse(source)
    different = []
    before = ast.dump(tree)
    for way in ways:
        tree = ast.fix_missing_locations(WAYS[way](tree, plan))
        if (after := ast.dump(tree)) != before:
            different.append(way)
        before = after
    return _laid_out(tree), tuple(different)


def _laid_out(tree: ast.Module) -> str:
    """The text of a program, with two empty lines around definitions."""
    parts: list[str] = []
    for before, node in zip([None, *tree.body], tree.body, strict=False):
        apart = any(isinstance(part, _Definition | ast.If) for part in (before, node))
        parts.append(("\n\n" if before and apart else "") + ast.unparse(node))
    return "\n".join(parts)


def _all_names(programs: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    for node in (node for program in programs for node in ast.walk(ast.parse(program))):
        found |= {
            value
            for field in ("id", "arg", "attr", "name", "asname")
            if isinstance(value := getattr(node, field, None), str)
        }
    return frozenset(found)


def _kept(bug: BugFolder, programs: Iterable[str]) -> frozenset[str]:
    """Names that stand where somebody else relies on them."""
    kept = {*dir(builtins), *bug.entry_points}
    kept |= set(re.findall(r"\bprogram\.(\w+)", bug.probe))
    for node in (node for program in programs for node in ast.walk(ast.parse(program))):
        if isinstance(node, ast.arg | ast.keyword) and node.arg:
            kept.add(node.arg)
        elif isinstance(node, ast.alias):
            kept.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.Global | ast.Nonlocal):
            kept |= set(node.names)
    return frozenset(kept)


def _identifiers(tree: ast.Module, plan: _Plan) -> ast.Module:
    """Other names for variables."""
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    attributes = {
        n.id
        for body in bodies
        for s in body
        for n in ast.walk(s)
        if isinstance(s, ast.Assign) and isinstance(n, ast.Name)
    }
    new: dict[str, str] = {}
    for name in sorted(stored - plan.kept - attributes):
        chance = plan.chance("identifier", name)
        others = [other for other in _synonyms().get(name, [f"{name}_", f"this_{name}", f"{name}0"])]
        free = [other for other in others if other not in plan.taken and other not in new.values()]
        if free:
            new[name] = chance.choice(free)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in new:
            node.id = new[node.id]
    return tree


@cache
def _synonyms() -> dict[str, list[str]]:
    found: dict[str, list[str]] = yaml.safe_load((HERE / "variants.yaml").read_text("utf-8"))
    return found


def _layout(tree: ast.Module, plan: _Plan) -> ast.Module:
    """Another order of functions and classes, each run of them by itself."""
    body: list[ast.stmt] = []
    run: list[_Definition] = []
    for node in [*tree.body, ast.Pass()]:
        if isinstance(node, _Definition):
            run.append(node)
            continue
        body += _ordered(run, plan)
        run = []
        body.append(node)
    tree.body = body[:-1]
    return tree


def _ordered(run: list[_Definition], plan: _Plan) -> Iterator[_Definition]:
    """A run of definitions in a random order in which each stands behind those that it needs as it is made."""
    waiting = {node.name: node for node in run}
    needs = {node.name: _needed_at_once(node) & waiting.keys() - {node.name} for node in run}
    while waiting:
        ready = sorted(name for name in waiting if not needs[name] & waiting.keys()) or sorted(waiting)
        name = min(ready, key=lambda name: plan.chance("layout", name).random())
        yield waiting.pop(name)


def _needed_at_once(node: _Definition) -> set[str]:
    at_once: list[ast.AST] = list(node.decorator_list)
    if isinstance(node, ast.ClassDef):
        at_once += [*node.bases, *(part for part in node.body if not isinstance(part, ast.FunctionDef))]
    functions = [part for part in ast.walk(node) if isinstance(part, ast.FunctionDef)]
    at_once += [default for f in functions for default in [*f.args.defaults, *f.args.kw_defaults] if default]
    return {part.id for start in at_once for part in ast.walk(start) if isinstance(part, ast.Name)}


def _loops(tree: ast.Module, plan: _Plan) -> ast.Module:
    """Other loops with the same steps."""

    class Rewrite(ast.NodeTransformer):
        scope: ast.AST = tree

        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
            outer, self.scope = self.scope, node
            self.generic_visit(node)
            self.scope = outer
            return node

        def visit_For(self, node: ast.For) -> ast.AST | list[ast.stmt]:
            call, target = node.iter, node.target
            outside = _count(self.scope, target) - _count(node, target)
            self.generic_visit(node)
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)) or node.orelse:
                return node
            if plan.chance("loop", ast.unparse(target), ast.unparse(call)).random() < 0.3:
                return node
            if call.func.id == "enumerate" and len(call.args) == 1 and isinstance(target, ast.Tuple):
                return _counted(node, call)
            if (
                call.func.id == "range"
                and isinstance(target, ast.Name)
                and not outside
                and not _continues(node.body)
            ):
                return _while(node, call)
            return node

    Rewrite().visit(tree)
    return tree


def _count(tree: ast.AST, target: ast.expr) -> int:
    """How often the name of a loop's variable stands in a part of a program."""
    name = target.id if isinstance(target, ast.Name) else ""
    return sum(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))


def _continues(body: list[ast.stmt]) -> bool:
    return any(isinstance(node, ast.Continue) for part in body for node in ast.walk(part))


def _counted(node: ast.For, call: ast.Call) -> ast.AST | list[ast.stmt]:
    """``for i, x in enumerate(xs)`` with a counter of its own."""
    assert isinstance(node.target, ast.Tuple)
    counter, item = node.target.elts
    if not isinstance(counter, ast.Name):
        return node
    first = ast.parse(f"{counter.id} = -1").body
    step = ast.parse(f"{counter.id} += 1").body
    return [*first, ast.For(target=item, iter=call.args[0], body=[*step, *node.body], orelse=node.orelse)]


def _while(node: ast.For, call: ast.Call) -> list[ast.stmt] | ast.AST:
    """``for i in range(a, b, c)`` as a while loop; its variable is one step further behind it."""
    assert isinstance(node.target, ast.Name)
    name = node.target.id
    arguments = [ast.unparse(argument) for argument in call.args]
    start, stop = arguments[:2] if len(arguments) > 1 else ("0", *arguments)
    step = arguments[2] if len(arguments) > 2 else "1"
    stored = [n for part in node.body for n in ast.walk(part) if isinstance(n, ast.Name) and n.id == name]
    if step.startswith("-") or name == "_" or any(isinstance(n.ctx, ast.Store) for n in stored):
        return node
    loop = ast.parse(f"while {name} < {stop}:\n    pass").body[0]
    assert isinstance(loop, ast.While)
    loop.body = [*node.body, *ast.parse(f"{name} += {step}").body]
    return [*ast.parse(f"{name} = {start}").body, loop]


def _distractors(tree: ast.Module, plan: _Plan) -> ast.Module:
    """One or two functions that look wrong, are right, and are not called."""
    known = [node for node in _suspicious().body if isinstance(node, ast.FunctionDef)]
    free = [function for function in known if function.name not in plan.taken]
    imports = [
        node
        for node in tree.body
        if isinstance(node, ast.Import) and any(a.name == "torch" and not a.asname for a in node.names)
    ]
    if not free or not imports:
        return tree
    chance = plan.chance("distractors")
    chosen = chance.sample(free, min(len(free), chance.choice((1, 2))))
    at = next((i for i, node in enumerate(tree.body) if isinstance(node, _Definition)), len(tree.body))
    tree.body[at:at] = copy.deepcopy(chosen)
    return tree


@cache
def _suspicious() -> ast.Module:
    return ast.parse((HERE / "distractors.py").read_text("utf-8"))


def _sizes(tree: ast.Module, plan: _Plan) -> ast.Module:
    """Other sizes of what the program makes for itself; a number that stands at several places stays one."""
    own = [part for part in tree.body if isinstance(part, ast.If)] + [
        part for part in tree.body if isinstance(part, ast.FunctionDef) and part.name not in plan.kept
    ]
    others = [part for part in tree.body if part not in own]
    fixed = {node.value for part in others for node in ast.walk(part) if isinstance(node, ast.Constant)}
    for node in (node for part in own for node in ast.walk(part)):
        size = node.value if isinstance(node, ast.Constant) and type(node.value) is int else 0
        if 96 <= size <= 8192 and size not in fixed:
            assert isinstance(node, ast.Constant)
            node.value = size // 8 * plan.chance("size", size).choice((7, 9, 10))
    return tree


def _data(tree: ast.Module, plan: _Plan) -> ast.Module:
    """Other random numbers."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "manual_seed"
        ):
            for argument in node.args:
                if isinstance(argument, ast.Constant):
                    argument.value = plan.chance("seed", argument.value).randrange(1, 1000)
    return tree


WAYS: dict[str, Callable[[ast.Module, _Plan], ast.Module]] = {
    "sizes": _sizes,
    "data": _data,
    "loops": _loops,
    "layout": _layout,
    "identifiers": _identifiers,
    "distractors": _distractors,
}
"""The ways in which a variant can differ from its bug, in the order in which they are taken."""
