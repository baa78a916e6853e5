"""The shipped scenarios, and what happens to a file with a mistake in it."""

import json
import re
from pathlib import Path

import pytest
import yaml

from redgreenbench.evals.act_line import Act
from redgreenbench.evals.catalogue import (
    HERE,
    catalogue_names,
    load_packs,
    load_patterns,
    load_scenarios,
    scenario_set_hash,
    select,
)
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.schema import ExpectedAct, ScenarioFile
from redgreenbench.scorers.act import act_values
from redgreenbench.scorers.fact import states_fact

SCENARIOS = load_scenarios()
CONTROLS = [s for s in SCENARIOS if s.file.control]
POSED = [s for s in SCENARIOS if not s.file.control]
DOCUMENTS = yaml.safe_load((HERE / "documents.yaml").read_text())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_situation_of_a_document_is_posed(document: str) -> None:
    entry = DOCUMENTS[document]
    wanted = {heading: 1 for heading in entry["situations"]} | {h: 2 for h in entry.get("edge_cases", ())}
    mine = [s for s in POSED if s.file.source.document == document]
    found = {heading: sum(s.file.source.section == heading for s in mine) for heading in wanted}
    assert found == wanted
    assert {s.pack for s in mine} == {entry["pack"]}


def test_nothing_is_posed_without_a_source() -> None:
    for scenario in POSED:
        # A bug of the catalogue names the situation of document 002 that it comes nearest to.
        entry = DOCUMENTS["002" if scenario.document == "catalogue" else scenario.file.source.document]
        assert scenario.file.source.section in [*entry["situations"], *entry.get("edge_cases", ())], (
            scenario.id
        )


def test_there_are_controls_of_each_kind() -> None:
    asked = {c.pack for c in CONTROLS if not c.is_positive_control}
    assert asked == {pack for pack, about in load_packs().items() if about.task}
    assert {c.file.control for c in CONTROLS} == {"plain", "near_miss", "positive"}
    for control in CONTROLS:
        if control.file.control == "plain" and control.file.act:
            assert control.file.act.next == "answer", control.id
        if control.file.control == "near_miss":
            assert control.file.act is not None, control.id
            assert control.file.act.next == "hand over", control.id


def test_a_plain_question_whose_answer_is_a_token_has_its_fact() -> None:
    """Being restrained says nothing about an answer."""
    facts = {s.slug: s.file.fact for s in CONTROLS if s.file.fact}
    assert len(facts) >= 5
    for slug, fact in facts.items():
        assert all(states_fact(token, fact) for token in fact.accepted), slug
        assert not any(states_fact(token, fact) for token in fact.rejected), slug
        assert not states_fact("asdf", fact), slug
        assert not any(states_fact(f"{token} or {fact.accepted[0]}", fact) for token in fact.rejected), slug


@pytest.mark.parametrize("scenario", POSED, ids=lambda s: s.id)
def test_a_scenario_has_a_decidable_rubric(scenario) -> None:
    rubric = scenario.file.rubric
    assert 4 <= len(rubric) <= 10
    assert any(c.kind == "outcome" for c in rubric)
    assert scenario.file.patterns


@pytest.mark.parametrize(
    "scenario", [s for s in POSED if load_packs()[s.pack].specialists], ids=lambda s: s.id
)
def test_a_question_about_specialists_expects_an_act_of_names_that_exist(scenario) -> None:
    act, slots = scenario.file.act, scenario.file.slots
    assert act is not None
    offered = {*catalogue_names(scenario.pack), scenario.pack, *load_packs()[scenario.pack].neighbours}
    assert act.names | set(slots.right_call.first) <= offered
    assert act_values(right(act), act)["correct"] == 1
    if act.next == "ask":
        assert act.about


def right(act: ExpectedAct) -> Act:
    later = (entry if isinstance(entry, str) else entry[-1] for entry in act.then)
    return Act(act.next, tuple(dict.fromkeys((*act.first[:1], *later))))


def test_questions_are_asked_for_too() -> None:
    assert {s.file.act.next for s in POSED if s.file.act} == {"ask", "hand over"}


def test_a_waiver_names_a_criterion_of_its_scenario() -> None:
    waived = {s.id: s.file.slots.right_call.waives for s in POSED if s.file.slots.right_call.waives}
    assert waived
    for scenario in POSED:
        assert set(scenario.file.slots.right_call.waives) <= {c.id for c in scenario.file.rubric}


