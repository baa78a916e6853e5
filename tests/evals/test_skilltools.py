"""The tools that deliver skills, and the catalogue that stands in front of them."""

import asyncio
from dataclasses import replace

import pytest
from inspect_ai.tool import ToolDef, ToolError
from inspect_ai.util import Store
from inspect_ai.util._store import init_subtask_store

from redgreenbench.evals.arms import Arms, prompt_template, resolve_arms
from redgreenbench.evals.catalogue import catalogue_names, load_packs, load_scenarios
from redgreenbench.evals.discovery import (
    catalogue_hash,
    common_skills,
    offered_skills,
    with_controls,
)
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.messages import system_message
from redgreenbench.evals.skillfolder import read_skill
from redgreenbench.evals.skilltools import SkillCalls, load_skill, read_skill_file, tool_texts

POSED = [name for name, pack in load_packs().items() if pack.task]


@pytest.fixture
def skills(make_skill):
    folder = make_skill(name="my-skill", body="Say aha.", tools="# Tools of it\n")
    (folder / "references").mkdir()
    (folder / "references" / "deep.md").write_text("Deep down.")
    (folder.parent / "secret.md").write_text("not for you")
    plain = make_skill(name="plain", body="Nothing beside this.")
    return {"my-skill": read_skill(str(folder)), "plain": read_skill(str(plain))}


@pytest.fixture
def record():
    store = Store()
    init_subtask_store(store)
    return lambda: SkillCalls(store=store).calls


def ask(tool, **arguments: str) -> str:
    return asyncio.run(tool(**arguments))


def test_a_skill_is_returned_with_the_names_of_its_other_files(skills, record) -> None:
    text = ask(load_skill(skills), name="my-skill")
    assert text == f"Say aha.\n\n{tool_texts().files}\n- references/deep.md\n- tools.md"
    assert ask(load_skill(skills), name="plain") == "Nothing beside this."


@pytest.mark.parametrize(
    ("path", "text"), [("tools.md", "# Tools of it\n"), ("./references/deep.md", "Deep down.")]
)
def test_a_file_of_a_skill_can_be_read(path: str, text: str, skills, record) -> None:
    assert ask(read_skill_file(skills), name="my-skill", path=path) == text
    (call,) = record()
    assert (call.loads, call.reads) == (False, True)


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "../secret.md",
        "references/../../secret.md",
        "",
        ".",
        "nowhere.md",
        "references",
    ],
)
def test_what_is_no_file_of_the_skill_cannot_be_read(path: str, skills, record) -> None:
    with pytest.raises(ToolError) as refused:
        ask(read_skill_file(skills), name="my-skill", path=path)
    assert "SKILL.md, references/deep.md, tools.md" in refused.value.message
    (call,) = record()
    assert (call.skill_exists, call.existed, call.loads, call.reads) == (True, False, False, False)


def test_an_unknown_skill_is_answered_with_those_that_there_are(skills, record) -> None:
    for tool, arguments in ((load_skill, {}), (read_skill_file, {"path": "tools.md"})):
        with pytest.raises(ToolError, match=r"'nobody'\. The skills are: my-skill, plain"):
            ask(tool(skills), name="nobody", **arguments)
    assert [c.skill_exists for c in record()] == [False, False]
    assert not any(c.loads or c.reads for c in record())


def test_every_call_is_recorded_in_order_with_its_turn(skills, record) -> None:
    turn = iter([1, 1, 3])
    load, read = load_skill(skills, lambda: next(turn)), read_skill_file(skills, lambda: next(turn))
    ask(load, name="plain")
    ask(load, name="my-skill")
    ask(read, name="my-skill", path="SKILL.md")
    assert [(c.tool, c.name, c.path, c.existed, c.turn) for c in record()] == [
        ("load_skill", "plain", None, True, 1),
        ("load_skill", "my-skill", None, True, 1),
        ("read_skill_file", "my-skill", "SKILL.md", True, 3),
    ]
    # Whoever reads SKILL.md has the skill, and no sheet of it.
    assert [c.loads for c in record()] == [True, True, True]


