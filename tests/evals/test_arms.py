"""Arms differ in what they add, and in nothing else."""

from pathlib import Path

import pytest

from redgreenbench.evals import arms as arms_module
from redgreenbench.evals.arms import (
    MAX_WHOLE_TOKENS,
    Addition,
    Arms,
    estimate_tokens,
    placebo_text,
    prompt_template,
    resolve_arms,
    served_packs,
    shipped_skills,
)
from redgreenbench.evals.catalogue import HERE, load_packs, load_scenarios
from redgreenbench.evals.discovery import offered_skills
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.messages import system_message
from redgreenbench.evals.skillfolder import read_skill
from redgreenbench.evals.vocabulary import Inject

PACK = "training-optimization"


def one(wanted: list[str], skill: str = "v2", inject: Inject | None = None) -> dict[str, Addition]:
    return resolve_arms(wanted, skill, [PACK], inject=inject).by_pack[PACK]


def test_red_adds_nothing_and_green_the_skill(make_skill) -> None:
    folder = make_skill(body="Say the magic word.", extra="A sheet beside it.")
    arms = one(["red", "green", "generic"], str(folder))
    assert arms["red"].text == ""
    assert "Say the magic word." in arms["green"].text
    assert "A sheet beside it." in arms["green"].text
    assert arms["green"].version == "7"
    assert arms["generic"].text == prompt_template("generic")
    assert "Say the magic word." not in arms["generic"].text


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("pack", [p for p, entry in load_packs().items() if entry.task])
def test_the_placebo_is_as_long_as_the_skill(pack: str, version: str) -> None:
    arms = resolve_arms(["placebo", "green"], version, [pack]).by_pack[pack]
    placebo, green = (estimate_tokens(arms[name].text) for name in ("placebo", "green"))
    assert abs(placebo - green) <= 0.05 * green
    assert arms["placebo"].name != arms["green"].name


def test_the_placebo_grows_with_the_skill_past_its_own_length() -> None:
    source = read_skill(str(HERE / "skills" / "placebo" / "keeping-sourdough")).text
    for target in (50, 500, 20_000):
        assert abs(estimate_tokens(placebo_text(source, target)) - target) <= 0.05 * target


def test_further_skills_by_name_path_and_revision(make_skill, tmp_path: Path, git) -> None:
    folder = make_skill(body="First text.")
    git(tmp_path, "commit", "first", tag="v0.1")
    make_skill(body="Second text.")
    arms = one(["red", "green", f"old={folder}@v0.1", "shipped=v1"], str(folder))
    assert "Second text." in arms["green"].text
    assert "First text." in arms["old"].text
    assert arms["shipped"].name == load_packs()[PACK].skill


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["red", "gren"], "unknown arm 'gren': did you mean green"),
        (["red", "red"], "arm 'red' is given twice"),
        (["green=v1"], "cannot name an arm"),
        (["My Arm=v1"], "cannot name an arm"),
        ([], "no arms given"),
        (["old=./nowhere"], "no such folder"),
    ],
)
def test_bad_arms_are_refused_in_one_line(wanted, message) -> None:
    with pytest.raises(InputError, match=message):
        one(wanted)


def test_the_hash_changes_with_the_skills_content(make_skill) -> None:
    folder = make_skill(body="One.")
    before = resolve_arms(["red", "green"], str(folder), [PACK]).hash
    assert before == resolve_arms(["red", "green"], str(folder), [PACK]).hash
    (folder / "sheet.md").write_text("New.")
    assert before != resolve_arms(["red", "green"], str(folder), [PACK]).hash


def test_injected_text_stands_in_the_message_and_a_skill_that_is_loaded_does_not(make_skill) -> None:
    folder = str(make_skill(body="Say the magic word."))
    wanted = ["red", "generic", "placebo", "green"]
    injected, by_tool = (resolve_arms(wanted, folder, [PACK], way) for way in ("inject", "tool"))
    assert not injected.by_tool
    assert by_tool.by_tool
    assert {arm: bool(injected.text(PACK, arm)) for arm in wanted} == {
        "red": False, "generic": True, "placebo": True, "green": True,
    }  # fmt: skip
    assert {arm: bool(by_tool.text(PACK, arm)) for arm in wanted} == {
        "red": False, "generic": True, "placebo": False, "green": False,
    }  # fmt: skip
    assert set(injected.loadable(PACK).values()) == {()}
    loadable = by_tool.loadable(PACK)
    assert {arm: [skill.name for skill in skills] for arm, skills in loadable.items()} == {
        "red": [], "generic": [], "placebo": ["keeping-sourdough"], "green": ["my-skill"],
    }  # fmt: skip
    with pytest.raises(InputError, match="delivered by inject or tool"):
        resolve_arms(wanted, folder, [PACK], "mail")


def test_every_skill_of_a_run_but_the_placebo_is_under_test(make_skill) -> None:
    folder, other = make_skill(), make_skill(name="other-skill")
    arms = resolve_arms(["red", "placebo", "green", f"old={other}", f"same={folder}"], str(folder), [PACK])
    assert arms.tested(PACK) == ("my-skill", "other-skill")
    assert resolve_arms(["red", "generic"], "v2", [PACK]).tested(PACK) == ()


def test_arms_come_back_from_a_log_as_they_were(make_skill) -> None:
    arms = resolve_arms(["red", "green"], str(make_skill(sheet="A sheet.")), [PACK])
    assert Arms.model_validate(arms.model_dump(mode="json")) == arms


