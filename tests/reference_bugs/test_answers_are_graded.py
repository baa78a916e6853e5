"""Written answers, taken apart and executed: the verdict is what an expert says of the resulting program."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from redgreenbench.reference_bugs.engine.host import choose_mode, examine
from redgreenbench.reference_bugs.engine.pool import Pool
from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.reference_bugs.verdict import Verdict, grade_answer

ANSWERS = yaml.safe_load((Path(__file__).parents[1] / "data" / "fix_answers.yaml").read_text("utf-8"))
POSED = [answer for answer in ANSWERS if "bug" in answer]
pytestmark = pytest.mark.skipif(bool(examine().inner), reason="this machine cannot confine submissions")


@pytest.fixture(scope="module")
def verdicts() -> Iterator[dict[str, Verdict]]:
    with Pool(2, choose_mode()) as pool, ThreadPoolExecutor(2) as threads:
        graded = threads.map(lambda a: grade_answer(bug_folder(a["bug"]), a["text"], pool), POSED)
        yield {answer["id"]: verdict for answer, verdict in zip(POSED, graded, strict=True)}


@pytest.mark.parametrize("answer", POSED, ids=lambda answer: answer["id"])
def test_the_verdict_is_the_experts(answer: dict[str, object], verdicts: dict[str, Verdict]) -> None:
    verdict = verdicts[str(answer["id"])]
    if "beyond" in answer:
        pytest.xfail(str(answer["beyond"]))
    assert verdict.steps["applies"] is (answer["status"] == "applied")
    assert verdict.correct is (answer.get("fixed") is True), "\n".join(verdict.lines())


def test_there_are_enough_of_both_kinds() -> None:
    assert len(ANSWERS) >= 60
    assert sum(answer.get("fixed") is True for answer in POSED) >= 20
    assert sum(answer.get("fixed") is False for answer in POSED) >= 4
    assert sum("beyond" in answer for answer in ANSWERS) <= 2
