"""An answer in prose becomes the program that it means, or a reason why not."""

import ast
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from redgreenbench.reference_bugs.extraction import Extraction, extract

ROOT = Path(__file__).parents[3]
ANSWERS: list[dict[str, Any]] = yaml.safe_load((ROOT / "tests/data/fix_answers.yaml").read_text("utf-8"))
BUGS = {path.parent.name: path.read_text("utf-8") for path in (ROOT / "reference_bugs").glob("*/program.py")}
STEP = BUGS["missing-optimizer-step"]
SHAPE = BUGS["shape-mismatch-after-flatten"]
NAN = BUGS["nan-after-five-epochs"]
INPLACE = BUGS["inplace-dropout-after-relu"]
EMBEDDING = BUGS["embedding-index-out-of-range"]


def program_of(case: dict[str, Any]) -> str:
    return case["program"] if "program" in case else BUGS[case["bug"]]


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case["id"])
def test_an_answer_becomes_what_a_careful_reader_makes_of_it(case: dict[str, Any]) -> None:
    program = program_of(case)
    result = extract(case["text"], program)
    assert result.status == case["status"], result
    for field in ("how", "reason", "rule"):
        if case.get(field):
            assert re.search(case[field], getattr(result, field)), result
    if case.get("notes"):
        assert any(re.search(case["notes"], note) for note in result.notes), result.notes
    assert "\n" not in result.reason
    if result.status == "applied":
        assert result.source is not None
        assert result.how
        assert result.alternatives >= 1
        assert ast.dump(ast.parse(result.source)) != ast.dump(ast.parse(program))
        for pattern in case.get("has", []):
            assert re.search(pattern, result.source), f"{pattern}\n{result.source}"
        for pattern in case.get("lacks", []):
            assert not re.search(pattern, result.source), f"{pattern}\n{result.source}"
        assert case["fixed"] in (True, False)
    else:
        assert result.source is None
        assert result.reason
        assert case["fixed"] is None


def test_there_are_answers_of_every_shape() -> None:
    assert len(ANSWERS) >= 70
    assert len({case["id"] for case in ANSWERS}) == len(ANSWERS)
    assert {case["status"] for case in ANSWERS} == {"applied", "not_applied", "nothing"}
    assert {case["fixed"] for case in ANSWERS} == {True, False, None}


@pytest.mark.parametrize("name", sorted(BUGS))
def test_a_program_quoted_whole_changes_nothing(name: str) -> None:
    result = extract(f"```python\n{BUGS[name]}```", BUGS[name])
    assert result.status == "not_applied"
    assert "repeats" in result.notes[0]


def fenced(code: str, before: str = "") -> str:
    return f"{before}\n\n```python\n{code}\n```\n"


def applied(answer: str, program: str) -> str:
    result = extract(answer, program)
    assert result.status == "applied", result
    assert result.source is not None
    return result.source


def refused(answer: str, program: str) -> str:
    result = extract(answer, program)
    assert result.status == "not_applied", result
    return result.reason


def test_the_rest_stays_byte_for_byte() -> None:
    after = applied(fenced("self.fc1 = nn.Linear(57600, 128)"), SHAPE)
    assert after == SHAPE.replace("nn.Linear(64, 128)", "nn.Linear(57600, 128)")


def test_a_program_with_windows_newlines_keeps_them() -> None:
    after = applied(fenced("loss.backward()\noptimizer.step()"), STEP.replace("\n", "\r\n"))
    assert after.count("\r\n") == after.count("\n") == STEP.count("\n") + 1


def test_a_byte_order_mark_of_the_program_stays() -> None:
    assert applied(fenced("loss.backward()\noptimizer.step()"), "\ufeff" + STEP).startswith(
        "\ufeffimport torch"
    )


def test_a_program_without_final_newline_can_be_mended() -> None:
    program = "def f(x):\n    return x\n\n\ndef g(x):\n    return f(x) + 1"
    assert applied(fenced("def g(x):\n    return f(x) + 2"), program).endswith("return f(x) + 2\n")


def test_tabs_go_in_as_they_are() -> None:
    after = applied(fenced("def main():\n\ttorch.manual_seed(1)\n\tprint(SmallConvNet())"), SHAPE)
    assert "\ttorch.manual_seed(1)\n" in after