def test_every_pack_has_both_versions_of_its_skill_and_every_specialist_a_stub() -> None:
    for pack in load_packs().values():
        if pack.task:
            assert {f"{pack.skill}/v1", f"{pack.skill}/v2"} <= set(shipped_skills())
        for name in pack.specialists:
            assert read_skill(str(HERE / "skills" / "specialists" / name)).name == name


def test_a_body_is_injected_without_the_texts_of_its_sheets(make_skill) -> None:
    folder = str(make_skill(body="Say the magic word.", extra="A sheet beside it."))
    bodies = resolve_arms(["green", "placebo"], folder, [PACK], inject=Inject.BODY).by_pack[PACK]
    assert "Say the magic word." in bodies["green"].text
    assert "A sheet beside it." not in bodies["green"].text
    assert "- extra.md" in bodies["green"].text
    whole = one(["green"], folder)["green"]
    assert bodies["green"].skills == whole.skills
    assert "A sheet beside it." in whole.text
    alone = str(make_skill(name="alone", body="No sheets at all."))
    texts = [resolve_arms(["green"], alone, [PACK], inject=how).by_pack[PACK]["green"].text for how in Inject]
    assert texts[0] == texts[1]


def test_a_skill_of_more_than_the_limit_is_injected_as_its_body_unless_asked_otherwise(make_skill) -> None:
    folder = str(make_skill(body="Short.", huge="word " * (MAX_WHOLE_TOKENS + 10)))
    assert "word word" not in one(["green"], folder)["green"].text
    whole = resolve_arms(["green"], folder, [PACK], inject=Inject.WHOLE).by_pack[PACK]["green"]
    assert "word word" in whole.text


def test_every_shipped_skill_is_in_a_folder_of_its_name() -> None:
    for path in (HERE / "skills").glob("*/*/SKILL.md"):
        assert read_skill(str(path.parent)).name == path.parent.name


def test_several_skills_are_delivered_together(make_skill) -> None:
    first, second = make_skill(body="First text."), make_skill(name="second", body="Second text.")
    both = [str(first), str(second)]
    arms = resolve_arms(["red", "placebo", "green"], both, [PACK])
    green, placebo = arms.by_pack[PACK]["green"], arms.by_pack[PACK]["placebo"]
    assert green.text.index("First text.") < green.text.index("Second text.")
    assert (green.name, arms.tested(PACK)) == ("my-skill, second", ("my-skill", "second"))
    assert green.hash not in {None, *(skill.hash for skill in green.skills)}
    texts = [placebo.text_of(*placebo.skills), *map(green.text_of, green.skills)]
    length, *lengths = map(estimate_tokens, texts)
    assert abs(length - sum(lengths)) <= 1
    offered = offered_skills(resolve_arms(["red", "green"], both, [PACK], "tool"), PACK, "green")
    assert {"my-skill", "second", "gradient-management"} <= set(offered)
    with pytest.raises(InputError, match="two skills of one arm are called 'second'"):
        resolve_arms(["green"], [str(second), str(second)], [PACK])


def test_the_users_own_neighbours_stand_in_the_catalogue_of_every_arm(make_skill, tmp_path: Path) -> None:
    skill, near = make_skill(), make_skill(name="pack/skills/near-by")
    (near / "SKILL.md").write_text("---\nname: near-by\ndescription: Helps near by.\n---\nNear.")
    folder, line = str(tmp_path / "pack"), "- near-by: Helps near by."
    scenario = next(s for s in load_scenarios() if s.pack == PACK)
    for delivery in ("inject", "tool"):
        arms = resolve_arms(["red", "green"], str(skill), [PACK], delivery, catalogue=[folder])
        for arm in ("red", "green"):
            assert line in system_message(scenario, arms, arm, "Base.").splitlines()
    assert "near-by" in offered_skills(arms, PACK, "red")
    assert arms.hash != resolve_arms(["red", "green"], str(skill), [PACK], "tool").hash


def test_a_skill_serves_the_packs_that_its_name_and_its_sheets_name(make_skill) -> None:
    router = make_skill(
        name="using-pytorch-engineering", **{"debugging-techniques": "A sheet.", "other": "Text."}
    )
    assert served_packs([str(router)]) == {
        "pytorch-engineering": "the skill's name is using-pytorch-engineering",
        "debugging-techniques": "using-pytorch-engineering has the sheet debugging-techniques",
    }
    other = make_skill(name="mine", **{"gradient-management": "A sheet."})
    assert list(served_packs([str(other)])) == ["training-optimization"]
    assert list(served_packs([str(router), str(other)])) == [
        "pytorch-engineering", "debugging-techniques", "training-optimization",
    ]  # fmt: skip
    assert served_packs([str(make_skill())]) == served_packs(["v2"]) == {}


def test_a_prompt_that_is_too_long_names_the_largest_files(make_skill, monkeypatch) -> None:
    monkeypatch.setattr(arms_module, "MAX_INJECTED_TOKENS", 500)
    folder = make_skill(sheet="word " * 1_000)
    with pytest.raises(
        InputError, match=r"at most 500 are injected; .* sheet.md \(5,000\).*take inject=body"
    ):
        resolve_arms(["green"], str(folder), [PACK])
    assert one(["green"], str(folder), Inject.BODY)["green"].skills
    assert resolve_arms(["green"], str(folder), [PACK], "tool")
