"""`redgreen compare --pairwise`: puts the replies of two sides side by side before a grader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from redgreenbench.evals.errors import InputError

if TYPE_CHECKING:
    from redgreenbench.reports.compare import Sides
    from redgreenbench.reports.logs.table import Table
    from redgreenbench.reports.pairwise import AnswerPair, ModelPreference, PairVerdict
    from redgreenbench.scorers.grading.evidence import Transcript
    from redgreenbench.scorers.pairwise import Pair

__all__ = ["check_graders", "prefer_sides"]

_NEEDLESS = {"events", "store", "scores"}
"""Parts of a sample that are not read."""


def check_graders(graders: Sequence[str], self_grade: bool, tables: Sequence[Table]) -> tuple[str, ...]:
    """Checks the graders; returns notes about them.

    Raises:
        InputError: There is none, or one of them is a model under test and that was not asked for.
    """
    from redgreenbench.reports.certificates import pairwise_note
    from redgreenbench.scorers.grading.pairs import pair_hash
    from redgreenbench.scorers.grading.questions import same_family

    if not graders:
        raise InputError("--pairwise needs a model that compares the replies; name one with --grader MODEL")
    models = sorted({info.model for table in tables for info in table.provenance})
    own = sorted(set(graders) & set(models))
    if own and not self_grade:
        raise InputError(
            f"{', '.join(own)} would judge its own replies; name another --grader, or allow it with --self-grade"
        )
    notes = [pairwise_note("+".join(graders), pair_hash())]
    notes += [f"{grader} judges its own replies; such preferences are no evidence" for grader in own]
    for grader in graders:
        for model in models:
            family = same_family(grader, model)
            if family and grader != model:
                notes.append(
                    f"grader {grader} and {model} are of one family ({family}), which a grader may favour"
                )
    return tuple(notes)


def prefer_sides(
    sides: Sides, base: Table, head: Table, graders: Sequence[Any], log_dir: Path, quiet: bool
) -> tuple[tuple[ModelPreference, ...], tuple[str, ...]]:
    """Asks the graders about every pair of replies.

    Args:
        sides: What is compared.
        base: The base's logs.
        head: The head's logs; the same where two arms are compared.
        graders: The models; several vote.
        log_dir: Where the log of their verdicts is written.
        quiet: Whether to show nothing on standard output.

    Returns:
        What is preferred by model, and what a reader must know.

    Raises:
        InputError: There is nothing to compare.
    """
    from redgreenbench.reports.pairwise import answer_pairs, preferences

    pairs, lost = answer_pairs(sides)
    if not pairs:
        raise InputError(
            "--pairwise: both sides have no reply to the same question; it compares replies, not the letters of decisions"
        )
    asked = dict(_read(pairs, sides, base, head))
    notes = []
    if not asked:
        raise InputError(
            "--pairwise: the two sides were asked different questions everywhere; give runs of the same scenarios"
        )
    if len(asked) < len(pairs):
        notes.append(f"{len(pairs) - len(asked)} pairs are not compared: their two questions differ")
    click.echo(f"pairwise: {len(asked)} pairs of replies, each shown in both orders", err=True)
    return preferences([*_verdicts(asked, graders, log_dir, quiet), *lost]), tuple(notes)


def _read(
    pairs: Sequence[AnswerPair], sides: Sides, base: Table, head: Table
) -> Iterator[tuple[AnswerPair, Pair]]:
    """The pairs whose two questions are the same, with their replies."""
    from redgreenbench.evals.samples import scenarios_by_id
    from redgreenbench.scorers.grading.pairs import Replies, criteria_of
    from redgreenbench.scorers.pairwise import Pair

    wanted = [{getattr(pair, side) for pair in pairs} for side in ("base", "head")]
    old, new = (
        _samples(table, logs, arm) for table, logs, arm in zip((base, head), wanted, sides.arms, strict=True)
    )
    known = scenarios_by_id(sorted({folder for *_, folders in old.values() for folder in folders}))
    for pair in pairs:
        told = pair.scenario, pair.pressure, pair.epoch
        question, before, cut, pressure, _ = old[pair.base, *told]
        other, after, cut_too, _, _ = new[pair.head, *told]
        if question != other:
            continue
        if pair.scenario not in known:
            raise InputError(
                f"--pairwise: the scenario {pair.scenario} is not here; use the release that posed it"
            )
        replies = Replies(question, before, after, criteria_of(known[pair.scenario], pressure))
        yield pair, Pair(pair.key, replies, cut or cut_too)


def _samples(
    table: Table, logs: set[str], arm: str
) -> dict[tuple[str, str, str, int], tuple[str, Transcript, bool, str, tuple[str, ...]]]:
    """By log, scenario, pressure and epoch: question, reply, whether it was cut off, pressure, folders of scenarios."""
    from inspect_ai.log import read_eval_log, read_eval_log_samples

    from redgreenbench.evals.samples import is_external
    from redgreenbench.evals.sharding import file_name
    from redgreenbench.reports.logs.reading import identity_of
    from redgreenbench.scorers.pairwise import reply_of
    from redgreenbench.tasks.parameters import names

    by_sample = {}
    for file in table.logs:
        if file_name(file) not in logs:
            continue
        arguments = read_eval_log(file, header_only=True).eval.task_args or {}
        folders = tuple(name for name in names(arguments.get("scenarios")) if is_external(name))
        samples = read_eval_log_samples(
            file, all_samples_required=False, resolve_attachments="core", exclude_fields=_NEEDLESS
        )
        for sample in samples:
            scenario, _, pressure, its = identity_of(sample.metadata)
            if its == arm:
                about = (*reply_of(sample.messages, sample.output), str(sample.metadata["pressure"]), folders)
                by_sample[file_name(file), scenario, pressure, sample.epoch] = about
    return by_sample


def _verdicts(
    asked: Mapping[AnswerPair, Pair], graders: Sequence[Any], log_dir: Path, quiet: bool
) -> list[PairVerdict]:
    from inspect_ai import eval as run_eval

    from redgreenbench.reports.pairwise import PairVerdict
    from redgreenbench.scorers.pairwise import pairwise_task

    (log,) = run_eval(
        pairwise_task(asked.values()),
        model="none",
        model_roles={"grader": list(graders) if len(graders) > 1 else graders[0]},
        log_dir=str(log_dir),
        display="none" if quiet else None,
    )
    if log.status != "success":
        error = log.error.message if log.error else "it was interrupted"
        raise click.ClickException(
            f"the comparison did not finish: {error}; the same command takes it up again"
        )
    scores = {str(sample.id): (sample.scores or {})["preference"] for sample in log.samples or ()}
    verdicts = []
    for pair in asked:
        score = scores[pair.key]
        about = score.metadata or {}
        if isinstance(score.value, dict):
            verdicts.append(
                PairVerdict(pair, round(2 * float(score.value["head"])) - 1, about.get("flip", ""))
            )
        else:
            verdicts.append(PairVerdict(pair, None, reason=str(score.reason)))
    return verdicts
