"""Judges one program against the checks of one bug, and says in words what it found.

This runs in the checker, which is trusted: the reference and the checks live here, the submission behind its
wall. The verdict is never a single bit.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from redgreenbench.reference_bugs.checking import STAGES, Check, Failed, Grade, Program
from redgreenbench.reference_bugs.engine.inside import driver, probing, wire
from redgreenbench.reference_bugs.engine.outcome import EngineError, SubmissionFailed
from redgreenbench.reference_bugs.files import Files
from redgreenbench.reference_bugs.folder import BugFolder

__all__ = ["CheckResult", "Findings", "TrustedProgram", "judge", "load_checks"]


@dataclass(frozen=True)
class CheckResult:
    """What one check said.

    Attributes:
        outcome: ``pass``, ``fail``, or ``not run`` after something that ended the grade.
        message: Why it failed, in one line.
    """

    id: str
    stage: str
    title: str
    outcome: str
    message: str = ""


@dataclass
class Findings:
    """What running a program showed.

    Attributes:
        imports: Whether it could be loaded.
        outcome: ``pass``, ``fail``, or how it ended instead: ``timeout``, ``memory``, ``crash``, ``exit``, ``disk``
            or ``protocol``.
        message: Why it could not be loaded, or how it ended.
        checks: All checks of the bug, in their order.
    """

    imports: bool = True
    outcome: str = "pass"
    message: str = ""
    checks: list[CheckResult] = field(default_factory=list)

    @property
    def correct(self) -> bool:
        """Whether every check passed."""
        return self.imports and all(check.outcome == "pass" for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """The findings as plain values."""
        return asdict(self)


class TrustedProgram:
    """A program of ours, run in this process.

    Args:
        files: Its files; must be of our own.
        entry: The file that its user runs.
        probe: The text of its bug's probes.
        threads: Threads of torch.
        device: Where inputs are put.
        memory: Keeps answers by their questions, for grades of many programs with the same seed; none: nothing is kept.
    """

    def __init__(
        self,
        files: Files,
        entry: str,
        probe: str,
        threads: int = 1,
        device: str = "cpu",
        memory: dict[bytes, dict[str, Any]] | None = None,
    ) -> None:
        sys.modules["probing"] = probing
        self._files = driver.Program(files, entry)
        with self._importable():
            self._program = self._files.load()
            self._probe = driver.load_probe(probe)
        self._threads = threads
        self._device = device
        self._memory = memory
        self.returns: dict[str, dict[str, str]] = self._probe.RETURNS

    @contextlib.contextmanager
    def _importable(self) -> Iterator[None]:
        """While this lasts, imports find the program's files; programs of other bugs have files of the same names."""
        self._files.enter()
        try:
            yield
        finally:
            self._files.leave()

    def ask(self, probe: str, inputs: dict[str, Any], seed: int) -> dict[str, Any]:
        """Runs a probe.

        Raises:
            SubmissionFailed: The program raised, as a submission of it would.
        """
        key = b""
        if self._memory is not None:
            key = hashlib.sha256(wire.pack({"probe": probe, "inputs": inputs, "seed": seed})).digest()
            if key in self._memory:
                known: dict[str, Any] = _copied(self._memory[key])
                return known
        here = driver.to_device(inputs, self._device)
        try:
            with self._importable():
                answer = driver.run_probe(self._program, self._probe, probe, here, seed, self._threads)
        except driver.ProgramError as error:
            raise SubmissionFailed("raises", f"it raises {error}", fatal=False) from error
        copy: dict[str, Any] = _copied(answer)
        if self._memory is not None:
            self._memory[key] = _copied(copy)
        return copy


def _copied(value: Any) -> Any:
    """Tensors of an answer on the CPU, each in memory of its own, as those of a submission are."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list | tuple) else value


def load_checks(path: Path) -> list[Check]:
    """The checks of a file, by stage and then in the file's order.

    Raises:
        ValueError: There are none, or none on the root cause.
    """
    spec = importlib.util.spec_from_file_location(
        f"redgreenbench_checks_{path.parent.name.replace('-', '_')}", path
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    checks = [value for value in vars(module).values() if isinstance(value, Check)]
    if not any(check.stage == "cause" for check in checks):
        raise ValueError(
            f"{path}: no check of the stage 'cause'; add one that only a mended root cause passes"
        )
    return sorted(checks, key=lambda check: STAGES.index(check.stage))


def judge(
    bug: BugFolder,
    submission: Callable[[], Program],
    reference: TrustedProgram,
    checks: list[Check],
    key: str,
    device: str = "cpu",
    brief: bool = False,
) -> Findings:
    """Runs the checks of a bug on a submission.

    A check that raises something unforeseen is failed where it raises nothing for the reference with the same draws.

    Args:
        bug: The bug.
        submission: Loads the submission; called once.
        reference: The bug's reference fix.
        checks: What `load_checks` gave for the bug.
        key: What the random numbers of this grade depend on.
        device: Where tensors live while probes run.
        brief: Whether only to find out if the symptom is gone and if all checks pass: after a failure the checks behind
            those of the symptom are not run.

    Raises:
        EngineError: The machinery failed; there is no verdict.
    """
    findings = Findings()
    try:
        program = submission()
    except SubmissionFailed as failure:
        findings.imports = False
        findings.outcome = "fail" if failure.kind == "raises" else failure.kind
        findings.message = str(failure)
        findings.checks = [CheckResult(c.id, c.stage, c.title, "not run") for c in checks]
        return findings
    for check in checks:
        failed = any(result.outcome == "fail" for result in findings.checks)
        if findings.message or (brief and failed and STAGES.index(check.stage) > STAGES.index("symptom")):
            findings.checks.append(CheckResult(check.id, check.stage, check.title, "not run"))
            continue
        key_of_check = f"{key}:{bug.name}:{check.id}"
        grade = Grade(program, reference, reference.returns, key_of_check, device)
        outcome, message = "pass", ""
        try:
            check.run(grade)
        except Failed as failure:
            outcome, message = "fail", str(failure)
        except SubmissionFailed as failure:
            outcome, message = "fail", str(failure)
            if failure.kind != "raises":
                findings.outcome = failure.kind
            if failure.fatal:
                findings.message = message
        except EngineError:
            raise
        except Exception as error:
            # An answer that a check cannot digest is a wrong one, unless the reference's is indigestible as well.
            check.run(Grade(reference, reference, reference.returns, key_of_check, device))
            outcome, message = "fail", f"its answer cannot be used: {type(error).__name__}: {error}"
        findings.checks.append(CheckResult(check.id, check.stage, check.title, outcome, message))
    if findings.outcome == "pass" and not findings.correct:
        findings.outcome = "fail"
    return findings
