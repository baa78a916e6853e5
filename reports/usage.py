"""What a run cost in tokens, from the headers of its logs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inspect_ai.log import read_eval_log
from inspect_ai.model import ModelUsage

__all__ = ["Usage", "usage_of"]

_GRADER = "grader"


@dataclass(frozen=True)
class Usage:
    """Tokens of some logs.

    Attributes:
        answers: Answers that were given.
        tokens_in: Tokens read by the model under test, those from a cache included.
        tokens_out: Tokens written by the model under test, its reasoning included.
        grader_in: Tokens read by graders.
        grader_out: Tokens written by graders.
    """

    answers: int
    tokens_in: int
    tokens_out: int
    grader_in: int
    grader_out: int


def usage_of(logs: Sequence[str]) -> Usage:
    """Sums up what logs say of tokens; a log that was resumed counts what its answers cost in all attempts.

    Args:
        logs: Addresses of readable logs.
    """
    answers, sums = 0, [0, 0, 0, 0]
    for log in logs:
        header = read_eval_log(log, header_only=True)
        answers += header.results.completed_samples if header.results else 0
        graders = [usage for role, usage in header.stats.role_usage.items() if role == _GRADER]
        # A model may be subject and grader at once, so the subject's part is what the graders did not use.
        every, theirs = _token_sums(header.stats.model_usage.values()), _token_sums(graders)
        mine = [max(0, a - b) for a, b in zip(every, theirs, strict=True)]
        sums = [total + added for total, added in zip(sums, (*mine, *theirs), strict=True)]
    return Usage(answers, *sums)


def _token_sums(usages: Iterable[ModelUsage]) -> tuple[int, int]:
    read = written = 0
    for usage in usages:
        # inspect counts cached tokens apart from those charged in full.
        read += (
            usage.input_tokens + (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
        )
        written += usage.output_tokens
    return read, written
