"""What a model is told: parts in their order, the same bytes in every arm but for what the arm adds."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest

from redgreenbench.evals.arms import Addition, Arms, prompt_template, resolve_arms
from redgreenbench.evals.catalogue import Scenario, catalogue_names, load_packs, load_scenarios
from redgreenbench.evals.messages import (
    form_of,
    form_request,
    shared_message,
    system_message,
    user_message,
    work_message,
)
from redgreenbench.evals.pressures import applies, load_pressures, pressure_text
from redgreenbench.evals.vocabulary import BUILT_IN_ARMS, Delivery
from redgreenbench.reference_bugs.folder import bug_folder

SCENARIOS = [scenario for scenario in load_scenarios() if not scenario.is_positive_control]
PACKS = [name for name, pack in load_packs().items() if pack.task]
BASE = prompt_template("system")
FORM = prompt_template("act")


@pytest.fixture(scope="module")
def injected() -> Arms:
    return resolve_arms(BUILT_IN_ARMS, "v2", PACKS)


@pytest.fixture(scope="module")
def by_tool() -> Arms:
    return resolve_arms(BUILT_IN_ARMS, "v2", PACKS, Delivery.TOOL)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.id)
def test_a_system_message_is_base_catalogue_arm_and_form_in_this_order(
    scenario: Scenario, injected: Arms
) -> None:
    form = FORM if load_packs()[scenario.pack].specialists else ""
    red = system_message(scenario, injected, "red", BASE)
    assert red.startswith(BASE)
    assert red.endswith(form)
    assert red == shared_message(scenario, injected, BASE)
    catalogue = red.removeprefix(BASE).removesuffix(form).strip()
    assert bool(catalogue) == bool(load_packs()[scenario.pack].specialists)
    for arm in BUILT_IN_ARMS:
        parts = [BASE, catalogue, injected.text(scenario.pack, arm), form]
        assert system_message(scenario, injected, arm, BASE) == "\n\n".join(p for p in parts if p)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.id)
def test_an_arm_that_loads_skills_itself_differs_by_one_line_of_the_catalogue(
    scenario: Scenario, by_tool: Arms
) -> None:
    lines = {
        arm: system_message(scenario, by_tool, arm, BASE).split("\n") for arm in ("red", "placebo", "green")
    }
    for arm in ("placebo", "green"):
        (skill,) = by_tool.by_pack[scenario.pack][arm].skills
        (own,) = [line for line in lines[arm] if line.startswith(f"- {skill.name}: ")]
        rest = list(lines[arm])
        rest.remove(own)
        assert rest == lines["red"]
    generic = system_message(scenario, by_tool, "generic", BASE)
    assert generic.replace(prompt_template("generic") + "\n\n", "").replace(
        "\n\n" + prompt_template("generic"), ""
    ) == "\n".join(lines["red"])


@pytest.mark.parametrize("pack", PACKS)
def test_the_tested_skill_is_nobodys_specialist(pack: str, injected: Arms) -> None:
    own = [name for name in load_packs()[pack].specialists][:2]
    for scenario in (s for s in SCENARIOS if s.pack == pack):
        assert f"- {load_packs()[pack].skill}: " not in system_message(scenario, injected, "red", BASE)
        if own:
            arms = injected.model_copy(
                update={
                    "by_pack": {pack: {**injected.by_pack[pack], "mine": renamed(injected, pack, own[0])}}
                }
            )
            for arm in arms.by_pack[pack]:
                shown = system_message(scenario, arms, arm, BASE).split("<skill")[0]
                assert f"- {own[0]}: " not in shown
                assert f"- {own[1]}: " in shown


def renamed(arms: Arms, pack: str, name: str) -> Addition:
    (skill,) = arms.by_pack[pack]["green"].skills
    assert skill is not None
    return Addition(skills=(replace(skill, name=name),))


def test_the_catalogue_is_shuffled_by_the_scenario_alone(injected: Arms) -> None:
    routing = [s for s in SCENARIOS if s.pack == "training-optimization"]

    def shown() -> list[str]:
        return [shared_message(s, injected, BASE) for s in routing]

    state, first = random.getstate(), shown()
    random.seed(1)
    assert shown() == first
    random.setstate(state)
    # Few orders, so that scenarios share long prefixes.
    assert len(set(first)) == 4
    for text in first:
        assert all(f"{name}: " in text for name in catalogue_names("training-optimization"))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.id)
def test_a_question_is_prompt_program_pressure_and_form_in_this_order(scenario: Scenario) -> None:
    form = prompt_template(f"{form_of(scenario)}_form") if scenario.file.bug else ""
    for pressure in (p for p in load_pressures() if applies(p, scenario.file)):
        text = user_message(scenario, pressure)
        assert text.startswith(scenario.file.prompt)
        added = pressure_text(pressure, scenario.file)
        assert text.endswith("\n\n".join(part for part in (added, form) if part))
        if scenario.file.bug:
            bug = bug_folder(scenario.file.bug)
            for path, code in bug.files.items():
                assert f"```python{f' {path}' if bug.is_project else ''}\n{code}\n```" in text
            assert f"```\n{bug.symptom}\n```" in text
            assert text.count(form) == 1


def test_what_is_asked_of_a_reply_follows_from_the_scenario() -> None:
    for scenario in load_scenarios():
        project = scenario.file.bug and bug_folder(scenario.file.bug).is_project
        expected = (
            "act" if scenario.file.act else "project" if project else "program" if scenario.file.bug else None
        )
        assert form_of(scenario) == expected, scenario.id
        if not scenario.is_positive_control:
            assert (expected == "act") == bool(load_packs()[scenario.pack].specialists), scenario.id


def test_the_one_request_asks_for_the_same_form_and_for_nothing_else() -> None:
    forms = [line for line in FORM.splitlines() if line.startswith("NEXT: ")]
    assert len(forms) == 3
    assert [line for line in form_request("act").splitlines() if line.startswith("NEXT: ")] == forms
    asked = {
        "program": "Python code block. Keep the names of its classes and functions.",
        "project": "with its path after the language (```python model.py).",
    }
    for form, words in asked.items():
        for text in (prompt_template(f"{form}_form"), prompt_template(f"{form}_again")):
            assert words in " ".join(text.split())


def test_no_form_names_a_skill_a_specialist_or_a_right_answer() -> None:
    texts = [FORM, form_request("act")]
    texts += [
        prompt_template(f"{form}{part}") for form in ("program", "project") for part in ("_form", "_again")
    ]
    names = {name for pack in PACKS for name in (*catalogue_names(pack), load_packs()[pack].skill)}
    for text in texts:
        assert not [name for name in names if name and name in text]
        assert not re.search(r"\bskill", text, re.IGNORECASE)


def test_an_agent_is_told_where_the_program_is_and_not_asked_to_send_it() -> None:
    for scenario in (s for s in SCENARIOS if s.file.bug):
        bug, text = bug_folder(str(scenario.file.bug)), work_message(scenario, "time")
        assert scenario.file.prompt in text
        assert bug.symptom in text
        assert not any(code in text for code in bug.files.values())
        assert "`python train.py`" in text if bug.is_project else "`python program.py`" in text
        assert text.endswith(pressure_text("time", scenario.file))
        assert prompt_template(f"{form_of(scenario)}_form") not in text
