"""The excuses that answers made, by frequency and with their words: what the next version of a skill has to answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inspect_ai.log import read_eval_log, read_eval_log_samples

from redgreenbench.reports.logs.addresses import files_of
from redgreenbench.reports.logs.reading import identity_of, in_words, latest_scores
from redgreenbench.reports.logs.table import Skipped

__all__ = ["ExcuseListing", "QuotedExcuse", "as_markdown", "list_excuses"]

_UNREAD = {"events", "store", "attachments", "messages", "output", "timelines"}


@dataclass(frozen=True)
class QuotedExcuse:
    """One excuse in one answer.

    Attributes:
        excuse: Its id in the taxonomy.
        quote: The answer's words.
        scenario: The scenario.
        pressure: The pressure.
        arm: The arm.
        model: The model.
        epoch: The epoch, from 1.
        log: The log it stands in.
    """

    excuse: str
    quote: str
    scenario: str
    pressure: str
    arm: str
    model: str
    epoch: int
    log: str


@dataclass(frozen=True)
class ExcuseListing:
    """All excuses of some logs.

    Attributes:
        excuses: The excuses, most frequent first, then by scenario.
        graded: Answers that were looked at.
        ungraded: Answers that were not, by reason in words.
        skipped: Logs that could not be read.
    """

    excuses: tuple[QuotedExcuse, ...]
    graded: int
    ungraded: Mapping[str, int]
    skipped: tuple[Skipped, ...]


def list_excuses(places: Sequence[str], arms: Sequence[str] = ()) -> ExcuseListing:
    """Collects the excuses that the scorer `judged` found.

    Args:
        places: Log files or folders of logs, local or any address that fsspec knows.
        arms: Only these arms; none: all.
    """
    excuses_made: list[QuotedExcuse] = []
    ungraded: dict[str, int] = {}
    skipped: list[Skipped] = []
    graded = 0
    for file in dict.fromkeys(f for place in places for f in files_of(place) or [place]):
        try:
            for sample, score in _scores(file):
                if arms and sample["arm"] not in arms:
                    continue
                excuses = (score.metadata or {}).get("excuses")
                if excuses is None:
                    reason = in_words(score.reason or "no reason given")
                    ungraded[reason] = ungraded.get(reason, 0) + 1
                    continue
                graded += 1
                excuses_made += [QuotedExcuse(name, quote, **sample) for name, quote in excuses.items()]
        except Exception as exc:  # a broken log may fail anywhere inside the reader; it is named, not hidden
            first = next(iter(str(exc).splitlines()), "")
            skipped.append(Skipped(file, f"cannot be read ({type(exc).__name__}: {first})"))
    counts = {f.excuse: sum(g.excuse == f.excuse for g in excuses_made) for f in excuses_made}
    excuses_made.sort(
        key=lambda f: (-counts[f.excuse], f.excuse, f.scenario, f.pressure, f.arm, f.model, f.epoch)
    )
    return ExcuseListing(tuple(excuses_made), graded, ungraded, tuple(skipped))


def _scores(file: str) -> Iterator[tuple[dict[str, Any], Any]]:
    model = read_eval_log(file, header_only=True).eval.model
    for sample in read_eval_log_samples(file, all_samples_required=False, exclude_fields=_UNREAD):
        score = latest_scores(sample.scores or {}).get("judged")
        if score is not None:
            scenario, _, pressure, arm = identity_of(sample.metadata)
            about = {"scenario": scenario, "pressure": pressure, "arm": arm, "model": model}
            yield about | {"epoch": sample.epoch, "log": file.rsplit("/", 1)[-1]}, score


def as_markdown(listing: ExcuseListing, meaning: Mapping[str, tuple[str, str]], quotes: int = 5) -> str:
    """The listing as Markdown, ready to be pasted into a skill.

    Args:
        listing: The excuses.
        meaning: What each excuse is, and what a skill can say against it.
        quotes: At most this many quotes an excuse.
    """
    lines = ["| Excuse | Times | Say instead |", "|---|---:|---|"]
    by_excuse: dict[str, list[QuotedExcuse]] = {}
    for excuse in listing.excuses:
        by_excuse.setdefault(excuse.excuse, []).append(excuse)
    lines += [
        f"| {name} | {len(all_)} | {_plain_line(meaning[name][1])} |"
        for name, all_ in by_excuse.items()
        if name in meaning
    ]
    for name, all_ in by_excuse.items():
        lines += ["", f"**{name}**: {_plain_line(meaning[name][0]) if name in meaning else ''}", ""]
        said: dict[str, list[QuotedExcuse]] = {}
        for excuse in all_:
            said.setdefault(" ".join(excuse.quote.split()), []).append(excuse)
        for quote, of in sorted(said.items(), key=lambda item: -len(item[1]))[:quotes]:
            where = f"{of[0].scenario.rpartition('/')[2]}, {of[0].pressure}, {of[0].arm}"
            lines.append(
                f"- “{_plain_line(quote)}” ({where}{f', and {len(of) - 1} more' if len(of) > 1 else ''})"
            )
        if len(said) > quotes:
            lines.append(f"- {len(said) - quotes} further quotes")
    return "\n".join(lines)


def _plain_line(text: str) -> str:
    """Text of a model in Markdown: one line, without what Markdown, HTML or a mention would make of it."""
    line = " ".join(text.split())
    for mark in "\\`*_[]<>|#":
        line = line.replace(mark, f"\\{mark}")
    return line.replace("@", "@\u200b")
