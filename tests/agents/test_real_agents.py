"""Real agents of inspect-swe: a stand-in of the same call signature, which packs its requests as such agents do, acts out scripts."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import inspect_swe
import pytest
from click.testing import CliRunner
from inspect_ai import Task
from inspect_ai.agent import AgentState, agent, agent_bridge
from inspect_ai.log import EvalLog, EvalSample
from inspect_ai.model import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    GenerateConfig,
    get_model,
)
from inspect_ai.tool import ToolCall, ToolInfo
from inspect_ai.util import sandbox
from openai import AsyncOpenAI

from redgreenbench.cli import main
from redgreenbench.evals.agents.installing import loads_of, real_agents, skills_shown
from redgreenbench.evals.agents.real import AgentMessages
from redgreenbench.evals.arms import prompt_template, resolve_arms
from redgreenbench.evals.discovery import common_skills
from redgreenbench.evals.errors import InputError
from redgreenbench.evals.skillfolder import Skill, read_skill
from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.reference_bugs.submission import apply_patch
from redgreenbench.tasks.debugging import debugging

SCENARIO = "debugging-techniques/shape-mismatch"
SHEET = "sheet.md"

Work = Callable[..., EvalLog]
Only = Callable[[EvalLog], EvalSample]
BUG = bug_folder("shape-mismatch-after-flatten")


def stand_in(name: str, packs: str = "The agent's own instructions.") -> Callable[..., object]:
    """An agent that asks the model in requests that it builds anew each time, with a side request first.

    Without instructions of its own (`packs`) it puts the system message in front of the user's, as some do.
    """

    @agent(name=name)
    def make(filter: object = None, cwd: str | None = None) -> object:
        async def ask(messages: list) -> object:
            await filter(get_model(), messages, [], None, GenerateConfig())
            return await get_model().generate(messages)

        async def act(call: ToolCall) -> str:
            if call.function == "Skill":
                return await sandbox().read_file(f"{cwd}/.claude/skills/{call.arguments['skill']}/SKILL.md")
            done = await sandbox().exec(["bash", "-c", call.arguments["command"]], cwd=cwd)
            return done.stdout + done.stderr

        async def execute(state: AgentState) -> AgentState:
            system = "\n\n".join([packs, *(m.text for m in state.messages if m.role == "system")])
            prompt = "\n\n".join(m.text for m in state.messages if m.role == "user")
            said: list = []
            await filter(
                get_model(), [ChatMessageUser(content="Give this a title.")], [], None, GenerateConfig()
            )
            while True:
                anew = [m.model_copy(update={"id": None}) for m in said]
                user = ChatMessageUser(content=f"<p>{prompt}</p>" if packs else f"{system}\n\n{prompt}")
                messages = [*([ChatMessageSystem(content=system)] if packs else []), user, *anew]
                output = await ask(messages)
                said.append(output.message)
                state.messages, state.output = [*messages, output.message], output
                for call in output.message.tool_calls or ():
                    said.append(
                        ChatMessageTool(content=await act(call), tool_call_id=call.id, function=call.function)
                    )
                if not output.message.tool_calls:
                    return state

        return execute

    return make


GENUINE = {name: getattr(inspect_swe, name) for name in real_agents()}


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in real_agents():
        monkeypatch.setattr(f"inspect_swe.{name}", stand_in(name))


@pytest.fixture
def skill(make_skill: Callable[..., Path]) -> Path:
    folder = make_skill(body="Say the magic word.", sheet="A sheet.")
    (folder / "scripts").mkdir()
    (folder / "scripts" / "look.sh").write_text("#!/bin/sh\necho looked\n")
    (folder / "references").mkdir()
    (folder / "references" / "dos.md").write_bytes(b"two\r\nlines\r\n")
    return folder


def task(skill: Path | str = "v2", **options: object) -> Task:
    given = {
        "arms": "green",
        "scenarios": SCENARIO,
        "mode": "agent",
        "agent": "claude_code",
        "sandbox": "local",
    }
    return debugging(**{"skill": str(skill), **given, **options})


def score(sample: EvalSample, scorer: str) -> dict[str, float]:
    value = (sample.scores or {})[scorer].value
    assert isinstance(value, dict)
    return {key: float(number) for key, number in value.items()}


def of(log: EvalLog, arm: str, scenario: str = SCENARIO) -> EvalSample:
    assert log.status == "success", log.error
    (sample,) = [
        s for s in log.samples or () if s.metadata["arm"] == arm and s.metadata["scenario"] == scenario
    ]
    assert sample.error is None, sample.error
    return sample


def shell(command: str, says: str = "") -> tuple[str, tuple]:
    return (says, (("Bash", {"command": command}),))


def write(program: str) -> tuple[str, tuple]:
    return shell(f"cat > program.py <<'__PROGRAM__'\n{program.rstrip()}\n__PROGRAM__")


def printed(sample: EvalSample) -> list[str]:
    return [m.text for m in sample.messages if m.role == "tool"]


@pytest.fixture
def play(work: Work, steps: type) -> Callable[..., EvalLog]:
    def run(asked: Task, script: list[tuple], **options: object) -> EvalLog:
        return work(asked, [steps.say(*step) for step in script], **options)

    return run


Play = Callable[..., EvalLog]


@pytest.mark.parametrize("name", list(real_agents()))
def test_the_whole_folder_is_where_the_agent_looks_in_green_only(
    name: str, play: Play, skill: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = real_agents()[name]
    listing = f"cd {'.' if about.below == 'cwd' else '$HOME'} && cd {about.skills} && "
    look = shell(
        f"{listing} find . -type f | sort | xargs sha256sum; find . -perm -u+x -type f; cat my-skill/SKILL.md"
    )
    found = {}
    for arm in ("red", "green"):
        home = tmp_path / f"home-{arm}"
        home.mkdir()
        monkeypatch.setenv("HOME", str(home))
        asked = task(skill, agent=name, arms=f"{arm}", delivery="tool")
        log = play(asked, [look, ("Done.", ())], sample_id=f"{SCENARIO}/none/{arm}")
        found[arm] = printed(of(log, arm))[0]
    sums = {line.split("  ./")[1]: line.split()[0] for line in found["green"].splitlines() if "  ./" in line}
    for file in ("sheet.md", "scripts/look.sh", "references/dos.md"):
        text = (skill / file).read_bytes().replace(b"\r\n", b"\n")
        assert sums[f"my-skill/{file}"] == hashlib.sha256(text).hexdigest()
    assert "./my-skill/scripts/look.sh" in found["green"].splitlines()
    assert 'metadata: {version: "7"}' in found["green"]
    assert "Say the magic word." in found["green"]
    assert "my-skill/SKILL.md" in found["red"]  # only in what cat complains about
    assert "  ./my-skill/" not in found["red"]
    arms = resolve_arms(["red", "green"], str(skill), ["debugging-techniques"], "tool")
    common = {f"{name}/SKILL.md" for name in common_skills("debugging-techniques", arms)}
    for text in found.values():
        there = {line.split("  ./")[1] for line in text.splitlines() if "  ./" in line}
        assert {file for file in there if not file.startswith("my-skill/")} == common


def test_what_an_agent_does_and_loads_comes_out_as_the_script_says(play: Play, skill: Path) -> None:
    mended = BUG.mended
    script = [
        shell("cat program.py", "I look first."),
        (
            "",
            (("Skill", {"skill": "my-skill"}), ("Bash", {"command": "cat .claude/skills/my-skill/sheet.md"})),
        ),
        write(mended),
        write(BUG.program),
        ("57600 features arrive.", ()),
    ]
    log = play(task(skill, delivery="tool"), script, sample_id=f"{SCENARIO}/none/green")
    sample = of(log, "green")
    assert "Say the magic word." in printed(sample)[1]
    values = score(sample, "resolution")
    assert (values["resolved"], values["kept"], values["rebroken"], values["cut"]) == (1, 0, 1, 0)
    assert (values["turns"], values["calls"], values["tokens"]) == (3, 4, 30)
    total = sample.store["History:total"]
    assert (total["turns"], total["calls"], total["tokens"]) == (5, 5, 50)
    loaded = score(sample, "activation")
    assert (loaded["recall"], loaded["precision"], loaded["sheets"], loaded["invented"]) == (1, 1, 1, 0)
    assert [(c["tool"], c.get("path"), c["turn"]) for c in sample.store["SkillCalls:calls"]] == [
        ("load_skill", None, 2),
        ("read_skill_file", SHEET, 2),
    ]
    assert sample.output.completion == "57600 features arrive."
    own = read_skill(str(skill))
    assert sample.store["Installed:hashes"][own.name] == own.hash
    # A folder is no proof, and this stand-in shows its model nothing of it.
    assert math.isnan(score(sample, "audit")["delivered"])
    assert score(sample, "audit")["valid"] == 1


def test_the_audit_voids_a_sample_whose_skill_was_not_installed_or_should_not_have_been(
    play: Play, skill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = read_skill(str(skill))
    swapped = {"red": {own.name: own}, "green": {}}
    scores = {}
    for harness in ("sound", "swapped"):
        if harness == "swapped":
            monkeypatch.setattr(
                "redgreenbench.evals.agents.real.offered_skills", lambda arms, pack, arm: swapped[arm]
            )
        for arm in ("red", "green"):
            asked = task(skill, arms="red,green", delivery="tool")
            log = play(asked, [("Done.", ())], sample_id=f"{SCENARIO}/none/{arm}")
            scores[harness, arm] = score(of(log, arm), "audit")["valid"]
    assert scores == {
        ("sound", "red"): 1,
        ("sound", "green"): 1,
        ("swapped", "red"): 0,
        ("swapped", "green"): 0,
    }


LISTINGS = {
    "claude_code": "<system-reminder>\nThe following skills are available for use with the Skill tool:\n\n- {name}: {says}\n</system-reminder>",
    "codex_cli": "## Skills\n### Available skills\n- {name}: {says} (file: ~/.codex/skills/{name}/SKILL.md)",
    "gemini_cli": "<available_skills>\n  <skill>\n    <name>{name}</name>\n    <description>{says}</description>\n  </skill>\n</available_skills>",
    "opencode": "<available_skills>\n  <skill>\n    <name>{name}</name>\n    <description>{says}</description>\n  </skill>\n</available_skills>",
}
"""How each agent lists skills to its model, written after its documentation: in a message, or in a tool's description."""
IN_A_TOOL = {"opencode": "skill"}