def test_long_skills_are_not_cut_and_texts_urge_nothing(skills) -> None:
    for tool in (load_skill(skills), read_skill_file(skills)):
        made = ToolDef(tool)
        assert made.max_output == 0
        assert not {"must", "always", "should", "before", "when", "important"} & set(
            made.description.lower().split()
        )


@pytest.mark.parametrize("pack", POSED)
def test_every_specialist_of_a_catalogue_has_a_skill_of_its_name(pack: str) -> None:
    common = common_skills(pack, resolve_arms(["red"], "v2", [pack], "tool"))
    assert all(name == skill.name for name, skill in common.items())
    own = load_packs()[pack].specialists
    assert set(common) >= set(own)
    if own:
        assert set(common) == set(catalogue_names(pack))
    else:
        assert load_packs()[pack].skill not in common


def arms_of(*wanted: str, skill: str = "v2", pack: str = "training-optimization") -> Arms:
    return resolve_arms(wanted, skill, [pack], "tool")


def shown(scenario, arms: Arms, arm: str) -> list[str]:
    return system_message(scenario, arms, arm, prompt_template("system")).splitlines()


def scenarios_of(pack: str) -> list:
    return [s for s in load_scenarios() if s.pack == pack]


def test_the_added_skill_stands_now_here_now_there() -> None:
    arms = arms_of("green")
    places = set()
    for scenario in scenarios_of("training-optimization"):
        lines = shown(scenario, arms, "green")
        places.add(
            next(i for i, line in enumerate(lines) if line.startswith("- using-training-optimization"))
        )
    assert len(places) > 1


def test_an_arm_is_offered_what_all_are_and_its_own() -> None:
    arms = arms_of("red", "generic", "placebo", "green")
    red = offered_skills(arms, "training-optimization", "red")
    assert offered_skills(arms, "training-optimization", "generic") == red
    for arm, own in (("placebo", "keeping-sourdough"), ("green", "using-training-optimization")):
        assert offered_skills(arms, "training-optimization", arm).keys() - red.keys() == {own}


def test_a_specialist_of_the_tested_skills_name_is_offered_in_no_arm(make_skill) -> None:
    mine = make_skill(name="gradient-management", body="Mine.")
    arms = arms_of("red", "green", skill=str(mine))
    assert "gradient-management" not in common_skills("training-optimization", arms)
    scenario, *_ = scenarios_of("training-optimization")
    counts = [
        sum(line.startswith("- gradient-management: ") for line in shown(scenario, arms, arm))
        for arm in ("red", "green")
    ]
    assert counts == [0, 1]
    # Nor is it asked for by a control.
    chosen = [s for s in scenarios_of("training-optimization") if not s.file.control]
    asked = {s.file.loads for s in with_controls(chosen, arms, shipped=True) if s.is_positive_control}
    assert asked == {"overfitting-prevention"}


def test_positive_controls_are_posed_only_where_skills_are_loaded() -> None:
    every = scenarios_of("debugging-techniques")
    injected = resolve_arms(["red"], "v2", ["debugging-techniques"])
    by_tool = arms_of("red", pack="debugging-techniques")
    assert not any(s.is_positive_control for s in with_controls(every, injected, shipped=True))
    posed = [s for s in with_controls(every, by_tool, shipped=True) if s.is_positive_control]
    assert len(posed) == 2
    assert all(f"{s.file.loads}" in s.file.prompt for s in posed)
    with pytest.raises(InputError, match="-T delivery=tool"):
        with_controls(posed, injected, shipped=True)


def test_the_hash_of_the_catalogue_follows_the_specialists_texts(monkeypatch) -> None:
    arms = arms_of("red", "green")
    before = catalogue_hash(arms)
    assert catalogue_hash(arms) == before
    from redgreenbench.evals import discovery

    changed = {n: replace(s, hash="0" * 64) for n, s in discovery._specialists().items()}
    monkeypatch.setattr(discovery, "_specialists", lambda: changed)
    assert catalogue_hash(arms) != before
