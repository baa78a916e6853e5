"""What is wrong with a skill is found without a model; a good skill has no findings."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from redgreenbench.cli import main
from redgreenbench.evals.catalogue import HERE, load_scenarios
from redgreenbench.evals.skillcheck import Finding, check_skill

pytest.importorskip("skills_ref", reason="needs skills-ref: pip install 'redgreenbench[check]'")
pytest.importorskip("detect_secrets", reason="needs detect-secrets: pip install 'redgreenbench[check]'")

GOOD = "---\nname: my-skill\ndescription: Finds why a training run fails, and is used when one does.\n---\n{body}\n"


@pytest.fixture
def findings(tmp_path: Path):
    def find(body: str = "Look at the gradients.", front: str = GOOD, **sheets: str) -> list[Finding]:
        folder = tmp_path / "my-skill"
        folder.mkdir(exist_ok=True)
        (folder / "SKILL.md").write_text(front.format(body=body))
        for name, text in sheets.items():
            (folder / f"{name}.md").write_text(text)
        return check_skill(str(folder))

    return find


def rules(found: list[Finding]) -> list[tuple[str, str, str]]:
    return [(one.level, one.rule, one.file) for one in found]


@pytest.mark.parametrize("folder", sorted((HERE / "skills" / "v2").iterdir()), ids=lambda path: path.name)
def test_the_shipped_skills_have_no_findings(folder: Path) -> None:
    assert check_skill(str(folder)) == []


def test_a_good_skill_has_no_findings(findings) -> None:
    assert findings() == []


@pytest.mark.parametrize(
    ("front", "rule", "says"),
    [
        (GOOD.replace("name: my-skill", "name: My Skill"), "form", "must be lowercase"),
        (GOOD.replace("name: my-skill", "name: other"), "form", "must match"),
        (GOOD.replace("---\n{body}", "mood: good\n---\n{body}"), "form", "mood"),
        (GOOD.replace("Finds why", "Finds: why"), "load", "in line 3: mapping values"),
        ("---\nname: my-skill\ndescription: Helps.\n---\nBody.", "description", "has 1 words"),
    ],
)
def test_the_form_is_that_of_agent_skills(findings, front: str, rule: str, says: str) -> None:
    assert any(one.rule == rule and says in one.says for one in findings(front=front))


def test_size_links_and_secrets_are_found_where_they_stand(findings) -> None:
    assert rules(findings(body="word " * 6_000)) == [("warning", "size", "SKILL.md")]
    assert rules(findings(body="See [it](gone.md).")) == [("error", "links", "SKILL.md")]
    key = "AKIA" + "ABCDEFGHIJKLMNOP"
    assert rules(findings(sheet=f"export KEY={key}")) == [("error", "secret", "sheet.md")]


def test_passages_of_scenarios_and_prompts_and_the_form_of_replies_are_leaks(findings) -> None:
    scenario = next(s for s in load_scenarios() if s.split == "public" and len(s.file.prompt.split()) > 30)
    (found,) = findings(sheet=f"For example: {scenario.file.prompt}")
    assert (found.rule, found.file) == ("leak", "sheet.md")
    assert scenario.id in found.says
    form = (HERE / "prompts" / "act.md").read_text()
    assert ("error", "leak", "SKILL.md") in rules(findings(body=form, sheet=""))
    assert rules(findings(body="NEXT: hand over to gradient-management", sheet="")) == [
        ("error", "form-of-replies", "SKILL.md")
    ]
    assert findings(body="The next: ask yourself what it is about, then answer.", sheet="") == []


def test_the_command_fails_for_errors_and_for_warnings_when_strict(findings, tmp_path: Path) -> None:
    def call(*more: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["check", str(tmp_path / "my-skill" / "SKILL.md"), *more])
        return result.exit_code, result.output

    findings()
    assert call() == (0, f"{tmp_path}/my-skill/SKILL.md: nothing found\n")
    findings(body="word " * 6_000)
    assert (call()[0], call("--strict")[0]) == (0, 1)
    findings(body="See [it](gone.md).")
    code, said = call("--json")
    assert (code, [one["rule"] for one in next(iter(json.loads(said).values()))]) == (1, ["links"])