def test_the_inside_of_a_string_is_not_shifted() -> None:
    program = "class A:\n    def text(self):\n        return 1\n\n\nprint(A().text())\n"
    after = applied(fenced('def text(self):\n    return """a\nb\n  c"""'), program)
    assert 'return """a\nb\n  c"""' in after


def test_decorators_belong_to_their_definition() -> None:
    program = "class A:\n    @property\n    def size(self):\n        return 1\n\n\nprint(A().size)\n"
    after = applied(fenced("class A:\n    @staticmethod\n    def size():\n        return 2"), program)
    assert "@property" not in after
    assert "    @staticmethod\n    def size():\n        return 2\n" in after


def test_an_ambiguous_method_is_not_applied() -> None:
    assert "2 classes" in refused(fenced("def __init__(self):\n    super().__init__()"), EMBEDDING)


def test_an_ambiguous_assignment_is_not_applied() -> None:
    program = "def f():\n    lr = 1\n    return lr\n\n\ndef g():\n    lr = 2\n    return lr\n"
    assert refused(fenced("lr = 3"), program)


def test_a_new_method_joins_the_class() -> None:
    code = "class Tokenizer:\n    def decode(self, ids):\n        return [VOCAB[i] for i in ids]"
    assert "    def decode(self, ids):\n" in applied(fenced(code), EMBEDDING)


def test_bases_of_the_answer_win() -> None:
    program = "class A:\n    x = 1\n\n    def f(self):\n        return 1\n"
    after = applied(fenced("class A(dict):\n    x = 2"), program)
    assert after == "class A(dict):\n    x = 2\n\n    def f(self):\n        return 1\n"


def test_a_constant_is_replaced_with_its_function() -> None:
    code = "VOCAB = ['<unk>', 'a']\n\nclass Tokenizer:\n    def encode(self, text):\n        return [0]"
    after = applied(fenced(code), EMBEDDING)
    assert "VOCAB = ['<unk>', 'a']" in after
    assert "word{i}" not in after


def test_an_import_that_is_there_is_not_added_again() -> None:
    code = "import torch\nimport torch.nn as nn\nself.fc1 = nn.Linear(57600, 128)"
    assert applied(fenced(code), SHAPE).count("import torch\n") == 1


def test_an_import_goes_below_the_docstring() -> None:
    program = '"""A program."""\n\n\ndef f(x):\n    return x\n\n\ndef g(x):\n    return x\n'
    after = applied(fenced("import math\n\ndef f(x):\n    return math.sqrt(x)"), program)
    assert after.startswith('"""A program."""\nimport math\n')


def test_imports_alone_are_no_fix() -> None:
    assert "only adds imports" in refused(fenced("import math"), STEP)


def test_a_statement_that_shares_its_line_is_left_alone() -> None:
    program = "def f():\n    a = 1; b = 2\n    return a + b\n"
    assert "shares its line" in refused(fenced("a = 3"), program)


def test_a_loop_goes_to_the_function_that_trains() -> None:
    program = (
        "def evaluate(model, loader):\n    for x in loader:\n        print(model(x))\n\n\n"
        "def train(model, loader, opt):\n    for x in loader:\n        model(x).backward()\n"
    )
    after = applied(fenced("for x in loader:\n    model(x).backward()\n    opt.step()"), program)
    assert after == program + "        opt.step()\n"


def test_two_loops_of_one_role_are_too_many() -> None:
    loop = "    for x in loader:\n        model(x).backward()\n"
    program = f"def one(model, loader, opt):\n{loop}\n\ndef two(model, loader, opt):\n{loop}"
    assert refused(fenced("for x in loader:\n    model(x).backward()\n    opt.step()"), program)


def test_a_single_loop_does_not_replace_a_nested_one() -> None:
    assert refused(fenced("for batch in data:\n    loss = model(batch)\n    loss.backward()"), NAN)


def test_a_name_that_only_another_block_brings_is_known() -> None:
    answer = fenced("optimizer = torch.optim.SGD(model.parameters(), lr=lr)\nlimit = 1.0")
    answer += fenced(
        "loss.backward()\ntorch.nn.utils.clip_grad_norm_(model.parameters(), limit)\noptimizer.step()", "then"
    )
    after = applied(answer, NAN)
    assert "    limit = 1.0\n" in after
    assert "            torch.nn.utils.clip_grad_norm_(model.parameters(), limit)\n" in after