@pytest.mark.parametrize(
    "scenario", [s for s in POSED if s.pack == "debugging-techniques"], ids=lambda s: s.id
)
def test_a_debugging_scenario_poses_a_program(scenario) -> None:
    assert scenario.file.bug
    assert any(c.kind == "outcome" for c in scenario.file.rubric)


def test_every_failure_pattern_is_probed() -> None:
    probed = {
        p for s in SCENARIOS for p in (*s.file.patterns, *(c.pattern for c in s.file.rubric if c.pattern))
    }
    assert set(load_patterns()) - probed == set()


def test_prompts_and_slots_do_not_leak_the_method() -> None:
    """A RED answer must not owe anything to words of a skill."""
    method = re.compile(
        r"\b(specialists?|SKILL\.md|NEXT:|rout(?:e|ing) (?:to|this)|hands? over)\b", re.IGNORECASE
    )
    for scenario in SCENARIOS:
        slots = scenario.file.slots
        right = slots.right_call.do if slots.right_call else ""
        for text in (slots.deadline, slots.shortcut, slots.tried, right):
            assert not method.search(text or ""), scenario.id
            assert not [n for n in catalogue_names(scenario.pack) if n in (text or "")], scenario.id
        if "names-skill" not in scenario.file.tags:
            named = [n for n in catalogue_names(scenario.pack) if "-" in n and n in scenario.file.prompt]
            assert not named, scenario.id


def test_the_json_schema_is_the_model() -> None:
    exported = json.loads((HERE / "scenarios" / "schema.json").read_text())
    assert exported == ScenarioFile.model_json_schema(), "run: python -m redgreenbench.evals.schema_export"


def test_files_carry_schema_and_canary() -> None:
    for path in (HERE / "scenarios").glob("*/*.yaml"):
        head = path.read_text().split("\n")[:2]
        assert head[0] == "# yaml-language-server: $schema=../schema.json", path
        assert "Canary: redgreenbench-7c0f3a52" in head[1], path


GOOD = """
title: Loss stands still
source: {document: control, section: near miss of nothing}
control: plain
prompt: My loss stands still, what now?
act: {next: answer}
rubric:
  - {id: says-so, statement: The answer says that it is so., kind: outcome, section: none}
"""


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (("title:", "titel:"), "titel: no such field; correct its name or remove it"),
        (
            ("kind: outcome", "kind: outcom"),
            "rubric.0.kind: input should be 'outcome' or 'technique'",
        ),
        (("prompt: My loss stands still, what now?", ""), "prompt: this field is required; add it"),
        (
            ("next: answer", "next: hand over, first: [gradient-managment]"),
            "act: 'gradient-managment' is not in the catalogue",
        ),
        (("control: plain", ""), "`control` and `source.document: control` go together"),
        (
            ("section: none}", "section: none, pattern: nothing-known}"),
            "'nothing-known' is no failure pattern",
        ),
        (("act: {next: answer}", "act: {next: answer"), "line 7"),
        (
            ("act: {next: answer}", ""),
            "act: a scenario of training-optimization needs an `act`; add or remove it",
        ),
        (
            ("act: {next: answer}", "route: {direct: true}"),
            "route: this field went with suite version 2: `act` says what the first line",
        ),
        (
            ("act: {next: answer}", "act: {next: answer}\nclarify: {topics: {a: b}}"),
            "clarify: this field went with suite version 2: `act` with `next: ask`",
        ),
        (
            ("section: none}", "section: none, check: {mentions_any: [x]}}"),
            "rubric.0.check: this field went with suite version 2: a criterion is judged by a grader",
        ),
        (
            ("{next: answer}", "{next: ask, terms: [x]}"),
            "act.terms: this field went with suite version 2: phrases in `act.about`",
        ),
        (
            ("next: answer", "next: hand over"),
            "act: `next: hand over` needs at least one specialist in `first`; add it",
        ),
        (("next: answer", "next: route"), "act.next: input should be 'answer', 'ask' or 'hand over'"),
        (
            ("next: answer", "next: answer, first: [gradient-management]"),
            "act: `next: answer` names no specialists; remove first",
        ),
        (
            ("next: answer", "next: answer, ordered: true"),
            "act: `next: answer` names no specialists; remove ordered",
        ),
        (("next: answer", "next: ask"), "act: `next: ask` needs at least one phrase in `about`"),
        (
            (
                "next: answer",
                "next: hand over, first: [gradient-management], not_first: [gradient-management]",
            ),
            "act: ['gradient-management'] stand both in `not_first` and in `first`/`accepted`; keep one",
        ),
        (
            ("control: plain", "control: near_miss\nfact: {accepted: ['1']}"),
            "`fact` belongs to `control: plain` alone; remove it",
        ),
        (("control: plain", "control: plain\nfact: {accepted: []}"), "fact.accepted: "),
        (
            ("control: plain", "control: plain\nslots: {right_call: {do: leave it so, waives: [says-it]}}"),
            "slots.right_call.waives: ['says-it'] are no criteria of the rubric; correct them",
        ),
        (
            ("control: plain", "control: plain\nslots: {right_call: {do: leave it so, first: [nobody]}}"),
            "act: 'nobody' is not in the catalogue",
        ),
        (
            ("control: plain", "control: positive\nloads: gradient-management"),
            "act: a positive control has none; remove it",
        ),
        (
            (
                "section: none}",
                "section: none}\n  - {id: says-so, statement: The answer says it once more., kind: outcome, section: none}",
            ),
            "rubric ids ['says-so'] are used twice",
        ),
        (("control: plain", "control: plain\nbug: no-such-bug"), "bug: no reference bug 'no-such-bug'"),
    ],
)
def test_a_mistake_in_a_file_is_one_line_with_file_field_and_remedy(tmp_path: Path, mistake, message) -> None:
    path = tmp_path / "training-optimization" / "mine.yaml"
    path.parent.mkdir()
    path.write_text(GOOD.replace(*mistake))
    with pytest.raises(InputError) as error:
        load_scenarios(tmp_path)
    assert message in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_good_file_of_another_folder_loads(tmp_path: Path) -> None:
    (tmp_path / "training-optimization").mkdir()
    (tmp_path / "training-optimization" / "mine.yaml").write_text(GOOD)
    (scenario,) = load_scenarios(tmp_path)
    assert scenario.id == "training-optimization/mine"


