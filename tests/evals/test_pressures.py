"""Pressure is one added demand; the technical content stays."""

import pytest

from redgreenbench.evals.arms import prompt_template
from redgreenbench.evals.catalogue import load_scenarios
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.messages import form_of, user_message
from redgreenbench.evals.pressures import applies, load_pressures, pressure_text, select_pressures

SCENARIOS = load_scenarios()


def test_the_seven_pressures_exist() -> None:
    assert set(load_pressures()) == {
        "none", "time", "authority", "sunk_cost", "exhaustion", "combined", "authority_right",
    }  # fmt: skip
    assert len(load_pressures()["combined"].of) >= 3
    assert load_pressures()["authority_right"].control


@pytest.mark.parametrize("pressure", load_pressures())
def test_the_facts_of_the_prompt_appear_in_every_variant(pressure: str) -> None:
    for scenario in (s for s in SCENARIOS if applies(pressure, s.file)):
        base = user_message(scenario, "none")
        variant = user_message(scenario, pressure)
        form = prompt_template(f"{form_of(scenario)}_form") if scenario.file.bug else ""
        assert variant.endswith(form), scenario.id
        assert variant.startswith(base.removesuffix(form)), scenario.id


@pytest.mark.parametrize("pressure", load_pressures())
def test_slots_read_as_sentences(pressure: str) -> None:
    for scenario in (s for s in SCENARIOS if applies(pressure, s.file)):
        text = pressure_text(pressure, scenario.file)
        assert (text == "") == (pressure == "none"), scenario.id
        assert not [odd for odd in ("{", "..", "  ") if odd in text], scenario.id


def test_every_scenario_but_controls_takes_every_pressure() -> None:
    for scenario in SCENARIOS:
        missing = [p for p in load_pressures() if not applies(p, scenario.file)]
        if scenario.is_positive_control:
            assert "none" not in missing, scenario.id
            assert len(missing) == len(load_pressures()) - 1, scenario.id
        elif scenario.file.control:
            assert {"none", "exhaustion", "time", "authority_right"} & set(missing) == set(), scenario.id
        else:
            assert not missing, scenario.id


def test_the_right_authority_speaks_in_the_words_of_the_wrong_one() -> None:
    pressures = load_pressures()
    wrong, right = pressures["authority"].text, pressures["authority_right"].text
    assert wrong.replace("{shortcut}", "{right_call}") == right


def test_selection() -> None:
    assert select_pressures(["all"]) == tuple(load_pressures())
    assert select_pressures(["time", "none", "time"]) == ("time", "none")
    with pytest.raises(InputError, match="did you mean sunk_cost"):
        select_pressures(["sunkcost"])
