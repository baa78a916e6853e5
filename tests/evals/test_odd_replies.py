"""No reply makes a reader raise or stall, whatever its bytes: a model's slip must not end a run."""

from __future__ import annotations

import ast
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from redgreenbench.evals.act_line import Act, read_act
from redgreenbench.reference_bugs.submission import MAX_BYTES, Submission, read_submission
from redgreenbench.scorers.tool_use import tools_in

PROGRAM = "import math\n\n\ndef double(x):\n    return x + x\n\n\nif __name__ == '__main__':\n    double(1)\n"
SECONDS = 2.0
"""Of CPU, for one reply."""
LONG = 900_000


def block(code: str, language: str = "python") -> str:
    return f"```{language}\n{code}\n```"


def returns(expression: str) -> str:
    return block(f"def double(x):\n    return {expression}")


ODD = {
    "lone-surrogate": "NEXT: ask\ud800\n\n" + returns("'\ud800'"),
    "null-byte": "NEXT\0: ask\0\n\n" + returns("x\0"),
    "every-control-character": "".join(map(chr, range(32))) + block("".join(map(chr, range(32)))),
    "right-to-left": "\u202eNEXT: ask\u202c\n\n" + returns("'\u202e'"),
    "two-megabytes": "NEXT: answer\n\n" + "All work and no play. " * 100_000,
    "two-megabytes-of-a-name": "NEXT: hand over to " + "a" * 2_000_000,
    "two-megabytes-of-names": "NEXT: hand over to " + "a, " * 700_000,
    "two-megabytes-of-blank-lines": "\n" * 2_000_000 + "NEXT: ask",
    "nested-brackets": returns("(" * 10_000 + ")" * 10_000),
    "open-brackets": returns("[" * 10_000),
    "brackets-in-prose": "[" * 10_000 + "]" * 10_000,
    "links": "[a](" * (LONG // 4),
    "stars": "*a " * (LONG // 3),
    "deep-quotes": "> " * (LONG // 2) + "NEXT: ask",
    "quoted-blocks": "\n".join(f"{'> ' * depth}```python" for depth in range(200)),
    "deep-lists": "\n".join(f"{'  ' * depth}- a" for depth in range(300)),
    "fences-only": "```\n" * 50_000,
    "backticks": "`" * LONG,
    "unary": returns("-" * 100_000 + "x"),
    "attributes": returns("x" + ".y" * 100_000),
    "powers": returns("x" + "**2" * 20_000),
    "hunks": block("--- a\n+++ b\n" + "@@ -1 +1 @@\n-a\n+b\n" * 5_000, "diff"),
    "a-hunk-of-no-size": block("@@ -0,0 +0,0 @@\n", "diff"),
    "a-hunk-out-of-the-file": block("@@ -99999999999,1 +1,1 @@\n-a\n+b\n", "diff"),
    "reasoning-again-and-again": "<think></think>" * 40_000 + "NEXT: ask",
    "reasoning-without-end": "<think>" * 100_000 + "NEXT: ask",
    "underscores-behind-a-name": "NEXT: hand over to x" + "_" * 5_000 + "!",
    "underscores-behind-the-colon": "NEXT:" + "_" * LONG + "!",
    "spaces-behind-an-act": "NEXT: ask" + " " * LONG + "!",
    "spaces-behind-a-name": "NEXT: hand over to x" + " " * 5_000 + "!",
    "closing-marks": "NEXT: ask " + "# " * (LONG // 2) + "!",
}


class Stalled(BaseException):
    pass


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Ends what uses more CPU; a busy machine does not count."""

    def end(*_: object) -> None:
        raise Stalled(f"more than {seconds} s of CPU")

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


READERS: dict[str, Callable[[str], object]] = {
    "act": read_act,
    "program": lambda reply: read_submission(reply, PROGRAM, ["double"]),
}


@pytest.mark.parametrize("reply", ODD.values(), ids=ODD)
@pytest.mark.parametrize("reader", READERS)
def test_an_odd_reply_is_read_at_once(reader: str, reply: str) -> None:
    with at_most(SECONDS):
        assert isinstance(READERS[reader](reply), Act | Submission | None)


def test_what_is_too_long_is_said_to_be() -> None:
    found = read_submission(returns("x + x") + " " * MAX_BYTES, PROGRAM)
    assert found.source is None
    assert "longer than 1,000,000 bytes" in found.problem


def test_the_tools_in_an_odd_program_are_found_without_an_error() -> None:
    with at_most(SECONDS):
        found = tools_in([reply for reply in ODD.values() if len(reply) < 400_000] + ["x" + ".y" * 2_000])
    assert isinstance(found, set)


PIECES = st.sampled_from(
    [
        "NEXT", ":", "：", " ", "\n", "\r\n", "hand over to", "ask", "answer", "gradient-management", ",", "→", "_", "*",
        "```python\n", "```", "~~~", "> ", "- ", "# ", "<think>", "</think>", "def double(x):\n    return x\n", "import math\n",
        "class A:\n    pass\n", "if __name__ == '__main__':\n    double(1)\n", "@@ -4,2 +4,2 @@\n", " def double(x):\n",
        "-    return x + x\n", "+    return 2 * x\n", "--- a\n", "+++ b\n", "\ud800", "\0", "\x0c", "\u2028", "(", "...\n",
    ]
)  # fmt: skip
REPLIES = st.lists(st.one_of(PIECES, st.text(st.characters(), max_size=5)), max_size=12).map("".join)


@seed(7)
@settings(max_examples=250, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(REPLIES)
def test_no_reply_makes_a_reader_raise(reply: str) -> None:
    act, submission = read_act(reply), read_submission(reply, PROGRAM, ["double"])
    assert act is None or bool(act.names) == (act.next == "hand over")
    assert bool(submission.problem) == (submission.source is None)
    assert bool(submission.how) == (submission.source is not None)
    if submission.source is not None:
        ast.parse(submission.source)