@pytest.mark.parametrize("name", list(real_agents()))
def test_what_an_agent_shows_proves_that_a_skill_is_delivered(name: str, make_skill) -> None:
    folder = make_skill()
    text = (folder / "SKILL.md").read_text()
    (folder / "SKILL.md").write_text(
        text.replace("Helps with tests.", "Finds why <a> & b fail, and says what to do then.")
    )
    skill = read_skill(str(folder))
    listing = LISTINGS[name].format(name=skill.name, says=skill.description)
    escaped = LISTINGS[name].format(
        name=skill.name, says="Finds why &lt;a&gt; &amp; b fail, and says what to do then."
    )

    def shown(listed: str) -> list[str]:
        tool = ToolInfo(
            name=IN_A_TOOL.get(name, "Bash"), description=listed if name in IN_A_TOOL else "Runs."
        )
        said = [ChatMessageSystem(content="You are an agent." if name in IN_A_TOOL else listed)]
        return skills_shown([skill], said, [tool])

    assert shown(listing) == shown(escaped) == ["my-skill"]
    assert shown(listing.replace(skill.name, "other-skill")) == []
    assert shown(listing.replace("Finds why", "Says how")) == []
    # What the model says itself, or finds in the folder with a tool, is not what it was shown.
    spoken = [
        ChatMessageAssistant(content=listing),
        ChatMessageTool(content=listing, tool_call_id="1", function="Bash"),
    ]
    assert skills_shown([skill], spoken, []) == []


