"""One question to a grader: its limits, the cache, a second try after a reply that cannot be read, and how it failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from inspect_ai.model import (
    CachePolicy,
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageUser,
    GenerateConfig,
    Model,
    ModelOutput,
    ResponseSchema,
)
from inspect_ai.util import LimitExceededError

__all__ = ["GraderAnswer", "ask_grader"]

_ATTEMPTS = 2
_SECONDS = 600
"""After which a grader's call, its retries included, is given up where the user sets no time-out."""

T = TypeVar("T")


@dataclass(frozen=True)
class GraderAnswer(Generic[T]):
    """The outcome of a question to a grader.

    Attributes:
        reply: What was read; None where nothing could be.
        failure: Why not; empty where it could.
        attempts: Calls made.
    """

    reply: T | None
    failure: str = ""
    attempts: int = 0


async def ask_grader(
    model: Model,
    messages: Sequence[ChatMessage],
    schema: ResponseSchema,
    tokens: int,
    read: Callable[[str], T],
    repair: str,
    fresh: bool = False,
) -> GraderAnswer[T]:
    """Asks a grader.

    Args:
        model: The grader.
        messages: The question.
        schema: The reply's JSON schema.
        tokens: Most tokens of a reply, where the user sets no limit.
        read: Reads a reply; raises ValueError, with what is wrong, where it cannot be used.
        repair: What is said after such a reply; ``{problem}`` stands for what is wrong.
        fresh: Whether every epoch is asked anew instead of taking the reply to the same question from the cache.

    Raises:
        LimitExceededError: A limit of the sample stopped it.
    """
    config = GenerateConfig(
        response_schema=schema,
        max_tokens=tokens if model.config.max_tokens is None else None,
        temperature=0.0 if model.config.temperature is None else None,
        timeout=_SECONDS if model.config.timeout is None else None,
    )
    cache = CachePolicy(expiry=None, per_epoch=fresh)
    told, problem = list(messages), ""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            # Only the first call is taken from the cache, or a reply that cannot be used would stay for ever.
            output = await model.generate(told, config=config, cache=cache if attempt == 1 else False)
        except LimitExceededError:
            raise
        except TimeoutError:
            return GraderAnswer(None, "the grader took too long", attempt)
        except Exception as error:  # whatever a provider raises is the grader's failure, not the answer's
            return GraderAnswer(None, f"the grader failed: {_line(error)}", attempt)
        if output.stop_reason == "content_filter":
            return GraderAnswer(None, "the grader refused", attempt)
        try:
            return GraderAnswer(read(output.completion), attempts=attempt)
        except ValueError as error:
            problem = _problem(output, error)
        # A shortened reply, or a long-winded grader would be paid for twice.
        given = ChatMessageAssistant(content=output.completion[:1000] or "(nothing)")
        told = [*told, given, ChatMessageUser(content=repair.replace("{problem}", problem))]
    return GraderAnswer(None, f"the grader's reply could not be used: {problem}", _ATTEMPTS)


def _problem(output: ModelOutput, error: ValueError) -> str:
    cut = (
        "it was cut off at the token limit, and "
        if output.stop_reason in ("max_tokens", "model_length")
        else ""
    )
    return f"{cut}{error}"


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
