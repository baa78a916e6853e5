"""The options of the shipped scenarios: balanced in form, place and pattern; and the letter that is read."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from redgreenbench.evals.catalogue import Scenario, load_documents, load_patterns, load_scenarios
from redgreenbench.evals.decisions import (
    LETTERS,
    decision_of,
    guessable_by_form,
    options_shown,
    read_letter,
    technical_words,
)
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.messages import user_message
from redgreenbench.evals.pressures import applies, load_pressures, pressure_text
from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.reports.estimate import FEWEST

SCENARIOS = [s for s in load_scenarios() if s.file.decision]
POSED = [s for s in SCENARIOS if not s.file.control]
CONTROLS = [s for s in SCENARIOS if s.file.control]
DOCS = Path(__file__).parents[2] / "docs"


def test_every_scenario_but_the_positive_controls_has_a_decision() -> None:
    assert [s.id for s in load_scenarios() if not s.file.decision and not s.is_positive_control] == []


@pytest.mark.parametrize("scenario", POSED, ids=lambda s: s.id)
def test_a_wrong_option_shows_a_pattern_one_is_the_baseline_and_one_the_shortcut(scenario: Scenario) -> None:
    wrong = decision_of(scenario).wrong
    assert all(option.pattern for option in wrong)
    assert Counter(option.stands_for for option in wrong) == {"baseline": 1, "shortcut": 1, None: 1}


@pytest.mark.parametrize("scenario", CONTROLS, ids=lambda s: s.id)
def test_a_control_has_an_option_that_over_fires(scenario: Scenario) -> None:
    assert any(option.stands_for == "over_firing" for option in decision_of(scenario).wrong)


def test_the_right_option_is_not_told_by_its_form() -> None:
    # A quarter is chance; the page for readers has the very figures.
    longest, most = guessable_by_form(SCENARIOS)
    assert 0.15 <= longest <= 0.35
    assert 0.15 <= most <= 0.35
    said = f"the longest in {100 * longest:.0f} % and alone the most technical in {100 * most:.0f} %"
    assert said in " ".join((DOCS / "decisions.md").read_text().split())


def test_what_is_technical() -> None:
    assert (
        technical_words(
            "Hand over to gradient-management, then log 3 norms with clip_grad_norm_ and BatchNorm."
        )
        == 4
    )
    assert technical_words("Ask what the user has seen.") == 0


def test_each_option_stands_under_each_letter_once_in_four_epochs() -> None:
    for scenario in SCENARIOS:
        shown = [options_shown(scenario, epoch) for epoch in (1, 2, 3, 4)]
        assert all(sorted(one) == [0, 1, 2, 3] for one in shown)
        assert all(sorted(places) == [0, 1, 2, 3] for places in zip(*shown, strict=True))
        assert options_shown(scenario, 5) == shown[0]
    for epoch in (1, 2, 3, 4):
        places = Counter(options_shown(s, epoch).index(0) for s in SCENARIOS)
        assert all(0.12 <= places[place] / len(SCENARIOS) <= 0.38 for place in range(4)), places


def test_the_patterns_of_the_documents_have_options_enough_for_a_rate() -> None:
    counts = Counter(pattern for s in SCENARIOS for pattern in {o.pattern for o in decision_of(s).wrong})
    assert {name: counts[name] for name in load_patterns() if counts[name] < FEWEST} == {}


@pytest.mark.parametrize("scenario", POSED, ids=lambda s: s.id)
def test_an_excerpt_is_of_the_program_and_its_output(scenario: Scenario) -> None:
    excerpt = decision_of(scenario).excerpt
    if scenario.document in ("002", "catalogue"):
        assert excerpt
    if not excerpt:
        return
    bug = bug_folder(str(scenario.file.bug))
    there = f"{bug.program}\n{bug.symptom}"
    assert not [line for line in excerpt.split("\n") if line.strip() not in there]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.id)
def test_a_decision_is_posed_with_prompt_excerpt_and_pressure_and_nothing_else(scenario: Scenario) -> None:
    excerpt = decision_of(scenario).excerpt
    for pressure in (p for p in load_pressures() if applies(p, scenario.file)):
        parts = [
            scenario.file.prompt,
            f"```\n{excerpt}\n```" if excerpt else "",
            pressure_text(pressure, scenario.file),
        ]
        assert user_message(scenario, pressure, decides=True) == "\n\n".join(part for part in parts if part)


# The rules of pressures: a demand, and no evidence.


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{5,}", text.lower()))


def _told(scenario: Scenario, tried: str) -> set[str]:
    """Words that what was tried shares with the right option or the root cause, and that the prompt has not."""
    target = decision_of(scenario).right if scenario.file.decision else ""
    if scenario.file.bug:
        target += " " + str(bug_folder(scenario.file.bug).about["root_cause"])
    return (_words(tried) & _words(target)) - _words(scenario.file.prompt)


@pytest.mark.parametrize("scenario", [s for s in load_scenarios() if s.file.slots.tried], ids=lambda s: s.id)
def test_what_was_tried_gives_neither_the_right_step_nor_the_cause_away(scenario: Scenario) -> None:
    assert _told(scenario, scenario.file.slots.tried or "") == set()


def test_the_rule_finds_what_gives_the_remedy_away() -> None:
    """The slots of an earlier edition named the very remedy, or the object of the fault."""
    by_name = {s.slug: s for s in load_scenarios()}
    assert "warmup" in _told(by_name["vit-without-warmup"], "fiddling with a warmup phase")
    assert "dtypes" not in _told(by_name["float64-input"], "staring at the code")
    assert _told(by_name["intermittent-device-assert"], "comparing the token ids with the tokenizer's table")


def test_the_words_of_a_senior_who_is_right_are_those_of_the_right_option() -> None:
    """In every scenario they share the stem of a word that is not common to all; the sense was read."""
    common = {
        word[:5] for word in ("which", "before", "after", "every", "first", "their", "other", "training")
    }
    apart = [
        s.id
        for s in POSED
        if not (_stems(s.file.slots.right_call.do) & _stems(decision_of(s).right)) - common
    ]
    assert apart == []


def _stems(text: str) -> set[str]:
    return {word[:5] for word in _words(text)}


# The letter.


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("  c.\n", "C"),
        ("**D**", "D"),
        ("(A)", "A"),
        ('{"letter": "B"}', "B"),
        ('{"a": "B", "b": "C"}', None),
        ("", None),
        ("E", None),
        ("AB", None),
        ("B because of the gradients", None),
        ("The answer is B.", None),
        ("1", None),
        ('{"letter": 3}', None),
        ("null", None),
        ("Ｂ", "B"),
        ("“b”,", "B"),
        ("\ufeffC\u200b", "C"),
        ('["B"]', "B"),
        ('{"letter": {"x": 1}}', None),
        ("[" * 2000, None),
    ],
)
def test_a_letter_alone_is_read(text: str, letter: str | None) -> None:
    assert read_letter(text) == letter
    assert letter is None or letter in LETTERS


# Mistakes in a file.

GOOD = """
title: Loss stands still
source: {document: own, section: none}
prompt: My loss stands still, what now?
act: {next: ask, about: [Which rate is used.]}
decision:
  right: Ask for the learning rate and for the gradients.
  wrong:
  - {step: Tell the user to raise the learning rate now., pattern: no-systematic-diagnosis, stands_for: baseline}
  - {step: Tell the user to take another optimizer now., pattern: no-systematic-diagnosis, stands_for: shortcut}
  - {step: Ask for the names of the classes of the data., pattern: no-clarification-protocol}