def test_a_correction_goes_on_top_of_the_full_program() -> None:
    whole = STEP.replace(
        "            loss.backward()\n", "            loss.backward()\n            optimizer.step()\n"
    )
    answer = fenced(whole, "Full program:") + fenced(
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.5)", "Correction:"
    )
    after = applied(answer, STEP)
    assert "SGD" in after
    assert "optimizer.step()" in after


def test_a_fragment_after_the_full_program_is_no_correction() -> None:
    whole = STEP.replace(
        "            loss.backward()\n", "            loss.backward()\n            optimizer.step()\n"
    )
    answer = fenced(whole, "Full program:") + fenced(
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.5)", "Note:"
    )
    assert "SGD" not in applied(answer, STEP)


def test_a_definition_that_reads_an_unknown_name_is_applied_with_a_reservation() -> None:
    result = extract(fenced("def forward(self, x):\n    return F.relu(self.fc1(x))"), STEP)
    assert result.status == "applied"
    assert "uses `F`" in result.reason


def test_a_forgotten_closing_fence_does_not_swallow_the_next_block() -> None:
    answer = "```python\nloss.backward()\n\nand then\n\n```python\nself.fc1 = nn.Linear(57600, 128)\n```\n"
    assert "57600" in applied(answer, SHAPE)


def test_a_piece_whose_first_line_lost_its_indentation_is_read() -> None:
    code = "optimizer.zero_grad()\n            loss = criterion(model(x), y)\n            loss.backward()\n            loss.item()"
    assert "            loss.item()\n            optimizer.step()" in applied(fenced(code), NAN)


def test_a_program_that_does_not_parse_is_said() -> None:
    assert "program itself does not parse: line 1" in refused(fenced("x = 1"), "def (:\n")


def test_deep_nesting_is_no_crash() -> None:
    for code in (
        "(" * 5000,
        "-" * 100_000 + "1",
        "[" * 90 + "]" * 90,
        "x = " + "a." * 40_000 + "a",
        "\0",
        "\ud800",
    ):
        assert extract(fenced(code), STEP).status in ("not_applied", "nothing")


@pytest.mark.parametrize(
    "answer",
    [
        fenced("x = 1\n" * 160_000),
        "```\nx = 1\n```\n" * 60_000,
        "`" * 1_000_000,
        "a `b` " * 160_000,
        "    x = 1\n\nprose here\n\n" * 40_000,
        "# " * 500_000,
        "**a" * 300_000,
        "- " * 500_000,
        ("lorem ipsum dolor " * 5 + "\n") * 11_000,
        "```python\n# " + "." * 1_000_000 + "\n```",
        "```diff\n" + "-a\n+b\n" * 150_000 + "```",
        "```python\n" + "a " * 500_000 + "\n```",
        fenced("def train():\n" + "    x = [1, 2]\n" * 10_000),
        fenced("def train():\n" + "    x.append([1, 2])\n" * 10_000),
        "Add `a` after `b`. " * 60_000,
        "`a` is missing after " * 50_000,
        "the " * 270_000 + "`a`",
        "- add `x()` after `y()`\n" * 40_000,
        ("Add the missing line " * 60 + "`a`. ") * 800,
        "\n> ```\n".join("put `x = 1` " * 10 for _ in range(9000)),
    ],
    ids=range(20),
)
def test_time_grows_with_length_alone(answer: str) -> None:
    start = time.process_time()
    extract(answer[:1_100_000], STEP)
    # What grows with the square of a megabyte takes minutes.
    assert time.process_time() - start < 20


PIECES = st.sampled_from(
    [piece for case in ANSWERS for piece in re.split(r"(?<=\n)(?=\s*```)|(?<=```\n)|\n\n", case["text"])]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES | st.text(max_size=40), max_size=12), st.sampled_from(sorted(BUGS)))
def test_any_mixture_of_answers_gives_a_program_or_a_reason(pieces: list[str], name: str) -> None:
    result = extract("\n".join(pieces), BUGS[name])
    check(result)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300), st.sampled_from(sorted(BUGS)))
def test_any_text_gives_a_result(text: str, name: str) -> None:
    check(extract(text, BUGS[name]))
    check(extract(fenced(text), BUGS[name]))


def check(result: Extraction) -> None:
    assert (result.source is not None) == (result.status == "applied")
    if result.source is not None:
        ast.parse(result.source)
    else:
        assert result.reason
