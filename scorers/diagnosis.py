"""Root cause, recognition of the error pattern, and quality of the fix: three scorers for scenarios with a bug.

`root_cause`: ``correct`` (the graders find the bug's written root cause in the answer) and ``located`` (the answer
names the function, class or line that has to change; decided from its text alone).

`recognition`: ``correct`` (the first reply says what kind of failure it is).

`fix_quality`: one of these is 1. ``minimal``: the root cause is mended by about the reference's edit; ``complex``: by a
larger one; ``workaround``: the symptom goes, the cause stays; ``broken``: neither, or something else breaks;
``unapplied``: its code could not be put into the program, so that nobody knows; ``absent``: there is no code. What the fix
did when it was run decides; the graders' view, that it mends the cause or hides the symptom, decides only between
workaround and broken where running it cannot tell.

Keys that do not apply or are not decided are NaN.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import math
import re
from functools import cache

from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from redgreenbench.evals.dataset import find_scenarios
from redgreenbench.reference_bugs.folder import BugFolder, bug_folder
from redgreenbench.scorers.grading.evidence import spoken
from redgreenbench.scorers.grading.panel import GraderSettings, Panel, assess
from redgreenbench.scorers.means import means
from redgreenbench.scorers.reading import read
from redgreenbench.scorers.rescoring import findable
from redgreenbench.scorers.tool_use import for_the_user, is_word_list

__all__ = [
    "FIX_KEYS",
    "SCORER_VERSION",
    "fix_quality",
    "located",
    "quality_of",
    "recognition",
    "root_cause",
]

SCORER_VERSION = 1
FIX_KEYS = ("minimal", "complex", "workaround", "broken", "unapplied", "absent")
_NO_BUG = "There is no program in this scenario."
# Names that stand in any training program and so point nowhere.
_COMMON = frozenset(
    {
        "self",
        "torch",
        "nn",
        "F",
        "np",
        "utils",
        "optim",
        "lr_scheduler",
        "functional",
        "parameters",
        "optimizer",
    }
    | {"scheduler", "model", "loss", "epoch", "epochs", "lr", "index", "split", "get", "mode", "dim"}
    | {*keyword.kwlist, *dir(builtins)}
)
_DOTTED = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*")
# What is named in order to clear it is not where the cause lies.
_CLEARED = re.compile(r"\b(?:neither|nor|need(?:n['’]t| not)|not need|suspect(?:ing)?)\b[^;\n]{0,60}$", re.I)
_CLEARED_AFTER = re.compile(
    r"^(?:[^.;,\n]|\.(?=\w)){0,40}\b(?:is|are|looks?)(?: perfectly| quite)? (?:correct|right|fine|harmless|in order)\b",
    re.I,
)


@cache
def _changed(program: str, patch: str) -> tuple[frozenset[str], frozenset[str], frozenset[int]]:
    """The lines that the reference fix removes, squeezed; names on changed lines alone; line numbers."""
    source = program.splitlines()
    removed, numbers, names = set(), set(), set()
    number = 0
    for line in patch.splitlines():
        start = re.match(r"@@ -(\d+)", line)
        if start:
            number = int(start[1])
        elif line.startswith("-") and not line.startswith("---"):
            removed.add(_squeeze(line[1:]))
            names |= _names(line[1:])
            numbers.add(number)
            number += 1
        elif line.startswith("+") and not line.startswith("+++"):
            numbers.add(number)
            names |= _names(line[1:])
        else:
            number += 1
    kept = " ".join(line for n, line in enumerate(source, 1) if n not in numbers)
    own = {name for name in names if len(re.findall(rf"\b{re.escape(name)}\b", kept)) <= 2}
    return frozenset(removed - {""}), frozenset(own), frozenset(numbers)


def _names(line: str) -> set[str]:
    """The names on a line, with the one object before the dot where it is no module."""
    found = set()
    code = re.sub(r"([\"']).*?\1", "", line.partition("#")[0])
    for dotted in _DOTTED.findall(code):
        *before, last = dotted.split(".")
        if (
            before
            and before[-1] in ("optimizer", "scheduler", "model", "loss", "torch")
            and last not in _COMMON
        ):
            found.add(f"{before[-1]}.{last}")
        elif len(last) > 2 and last not in _COMMON:
            found.add(last)
    return found


def _squeeze(text: str) -> str:
    return re.sub(r"\s+", "", text.partition("#")[0])


@cache
def _defined(program: str, where: str) -> frozenset[str]:
    """The name of the function or class that has to change, and those of its methods."""
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.ClassDef) and node.name == where:
            return frozenset({where, *(m.name for m in node.body if isinstance(m, ast.FunctionDef))})
    return frozenset({where})


def located(text: str, bug: BugFolder) -> bool:
    """Whether an answer says where the cause lies.

    It does if its prose names the function or class that has to change, a name that occurs on the changed lines
    and hardly elsewhere, or a changed line by number or word for word; or if it shows the place in a block that is
    less than half of the program. A name in a list of terms, or one that is cleared of the fault, does not count.
    """
    answer = for_the_user(read(text))
    removed, names, numbers = _changed(bug.program, bug.reference.text)
    place = str(bug.about["location"])
    where = re.escape(place)
    methods = "|".join(re.escape(name) for name in sorted(_defined(bug.program, place)))
    # Words such as train are also English; a bare one counts only as code or with what it is.
    patterns = [
        rf"`[^`\n]*\b(?:{methods})\b[^`\n]*`|\b{where}\(|\b{where}\b[ `]*(?:function|class|method|loop)\b",
        *(rf"`[^`\n]*\b{name}\b[^`\n]*`|\b\w+\.{name}\b" for name in map(re.escape, names)),
    ]
    if re.search(r"[a-z][A-Z]", place):
        patterns.append(rf"\b{where}\b")
    for sentence in (s.text for s in answer.sentences):
        if is_word_list(sentence):
            continue
        for found in (match for pattern in patterns for match in re.finditer(pattern, sentence)):
            before, after = sentence[: found.start()], sentence[found.end() :]
            if not _CLEARED.search(before) and not _CLEARED_AFTER.search(after):
                return True
        if any(
            abs(int(n) - changed) <= 1
            for n in re.findall(r"\blines?\s+(\d{1,4})\b", sentence, re.I)
            for changed in numbers
        ):
            return True
    return any(_shows(block, bug, removed, names) for _, block in answer.code_blocks)


def _shows(block: str, bug: BugFolder, removed: frozenset[str], names: frozenset[str]) -> bool:
    """Whether a block, less than half of the program, shows the place of the cause."""
    shown = [re.sub(r"^[+-]", "", line) for line in block.splitlines() if line.strip()]
    if len(shown) >= len(bug.program.splitlines()) / 2:
        return False
    place = str(bug.about["location"])
    if {_squeeze(line) for line in shown} & removed or re.search(
        rf"\b(?:def|class)\s+{re.escape(place)}\b", block
    ):
        return True
    defined = set(re.findall(r"^\s*(?:def|class)\s+(\w+)", block, re.M))
    given = set(re.findall(r"^\s*(?:def|class)\s+(\w+)", bug.program, re.M))
    if defined & given and not defined & _defined(bug.program, place):
        return False
    return any(re.search(rf"\b{re.escape(name)}\b", line) for name in names for line in shown)


def _decided(held: bool | None) -> float:
    return math.nan if held is None else float(held)


def _about(panel: Panel, key: str) -> dict[str, object]:
    verdict = panel.verdict(key) if panel.assessments and not panel.failure else None
    given = {"quote": verdict.quote, "reason": verdict.reason, "void": verdict.void} if verdict else {}
    return {"scorer_version": SCORER_VERSION, **panel.about(), **given}


def _says(panel: Panel, key: str, what: str) -> str:
    if panel.failure:
        return f"{what}: not graded ({panel.failure})."
    verdict = panel.verdict(key)
    word = {True: "yes", False: "no", None: f"undecided ({verdict.void})"}[verdict.holds]
    return f"{what}: {word}{f' “{verdict.quote}”' if verdict.quote else ''} {verdict.reason}".rstrip()


@scorer(metrics=[means()])
def root_cause(scenarios: list[str] | None = None, self_grade: bool = False) -> Scorer:
    """Whether each answer names the bug's root cause, and where it lies.

    Args:
        scenarios: Folders of external scenarios, where the task used some.
        self_grade: Whether the model under test grades itself where no grader is bound.
    """
    known = {scenario.id: scenario for scenario in find_scenarios(scenarios or ())}
    settings = GraderSettings(self_grade=self_grade)

    async def score(state: TaskState, target: Target) -> Score:
        scenario = known[state.metadata["scenario"]]
        if not scenario.file.bug:
            return Score(value={"correct": math.nan, "located": math.nan}, explanation=_NO_BUG)
        bug = bug_folder(scenario.file.bug)
        panel = await assess(state, scenario, settings)
        text = spoken(state)
        empty = not text.strip()
        held = False if empty else None if panel.failure else panel.holds("cause")
        place = located(text, bug)
        return Score(
            value={"correct": _decided(held), "located": float(place)},
            answer={True: "root cause named", False: "root cause missed", None: "not decided"}[held],
            explanation="\n".join(
                [
                    _says(panel, "cause", "Names the root cause"),
                    f"Says where it lies ({bug.about['location']}): {'yes' if place else 'no'}.",
                    f"The root cause: {bug.about['root_cause'].strip()}",
                ]
            ),
            metadata=_about(panel, "cause"),
        )

    return score


@scorer(metrics=[means()])
def recognition(scenarios: list[str] | None = None, self_grade: bool = False) -> Scorer:
    """Whether the first reply recognises the error pattern.

    Args:
        scenarios: Folders of external scenarios, where the task used some.
        self_grade: Whether the model under test grades itself where no grader is bound.
    """
    known = {scenario.id: scenario for scenario in find_scenarios(scenarios or ())}
    settings = GraderSettings(self_grade=self_grade)

    async def score(state: TaskState, target: Target) -> Score:
        scenario = known[state.metadata["scenario"]]
        if not scenario.file.bug:
            return Score(value={"correct": math.nan}, explanation=_NO_BUG)
        panel = await assess(state, scenario, settings)
        empty = not state.output.completion.strip()
        if panel.failure and not empty:
            return Score.unscored(
                reason=panel.failure, explanation=panel.failure, metadata=_about(panel, "recognised")
            )
        held = False if empty else panel.holds("recognised")
        return Score(
            value={"correct": _decided(held)},
            answer={True: "recognised", False: "not recognised", None: "not decided"}[held],
            explanation=_says(panel, "recognised", "Recognises the error pattern"),
            metadata=_about(panel, "recognised"),
        )

    return score


def quality_of(run: dict[str, float], mends: bool | None) -> str:
    """The quality of a fix, one of `FIX_KEYS`.

    Args:
        run: The execution score's value.
        mends: Whether the graders say that it mends the cause; None where they do not say.
    """
    if run["extracted"] == 0:
        return "absent"
    if run["correct"] == 1:
        return "minimal" if run["minimal"] == 1 else "complex"
    if run["applies"] == 0:
        return "unapplied"
    if run["imports"] == 0 or run["runs"] == 0:
        return "broken"
    if run["symptom_gone"] == 1 and run["nothing_broken"] != 0:
        return "workaround"
    # It runs and the symptom is still there, or something else broke.
    return "workaround" if run["symptom_gone"] == 1 and mends is False else "broken"


@scorer(metrics=[means()])
def fix_quality(scenarios: list[str] | None = None, self_grade: bool = False) -> Scorer:
    """The quality of each answer's fix, one of `FIX_KEYS`.

    It reads the `execution` score of the same sample, which has to come before it in the list of scorers.

    Args:
        scenarios: Folders of external scenarios, where the task used some.
        self_grade: Whether the model under test grades itself where no grader is bound.
    """
    known = {scenario.id: scenario for scenario in find_scenarios(scenarios or ())}
    settings = GraderSettings(self_grade=self_grade)

    async def score(state: TaskState, target: Target) -> Score:
        scenario = known[state.metadata["scenario"]]
        if not scenario.file.bug:
            return Score(value=dict.fromkeys(FIX_KEYS, math.nan), explanation=_NO_BUG)
        run = next(
            (
                s
                for n, s in (state.scores or {}).items()
                if n.rpartition("/")[2].rstrip("0123456789") == "execution"
            ),
            None,
        )
        if run is None:
            return Score.unscored(
                reason="there is no execution score; score with execution first, and append"
            )
        if not isinstance(run.value, dict):
            return Score.unscored(reason=f"the fix was not executed: {run.reason or 'no reason given'}")
        panel = await assess(state, scenario, settings)
        mends = None if panel.failure else panel.holds("mends-cause")
        found = quality_of({k: float(v) for k, v in run.value.items()}, mends)
        right = found in ("minimal", "complex")
        lines = [f"Quality of the fix: {found}.", f"Executed: {run.answer}."]
        if mends is not None and mends != right and found not in ("unapplied", "absent"):
            lines.append(
                f"The graders see it otherwise: it {'mends the cause' if mends else 'treats the symptom'}."
            )
        lines.append(_says(panel, "mends-cause", "Mends the cause, by the graders"))
        return Score(
            value={key: float(key == found) for key in FIX_KEYS},
            answer=found,
            explanation="\n".join(lines),
            metadata={
                **_about(panel, "mends-cause"),
                "graders_agree": None if mends is None else mends == right,
            },
        )

    return score


for _scorer in (root_cause, recognition, fix_quality):
    findable(_scorer)