def test_a_skill_that_the_agent_shows_counts_as_delivered(
    play: Play, skill: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = read_skill(str(skill))
    packs = LISTINGS["codex_cli"].format(name=own.name, says=own.description)
    monkeypatch.setattr(inspect_swe, "claude_code", stand_in("claude_code", packs))
    log = play(task(skill, delivery="tool"), [("Done.", ())], sample_id=f"{SCENARIO}/none/green")
    assert score(of(log, "green"), "audit")["delivered"] == 1


def test_what_was_given_stands_in_our_words_and_once(play: Play, skill: Path) -> None:
    sample = of(
        play(task(skill, delivery="tool"), [("Done.", ())], sample_id=f"{SCENARIO}/none/green"), "green"
    )
    assert [m.role for m in sample.messages] == ["system", "user", "assistant"]
    system, user, _ = (m.text for m in sample.messages)
    assert system == prompt_template("agent_real")
    assert BUG.symptom in user
    assert "load_skill" not in system + user
    assert "my-skill" not in system + user
    assert score(sample, "activation")["recall"] == 0


def test_injected_text_is_told_and_nothing_is_installed(play: Play, skill: Path) -> None:
    script = [shell("ls -a"), ("Done.", ())]
    log = play(task(skill, arms="red,green"), script)
    green, red = of(log, "green"), of(log, "red")
    assert "Say the magic word." in green.messages[0].text
    assert red.messages[0].text == prompt_template("agent_real")
    assert ".claude" not in printed(green)[0] + printed(red)[0]
    assert "program.py" in printed(green)[0]
    assert score(green, "audit")["valid"] == score(red, "audit")["valid"] == 1
    assert "SkillCalls:calls" not in green.store
    assert "activation" not in (green.scores or {})


def test_the_generic_text_is_told_where_skills_are_installed(play: Play, skill: Path) -> None:
    log = play(
        task(skill, arms="generic", delivery="tool"), [("Done.", ())], sample_id=f"{SCENARIO}/none/generic"
    )
    sample = of(log, "generic")
    assert sample.messages[0].text.endswith(prompt_template("generic"))
    assert score(sample, "audit")["valid"] == 1


def test_a_positive_control_is_put_to_the_agent_too(play: Play, skill: Path) -> None:
    control = "debugging-techniques/positive-hyperparameter-tuning"
    for step, expected in (
        (("Skill", {"skill": "hyperparameter-tuning"}), 1),
        (("Bash", {"command": "true"}), 0),
    ):
        log = play(
            task(skill, arms="red", delivery="tool"),
            [("", (step,)), ("It is about that.", ())],
            sample_id=f"{control}/none/red",
        )
        sample = of(log, "red", control)
        assert score(sample, "activation")["control"] == expected
        assert math.isnan(score(sample, "resolution")["turns"])


def test_an_agent_that_patches_the_symptom_does_not_resolve(play: Play) -> None:
    hidden = apply_patch(BUG.program, next(w.text for w in BUG.workarounds if w.name == "first-64-features"))
    sample = of(play(task(arms="red"), [write(hidden), ("It runs.", ())]), "red")
    values = score(sample, "resolution")
    assert (values["resolved"], values["symptom_removed"], values["symptom_turns"]) == (0, 1, 1)


@pytest.mark.parametrize(("limit", "value"), [("message", 6), ("token", 35)])
def test_a_limit_ends_it_cleanly(play: Play, skill: Path, limit: str, value: int) -> None:
    load = ("", (("Skill", {"skill": "my-skill"}),))
    script = [
        load,
        write(BUG.mended),
        shell("sleep 1.5" if limit == "time" else "true"),
    ]
    asked = task(skill, delivery="tool", **{f"{limit}_limit": value})
    sample = of(play(asked, script, sample_id=f"{SCENARIO}/none/green"), "green")
    assert sample.limit is not None
    assert sample.limit.type == limit
    values = score(sample, "resolution")
    assert (values["resolved"], values["turns"], values["cut"]) == (1, 2, 1)
    assert score(sample, "activation")["recall"] == 1
    assert [m.role for m in sample.messages[:3]] == ["system", "user", "assistant"]


def test_a_limit_that_only_our_own_words_would_pass_ends_nothing_twice(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inspect_swe.gemini_cli", stand_in("gemini_cli", packs=""))
    sample = of(play(task(agent="gemini_cli", arms="red", message_limit=6), [shell("ls")]), "red")
    assert sample.limit is not None
    assert sample.limit.type == "message"
    # The agent's conversation is one message shorter, since the system message stands in the user's.
    assert [m.role for m in sample.messages] == ["system", "user", *("assistant", "tool") * 2, "assistant"]
    assert score(sample, "resolution")["turns"] == 3


def test_a_time_limit_ends_it_in_the_middle_of_a_call(play: Play) -> None:
    # inspect gives scorers half of the time, so a shorter limit would test how fast they are.
    sample = of(play(task(arms="red", time_limit=6), [shell("ls"), shell("sleep 60")]), "red")
    assert sample.limit is not None
    assert sample.limit.type == "time"
    values = score(sample, "resolution")
    assert (values["resolved"], values["turns"], values["cut"]) == (0, 2, 1)
    assert 5 / 60 < values["minutes"] < 20 / 60


def test_an_agent_that_never_asks_the_model_is_an_error(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    @agent(name="claude_code")
    def silent(filter: object = None, cwd: str | None = None) -> object:
        async def execute(state: AgentState) -> AgentState:
            return state

        return execute

    monkeypatch.setattr("inspect_swe.claude_code", silent)
    log = work(task(arms="red"), [], fail_on_error=False)
    assert log.samples
    assert log.samples[0].error is not None
    assert "claude_code ended without having asked the model" in log.samples[0].error.message


def test_inspects_own_bridge_carries_the_watching(
    work: Work, only: Only, steps: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bridge that inspect-swe uses, in this process: a client of OpenAI's protocol whose requests inspect answers."""

    @agent(name="claude_code")
    def bridged(filter: object = None, cwd: str | None = None) -> object:
        async def execute(state: AgentState) -> AgentState:
            async with agent_bridge(state, filter=filter) as bridge:
                client = AsyncOpenAI(api_key="none")
                asked = [{"role": "system", "content": "Mine."}]
                asked += [{"role": "user", "content": m.text} for m in state.messages if m.role == "user"]
                tool = {
                    "name": "Bash",
                    "description": "Runs.",
                    "parameters": {"type": "object", "properties": {}},
                }
                while True:
                    reply = await client.chat.completions.create(
                        model="inspect", messages=asked, tools=[{"type": "function", "function": tool}]
                    )
                    message = reply.choices[0].message
                    asked.append(message.model_dump(exclude_none=True))
                    for call in message.tool_calls or ():
                        command = json.loads(call.function.arguments)["command"]
                        done = await sandbox().exec(["bash", "-c", command], cwd=cwd)
                        asked.append({"role": "tool", "tool_call_id": call.id, "content": done.stdout})
                    if not message.tool_calls:
                        return bridge.state

        return execute

    monkeypatch.setattr("inspect_swe.claude_code", bridged)
    script = [shell("ls"), write(BUG.mended), ("Mended.", ())]
    sample = only(work(task(arms="red"), [steps.say(*step) for step in script]))
    values = score(sample, "resolution")
    assert (values["resolved"], values["turns"], values["calls"], values["cut"]) == (1, 2, 2, 0)
    assert [m.role for m in sample.messages] == [
        "system",
        "user",
        *("assistant", "tool") * 2,
        "assistant",
    ]
    cut = only(
        work(task(arms="red", message_limit=6), [steps.say(*step) for step in (*script[:2], shell("true"))])
    )
    assert (cut.limit and cut.limit.type) == "message"
    assert (score(cut, "resolution")["resolved"], score(cut, "resolution")["cut"]) == (1, 1)
    assert len([m for m in cut.messages if m.role == "assistant"]) == 2


def spoke(text: str, *calls: tuple[str, dict[str, object]], id: str = "1") -> ChatMessageAssistant:
    made = [ToolCall(id=id, function=function, arguments=arguments) for function, arguments in calls]
    return ChatMessageAssistant(content=text, tool_calls=made or None)


def test_a_message_counts_once_however_often_it_is_repeated() -> None:
    seen = AgentMessages()
    one, two = spoke("", ("Bash", {"command": "ls"}), id="a"), spoke("Good.")
    again = spoke("", ("Bash", {"command": "ls"}), id="b")
    seen.add([one])
    seen.add([again, two])
    assert (len(seen.turns), seen.calls) == (2, 1)
    seen.add([one, two, again])  # the same said a second time
    assert (len(seen.turns), seen.calls) == (3, 2)
    seen.add([ChatMessageUser(content="What came before, summed up."), spoke("On we go.")])
    assert [turn.text for turn in seen.turns] == ["", "Good.", "", "On we go."]


OWN = Skill("mine", "Helps.", "1", "0" * 64, "Body.", (("deep/sheet.md", "Sheet."),))


@pytest.mark.parametrize(
    ("name", "call", "expected"),
    [
        ("claude_code", ("Skill", {"skill": "mine"}), [("mine", None, True, True)]),
        ("claude_code", ("Skill", {"skill": "nobody"}), [("nobody", None, False, False)]),
        (
            "claude_code",
            ("Read", {"file_path": "/home/runner/.claude/skills/mine/SKILL.md"}),
            [("mine", "SKILL.md", True, True)],
        ),
        ("gemini_cli", ("activate_skill", {"name": "mine"}), [("mine", None, True, True)]),
        ("opencode", ("skill", {"name": "mine"}), [("mine", None, True, True)]),
        (
            "opencode",
            ("bash", {"command": "cat ~/.config/opencode/skills/mine/deep/sheet.md"}),
            [("mine", "deep/sheet.md", True, True)],
        ),
        (
            "codex_cli",
            ("shell", {"command": ["bash", "-lc", "sed -n 1,200p '.codex/skills/mine/SKILL.md' | head"]}),
            [("mine", "SKILL.md", True, True)],
        ),
        (
            "codex_cli",
            ("shell", {"command": "cat ./.codex/skills/mine/{x}; cat .codex/skills/mine/none.md"}),
            [("mine", "{x}", True, False), ("mine", "none.md", True, False)],
        ),
        (
            "codex_cli",
            ("shell", {"command": "cat .codex/skills/other/SKILL.md"}),
            [("other", "SKILL.md", False, False)],
        ),
        ("codex_cli", ("shell", {"command": "ls .codex/skills/mine/ .codex/skills/mine/deep"}), []),
        ("codex_cli", ("shell", {"command": "cat .codex/skills/.system/made/SKILL.md program.py"}), []),
        ("codex_cli", ("shell", {"command": "cat .claude/skills/mine/SKILL.md"}), []),
    ],
)
def test_loads_are_read_out_of_what_the_agent_did(
    name: str, call: tuple[str, dict[str, object]], expected: list[tuple]
) -> None:
    found = loads_of(real_agents()[name], {"mine": OWN}, [spoke("Hm."), spoke("", call)])
    assert [(c.name, c.path, c.skill_exists, c.existed) for c in found] == expected
    assert {c.turn for c in found} <= {2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"agent": "nobody"}, "take one of react, claude_code, codex_cli, gemini_cli, opencode"),
        ({"sandbox": "jail"}, "sandbox=jail does not go with agent=claude_code"),
        (
            {"pressure": "time", "pressure_turn": "followup"},
            "pressure_turn=followup does not go with agent=claude_code",
        ),
        ({"call_seconds": 10}, "call_seconds does not go with agent=claude_code"),
    ],
)
def test_what_a_real_agent_cannot_do_is_said_before_anything_runs(
    options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message) as error:
        task(**options)
    assert "\n" not in str(error.value)


def test_a_skill_that_an_agent_would_not_find_is_refused(make_skill: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="skill 'My Skill': agents find only names of"):
        task(make_skill(name="My Skill"), delivery="tool")
    folder = make_skill(name="long")
    (folder / "SKILL.md").write_text(f"---\nname: long\ndescription: {'x' * 1025}\n---\nBody.\n")
    with pytest.raises(InputError, match="at most 1024 characters, and this has 1025"):
        task(folder, delivery="tool")
    assert task(folder).dataset  # nothing has to be found where its text is told


def test_a_real_agent_works_in_a_container_with_torch_unless_told_otherwise() -> None:
    placed = task(sandbox=None).sandbox
    assert placed is not None
    compose = placed.config
    assert placed.type == "docker"
    assert "torch" in (Path(str(compose)).parent / "Dockerfile").read_text()
    assert task(sandbox="k8s").sandbox.type == "k8s"  # type: ignore[union-attr]


def test_agents_are_never_pooled() -> None:
    one, other = task(), task(agent="codex_cli")
    assert one.version != other.version
    assert (one.metadata or {})["inspect_swe"] == inspect_swe.__version__
    told, installed = task(), task(delivery="tool")
    assert (told.metadata or {})["delivery"] == "injection, agent claude_code"
    assert (installed.metadata or {})["delivery"] == "discovery, agent claude_code"


@pytest.mark.parametrize("name", list(real_agents()))
def test_the_genuine_agent_takes_what_it_is_given(name: str) -> None:
    make = GENUINE[name]
    assert callable(make(filter=None, cwd="/home/runner"))
    source = inspect.getsource(inspect.getmodule(inspect.unwrap(make)))
    folder, _, last = real_agents()[name].skills.rpartition("/")
    assert f'"{last}"' in source or f"/{last}" in source
    assert folder in source
    assert "/skills" in source or '"skills"' in source


def test_without_inspect_swe_everything_else_works_and_the_error_is_clear() -> None:
    code = """
import sys
sys.modules["inspect_swe"] = None
import importlib, pkgutil
import redgreenbench
from redgreenbench import evals, reports, scorers, tasks, cli
for room in (evals, reports, scorers, tasks, cli):
    for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        importlib.import_module(module.name)
import redgreenbench._registry
from redgreenbench.evals.errors import InputError
from redgreenbench.tasks.debugging import debugging
debugging(mode="agent", scenarios="shape-mismatch")
try:
    debugging(mode="agent", agent="claude_code", scenarios="shape-mismatch")
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "agent=claude_code needs the package inspect-swe; pip install 'redgreenbench[swe]'\n"
    )


@pytest.mark.usefixtures("quick_doctor")
def test_the_doctor_says_whether_real_agents_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def line() -> dict[str, str]:
        findings = json.loads(CliRunner().invoke(main, ["doctor", "--json"]).output)
        return next(f for f in findings if f["part"] == "real agents")

    assert line()["found"] == f"inspect-swe {inspect_swe.__version__}"
    # The package shows the command under the module's name.
    monkeypatch.setattr(sys.modules["redgreenbench.cli.doctor"], "_version", lambda name: None)
    assert (line()["status"], line()["remedy"][:40]) == (
        "limited",
        "pip install 'redgreenbench[swe]' to run ",
    )
