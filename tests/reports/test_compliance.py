"""How many replies carry their form is counted by arm, and every report says where arms differ."""

from __future__ import annotations

import pandas as pd
import pytest
from click.testing import CliRunner

from redgreenbench.cli import main as redgreen
from redgreenbench.reports.compare import Sides, compare
from redgreenbench.reports.compliance import compliance_of
from redgreenbench.reports.logs.table import COLUMNS, Table
from redgreenbench.reports.render.comment import as_json, as_markdown
from redgreenbench.reports.render.report import make_report, markdown
from redgreenbench.tasks.routing import routing

ACT, PROGRAM = ("act", "formatted"), ("execution", "program")
WARNING = "what differs there may be form, not skill"


def rows(form: tuple[str, str] = ACT, **arms: list[int]) -> pd.DataFrame:
    """A table in which each arm's replies, a scenario each, carry a form or not."""
    made = [
        dict.fromkeys(COLUMNS)
        | {
            "log": "one.eval", "task": "routing", "version": "2", "suite": "2", "grader": "", "delivery": "injection",
            "model": "m", "scenario": f"p/s{n:02}", "pack": "p", "pressure": "none", "arm": arm, "split": "public",
            "epoch": 1, "scorer": scorer, "key": key, "value": float(value), "status": "scored", "reason": "",
        }
        for arm, values in arms.items()
        for n, value in enumerate(values)
        for (scorer, key) in (form, (form[0], "correct"))
    ]  # fmt: skip
    return pd.DataFrame(made, columns=list(COLUMNS))


@pytest.mark.parametrize("form", [ACT, PROGRAM])
def test_shares_are_counted_by_arm(form: tuple[str, str]) -> None:
    (one,) = compliance_of(rows(form, green=[1] * 8, red=[1] * 7 + [0]))
    assert one.counts == {"red": (7, 8), "green": (8, 8)}
    assert not one.unlike
    assert one.text.endswith(": red 7 of 8 (88 %), green 8 of 8 (100 %)")


def test_arms_are_unlike_by_the_exact_test_alone() -> None:
    """Six pairs that differ one way: p = 2/64. Five: 2/32. Pairs that agree say nothing."""
    (one,) = compliance_of(rows(red=[0] * 6 + [1] * 40, green=[1] * 46))
    assert one.unlike == {("red", "green"): pytest.approx(0.03125)}
    assert one.text.endswith(f"red and green (p 0.031); {WARNING}")
    (one,) = compliance_of(rows(red=[0] * 5 + [1] * 40, green=[1] * 45))
    assert not one.unlike
    (one,) = compliance_of(rows(red=[0] * 6 + [1] * 6, green=[1] * 6 + [0] * 6))
    assert not one.unlike


def test_only_replies_to_the_same_prompt_are_pairs() -> None:
    table = rows(red=[0] * 9, green=[1] * 9)
    apart = table.assign(epoch=table["arm"].map({"red": 1, "green": 2}))
    (one,) = compliance_of(apart)
    assert one.counts == {"red": (0, 9), "green": (9, 9)}
    assert not one.unlike


def test_models_are_not_pooled_and_controls_count() -> None:
    table = rows(red=[0] * 9, green=[1] * 9).assign(control="plain")
    both = pd.concat([table, rows(red=[1] * 9, green=[1] * 9).assign(model="other")])
    first, second = compliance_of(both)
    assert (first.model, bool(first.unlike)) == ("m", True)
    assert (second.model, bool(second.unlike)) == ("other", False)


@pytest.mark.parametrize(("red", "said"), [([0] * 9, True), ([1] * 9, False)])
def test_every_report_says_so_in_one_line(red: list[int], said: bool) -> None:
    table = rows(red=red, green=[1] * 9, third=[1] * 9)
    counts = f"red {sum(red)} of 9 ({100 * sum(red) / 9:.0f} %), green 9 of 9 (100 %)"
    report = markdown(make_report(Table(table, ("one.eval",), (), ())))
    (line,) = [line for line in report.splitlines() if counts in line]
    assert (WARNING in line) is line.startswith("> ") is said

    sides = Sides(
        table.assign(arm=table["arm"].map({"red": "base", "green": "head"})).dropna(subset="arm"),
        "a",
        "b",
        (),
    )
    counts = f"base {sum(red)} of 9 ({100 * sum(red) / 9:.0f} %), head 9 of 9 (100 %)"
    comment = as_markdown(sides, compare(sides), notes=["something else"])
    (line,) = [line for line in comment.splitlines() if counts in line]
    assert line.startswith("- ⚠ m: " if said else "- m: ")
    assert (WARNING in line) is said
    (note, _) = as_json(sides, compare(sides), notes=["something else"])["notes"]
    assert counts in note


def test_the_terminal_says_so_too(run_task, tmp_path) -> None:
    log = run_task(
        routing(scenarios="loss-goes-to-nan,which-optimizer", arms="red,green"),
        lambda system, user: "NEXT: ask\nWhich one?" if "<skill" in system else "Which one?",
        epochs=3,
    )
    counts, place = "{} 0 of 6 (0 %), {} 6 of 6 (100 %). These differ", str(tmp_path / "r")
    for command, arms in (
        (["report", log.location, "-o", place], ("red", "green")),
        (["compare", log.location], ("base", "head")),
    ):
        done = CliRunner().invoke(redgreen, command)
        (line,) = [line for line in done.stderr.splitlines() if counts.format(*arms) in line]
        assert line.startswith("note: mockllm/scripted: ")
        assert line.endswith(WARNING)
