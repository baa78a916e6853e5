"""The act that a reply announces: a strict grammar on its first line, on labelled cases and on its own rules."""

import pytest

from redgreenbench.evals.act_line import Act, act_grammar, read_act
from redgreenbench.evals.catalogue import catalogue_names, load_packs
from redgreenbench.scorers.calibration.readers import ActCase, load_acts

OTHERWISE = {
    "name-bare-file": "an ending without a folder is taken for a name, as within a path",
    "think-end-only": "templates of some models open the reasoning themselves, so that a lone end closes it",
}
"""Cases that are read otherwise than labelled, all of them labelled as doubtful."""


def marked(case: ActCase) -> object:
    reason = OTHERWISE.get(case.id)
    return pytest.param(
        case, id=case.id, marks=[pytest.mark.xfail(strict=True, reason=reason)] if reason else []
    )


@pytest.mark.parametrize("case", [marked(case) for case in load_acts()])
def test_a_labelled_line_is_read_as_labelled(case: ActCase) -> None:
    read = read_act(case.text, case.own)
    label = case.label
    assert (read and (read.next, read.names)) == (label and (label.next, label.names)), case.note


def test_what_is_read_otherwise_is_labelled_and_doubtful() -> None:
    cases = {case.id: case for case in load_acts()}
    assert OTHERWISE.keys() <= cases.keys()
    assert all(cases[name].doubtful for name in OTHERWISE)


@pytest.mark.parametrize(
    ("reply", "act"),
    [
        ("NEXT: answer", Act("answer")),
        ("**Next:** Ask.", Act("ask")),
        ("> 1. `NEXT: hand over to a, b`", Act("hand over", ("a", "b"))),
        ("NEXT：hand over to plugin:a、skills/x/b.md → c/SKILL.md", Act("hand over", ("a", "b", "c"))),
        ("NEXT: hand over to a, a", Act("hand over", ("a",))),
        ("<think>\nNEXT: ask\n</think>\nNEXT: answer", Act("answer")),
        ("\u200b\ufeffNEXT: ask", Act("ask")),
        ("NEXT: hand over to a and b", None),
        ("NEXT: hand over to the user", None),
        ("NEXT: hand over to", None),
        ("NEXT: hand over to a,", None),
        ("NEXT: answer | ask", None),
        ("NEXT: hand over to NAME[, NAME …]", None),
        ("NEXT: ask about the data", None),
        ("Sure.\nNEXT: ask", None),
        ("ROUTE: gradient-management", None),
        ("<think>\nNEXT: ask", None),
        ("", None),
        (" \n\t\n", None),
        ("```\n```", None),
    ],
)
def test_the_grammar_is_strict(reply: str, act: Act | None) -> None:
    assert read_act(reply) == act


def test_a_line_that_is_followed_by_its_contrary_counts() -> None:
    assert read_act("NEXT: ask\n\nNEXT: answer\n\nI hand over to gradient-management.") == Act("ask")


def test_nobody_hands_over_to_itself() -> None:
    own = ("using-training-optimization", "training-optimization")
    assert read_act("NEXT: hand over to using-training-optimization", own) == Act("answer")
    assert read_act("NEXT: hand over to my:training-optimization, using-training-optimization", own) == Act(
        "answer"
    )
    assert read_act("NEXT: hand over to using-training-optimization, gradient-management", own) == Act(
        "hand over", ("gradient-management",)
    )


@pytest.mark.parametrize("act", [Act("answer"), Act("ask"), Act("hand over", ("a-b", "c"))], ids=str)
def test_an_act_in_words_is_the_line_that_announces_it(act: Act) -> None:
    assert read_act(f"NEXT: {act}") == act


@pytest.mark.parametrize("pack", [name for name, pack in load_packs().items() if pack.specialists])
def test_every_name_of_a_catalogue_can_be_announced(pack: str) -> None:
    names = tuple(catalogue_names(pack))
    assert read_act(f"NEXT: hand over to {', '.join(names)}") == Act("hand over", names)


def test_the_grammar_for_servers_has_the_three_forms_and_only_the_names_that_are_offered() -> None:
    root, name, rest = act_grammar({"b-c", "a"}).splitlines()
    assert root == 'root ::= "NEXT: " ("answer" | "ask" | "hand over to " name (", " name){0,5}) "\\n" rest'
    assert name == 'name ::= "a" | "b-c"'
    assert rest.startswith("rest ::= ")
