"""What is known of the graders behind a table: their certificates, shown beside their names."""

from __future__ import annotations

import json
from pathlib import Path

from redgreenbench.reports.logs.reading import LogInfo

__all__ = ["CERTIFICATES", "certificate_path", "grader_notes", "pairwise_note"]

CERTIFICATES = Path("certificates")
"""The folder in which `redgreen calibrate` puts certificates and reports look for them."""


def certificate_path(grader: str, folder: Path = CERTIFICATES) -> Path:
    """Where a grader's certificate lies; of several that vote, their names joined by ``+``."""
    return folder / f"{grader.replace('/', '_')}.json"


def grader_notes(infos: tuple[LogInfo, ...], folder: Path = CERTIFICATES) -> tuple[str, ...]:
    """One line on every grader of some logs: what its certificate says, or that it has none.

    Args:
        infos: The logs' conditions.
        folder: Where certificates lie.
    """
    return tuple(
        dict.fromkeys(
            _note("+".join(info.graders), info.grader_prompt, folder) for info in infos if info.graders
        )
    )


def _note(grader: str, prompt: str, folder: Path) -> str:
    path = certificate_path(grader, folder)
    try:
        record = json.loads(path.read_text("utf-8"))
        verdict, answers = record["verdict"], record["set"]["answers"]
        outcome = record["kinds"].get("outcome", {}).get("kappa")
    except FileNotFoundError:
        return f"grader {grader}: no certificate; `redgreen calibrate --grader {grader}` measures what it is worth"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return (
            f"grader {grader}: its certificate {path} cannot be read; make it again with `redgreen calibrate`"
        )
    said = f"grader {grader}: {verdict} by {answers} labelled answers"
    if outcome is not None:
        said += f" (kappa of outcome criteria {outcome:.2f})"
    if prompt and record.get("grader_prompt") != prompt:
        said += ", with another prompt than in these logs"
    return said


def pairwise_note(grader: str, prompt: str, folder: Path = CERTIFICATES) -> str:
    """One line on a grader that compares replies: what its certificate says of that, or that nothing is known.

    Args:
        grader: The model; of several that vote, their names joined by ``+``.
        prompt: Hash of what it is told.
        folder: Where certificates lie.
    """
    path = certificate_path(grader, folder)
    try:
        certificate = json.loads(path.read_text("utf-8"))["pairwise"]
        said = f"grader {grader}: {certificate['verdict']} for comparing replies by {certificate['n']} labelled pairs"
        other = certificate["prompt"] != prompt
    except (OSError, ValueError, KeyError, TypeError):
        return (
            f"grader {grader}: not certified for comparing replies; `redgreen calibrate --grader {grader}` "
            "measures what it is worth"
        )
    return said + ", with another prompt than here" if other else said
