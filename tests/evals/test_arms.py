"""Arms differ in what they add, and in nothing else."""

from pathlib import Path

import pytest

from redgreenbench.evals.arms import (
    estimate_tokens,
    placebo_text,
    prompt_template,
    resolve_arms,
    shipped_skills,
    skills_hash,
)
from redgreenbench.evals.catalogue import HERE, load_packs
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.skillfolder import read_skill

PACK = "training-optimization"


def one(wanted: list[str], skill: str = "v2") -> dict:
    return resolve_arms(wanted, skill, [PACK])[PACK]


def test_red_adds_nothing_and_green_the_skill(make_skill) -> None:
    folder = make_skill(body="Say the magic word.", extra="A sheet beside it.")
    arms = one(["red", "green", "generic"], str(folder))
    assert arms["red"].text == ""
    assert "Say the magic word." in arms["green"].text
    assert "A sheet beside it." in arms["green"].text
    assert arms["green"].skill.version == "7"
    assert arms["generic"].text == prompt_template("generic")
    assert "Say the magic word." not in arms["generic"].text


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("pack", [p for p, entry in load_packs().items() if entry.task])
def test_the_placebo_is_as_long_as_the_skill(pack: str, version: str) -> None:
    arms = resolve_arms(["placebo", "green"], version, [pack])[pack]
    placebo, green = (estimate_tokens(arms[name].text) for name in ("placebo", "green"))
    assert abs(placebo - green) <= 0.05 * green
    assert arms["placebo"].skill.name != arms["green"].skill.name


def test_the_placebo_grows_with_the_skill_past_its_own_length() -> None:
    source = read_skill(str(HERE / "skills" / "placebo")).text
    for target in (50, 500, 20_000):
        assert abs(estimate_tokens(placebo_text(source, target)) - target) <= 0.05 * target


def test_further_skills_by_name_path_and_revision(make_skill, tmp_path: Path, git) -> None:
    folder = make_skill(body="First text.")
    git(tmp_path, "commit", "first", tag="v0.1")
    make_skill(body="Second text.")
    arms = one(["red", "green", f"old={folder}@v0.1", "shipped=v1"], str(folder))
    assert "Second text." in arms["green"].text
    assert "First text." in arms["old"].text
    assert arms["shipped"].skill.name == load_packs()[PACK].skill


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
    before = skills_hash(resolve_arms(["red", "green"], str(folder), [PACK]))
    assert before == skills_hash(resolve_arms(["red", "green"], str(folder), [PACK]))
    (folder / "sheet.md").write_text("New.")
    assert before != skills_hash(resolve_arms(["red", "green"], str(folder), [PACK]))


def test_every_pack_has_both_versions_of_its_skill_and_every_specialist_a_stub() -> None:
    for pack in load_packs().values():
        if pack.task:
            assert {f"{pack.skill}/v1", f"{pack.skill}/v2"} <= set(shipped_skills())
        for name in pack.specialists:
            assert read_skill(str(HERE / "skills" / "specialists" / name)).name == name