def test_an_act_has_no_place_where_nobody_is_handed_over_to(tmp_path: Path) -> None:
    (tmp_path / "debugging-techniques").mkdir()
    (tmp_path / "debugging-techniques" / "mine.yaml").write_text(GOOD)
    with pytest.raises(InputError, match="a scenario of debugging-techniques cannot have an `act`"):
        load_scenarios(tmp_path)


def test_a_scenario_of_a_document_fills_every_slot() -> None:
    for scenario in POSED:
        assert all(value is not None for _, value in scenario.file.slots), scenario.id


@pytest.mark.parametrize("name", ["route", "clarify", "check", "terms"])
def test_no_model_of_a_scenario_has_a_field_of_the_first_suite(name: str) -> None:
    schema = ScenarioFile.model_json_schema()
    models = [schema, *schema["$defs"].values()]
    assert not [model["title"] for model in models if name in model["properties"]]


def test_selection_takes_ids_globs_packs_and_tags() -> None:
    by = {entry: {s.id for s in select(SCENARIOS, [entry])} for entry in ("loss-goes-to-nan", "*nan*", "nan")}
    assert by["loss-goes-to-nan"] == {"training-optimization/loss-goes-to-nan"}
    assert by["*nan*"] >= by["loss-goes-to-nan"]
    assert "pytorch-engineering/nan-after-epoch-three" in by["nan"]
    assert {s.pack for s in select(SCENARIOS, ["debugging-techniques"])} == {"debugging-techniques"}
    with pytest.raises(InputError, match="did you mean training-optimization/loss-goes-to-nan"):
        select(SCENARIOS, ["loss-goes-to-nam"])


def test_the_set_hash_is_of_contents_not_of_order() -> None:
    assert scenario_set_hash(SCENARIOS) == scenario_set_hash(tuple(reversed(SCENARIOS)))
    assert scenario_set_hash(SCENARIOS) != scenario_set_hash(SCENARIOS[1:])


def test_packs_name_tasks_and_known_neighbours() -> None:
    packs = load_packs()
    assert {p.task for p in packs.values()} == {"routing", "debugging", "scheduling", None}
    assert all(n in packs for p in packs.values() for n in p.neighbours)
