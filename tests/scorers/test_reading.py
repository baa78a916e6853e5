"""Reading an answer: sentences, code, negation, questions, advice."""

import pytest

from redgreenbench.scorers.reading import Answer, is_negated


def sentences(text: str) -> list[str]:
    return [s.text for s in Answer(text).sentences]


def test_sentences_end_where_a_reader_ends_them() -> None:
    assert sentences("Use e.g. SGD. Then stop.") == ["Use e.g. SGD.", "Then stop."]
    assert sentences("1. Lower it.\n2. Clip it.") == ["Lower it.", "Clip it."]
    assert sentences("one line\nthat goes on\n\nNext") == ["one line\nthat goes on", "Next"]
    assert sentences("> quoted\nsaid <!-- hidden -->") == ["said"]


def test_code_is_not_prose_and_trees_take_indented_blocks() -> None:
    answer = Answer("Do:\n```python\n    def f(self):\n        g()\n```\nor\n```\nnot python (\n```\nDone.")
    assert sentences(answer.text) == ["Do:", "or", "Done."]
    assert len(answer.code_blocks) == 2
    assert len(answer.trees) == 1
    assert Answer("```python\nunclosed()").code_blocks[0][1] == "unclosed()"


@pytest.mark.parametrize(
    ("text", "negated"),
    [
        ("Use X.", False),
        ("Do not use X.", True),
        ("This isn't an X problem.", True),
        ("X is not the cause.", True),
        ("Not only X matters.", False),
        ("Your model is not learning, use X.", False),
        ("Use Y rather than X.", True),
        ("Rather than Y, use X.", False),
        ("Don't use Y but X.", False),
        ("Don't forget X.", False),
        ("Das ist kein X.", True),
        ("No es X.", True),
        ("Ce n'est pas X.", True),
    ],
)
def test_negation(text: str, negated: bool) -> None:
    at = text.index("X")
    assert is_negated(text, at, at + 1) is negated


@pytest.mark.parametrize(
    ("text", "question", "advice"),
    [
        ("Which optimizer do you use?", True, False),
        ("Please tell me your learning rate.", True, False),
        ("QUESTION: is the loss flat", True, False),
        ("QUESTION: none", False, False),
        ("### Which optimizer do you use?", False, False),
        ("Lower the learning rate.", False, True),
        ("You should clip gradients.", False, True),
        ("Don't lower the learning rate.", False, False),
        ("Check the gradient norms.", False, False),
        ("Use torch.profiler to see where time goes: the profiler knows.", False, False),
        ("The loss is the mean over a batch.", False, False),
    ],
)
def test_questions_and_advice(text: str, question: bool, advice: bool) -> None:
    (sentence,) = Answer(text).sentences
    assert sentence.is_question is question
    assert bool(sentence.advice) is advice


def test_advice_comes_before_or_after_a_question() -> None:
    asks_first = Answer("Is the loss flat? Lower the rate.")
    assert asks_first.first_advice() > asks_first.questions()[0].position
    code_first = Answer("```python\nlr = 1e-4\n```\nIs the loss flat?")
    assert code_first.first_advice() < code_first.questions()[0].position
    assert Answer("Is the loss flat?").first_advice() is None