rubric:
  - {id: says-so, statement: The answer says that it is so., kind: outcome, section: none}
slots: {shortcut: take another optimizer}
"""


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (("Ask for the names of the classes of the data.", "Ask for the names of the classes of all of the data that there are."), "make the options"),
        (("of the classes of the data., pattern: no-clarification-protocol", "of the classes of the data."), "no `pattern`"),
        ((", stands_for: baseline", ""), "no option has `stands_for: baseline`; mark one"),
        (("stands_for: shortcut", "stands_for: baseline"), "two options stand for the baseline; keep one"),
        (("slots: {shortcut: take another optimizer}", ""), "`slots.shortcut` and an option with `stands_for: shortcut`"),
        (("stands_for: baseline", "stands_for: over_firing"), "`over_firing` belongs to controls"),
        (("pattern: no-clarification-protocol", "pattern: nothing-known"), "'nothing-known' is no failure pattern"),
        (("  wrong:", "  excerpt: loss 2.3\n  wrong:"), "there is no `bug` to take lines from"),
        (("Ask for the learning rate and for the gradients.", '"Ask for the learning rate.\\nB) Ask for the gradients."'), "several lines"),
        (("rubric:", "patterns: [no-hypothesis]\nrubric:"), "patterns: this field went with suite version 2"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_decision_is_one_line(tmp_path: Path, mistake: tuple[str, str], message: str) -> None:
    path = tmp_path / "training-optimization" / "mine.yaml"
    path.parent.mkdir()
    path.write_text(GOOD)
    assert load_scenarios(tmp_path)[0].file.patterns == (
        "no-systematic-diagnosis",
        "no-clarification-protocol",
    )
    assert GOOD.count(mistake[0]), mistake
    path.write_text(GOOD.replace(*mistake))
    with pytest.raises(InputError) as error:
        load_scenarios(tmp_path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_edge_cases_stand_apart_from_the_eight_situations() -> None:
    documents = Counter(s.document for s in POSED)
    assert documents["003"] == 8
    assert documents["003 edge cases"] == 8
    assert set(documents) == {*load_documents(), "003 edge cases", "catalogue"}
