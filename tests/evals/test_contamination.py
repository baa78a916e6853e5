"""Text of the skill under test is found where it should not stand, and nothing else is."""

from inspect_ai.util import Store

from redgreenbench.evals.contamination import GRAM_WORDS, Audit, audit_of, leaks

SKILL = """# Taking the temperature of gradients first

Before anything is changed the norm of every gradient is written down for one hundred steps in a row.
Whoever clips without having looked at that list is guessing, and guessing is what this text is against.

See optimization-clinic.md for more.

```python
for data, target in loader:
    optimizer.zero_grad()
    loss = criterion(model(data), target)
    loss.backward()
```
"""
SENTENCES = [line for line in SKILL.splitlines() if len(line.split()) > GRAM_WORDS]


def test_passages_of_the_skill_are_found() -> None:
    found = leaks(f"I was told: {SENTENCES[0]} {SENTENCES[1]}", SKILL, given="")
    assert len(found) >= 2
    assert all(len(passage.split()) == GRAM_WORDS for passage in found)


def test_looks_do_not_hide_a_passage() -> None:
    told = " ".join(SENTENCES).upper().replace(" ", "  \n> ").replace(",", " –")
    assert leaks(told, SKILL, given="")


def test_one_stock_phrase_is_none() -> None:
    words = SENTENCES[0].split()
    assert leaks(" ".join(words[:GRAM_WORDS]), SKILL, given="") == []


def test_a_heading_or_a_file_of_the_skill_is_a_finding_by_itself() -> None:
    assert leaks("As “Taking the temperature of gradients first” says", SKILL, given="")
    assert leaks("I have read optimization-clinic.md.", SKILL, given="") == ["optimization-clinic.md"]


def test_what_every_arm_is_given_is_no_finding() -> None:
    told = " ".join([*SENTENCES, "optimization-clinic.md", "Taking the temperature of gradients first"])
    assert leaks(told, SKILL, given=told) == []


def test_code_that_stands_in_every_tutorial_is_no_finding() -> None:
    code = SKILL[SKILL.index("```") :]
    assert leaks(code + code.replace("```", ""), SKILL, given="") == []


def test_an_empty_audit_is_told_from_none() -> None:
    store = Store()
    assert audit_of(store) is None
    audit = Audit(store=store)
    audit.delivered, audit.found = None, None
    seen = audit_of(store)
    assert seen is not None
    assert (seen.delivered, seen.found) == (None, None)


def test_a_comment_in_a_program_is_no_heading() -> None:
    comment = "# move everything to the device first"
    skill = f"""# How the norms are read

```python
{comment}
model.to(device)
```

<file path="scripts/run.py">
{comment}
</file>

<file path="more.md">
# What the second sheet is about
</file>"""
    assert leaks(f"```python\n{comment}\n```", skill, given="") == []
    assert leaks("See: how the norms are read", skill, given="") == ["how the norms are read"]
    assert leaks("What the second sheet is about", skill, given="") == ["what the second sheet is about"]
