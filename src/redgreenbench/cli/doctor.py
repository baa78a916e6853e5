"""`redgreen doctor`: what works on this machine, and what to do about the rest."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import click

from redgreenbench.reference_bugs.engine.host import Host, choose_mode, detect_isolation
from redgreenbench.reference_bugs.engine.jail import why_not
from redgreenbench.reference_bugs.engine.pool import GraderError, Pool
from redgreenbench.reference_bugs.folder import bug_folder
from redgreenbench.reference_bugs.private import private_folder
from redgreenbench.reference_bugs.verdict import grade_program

__all__ = ["doctor"]

_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "MISTRAL_API_KEY", "OPENROUTER_API_KEY")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        part: What it is for.
        status: ok, missing, or limited.
        found: What is there.
        remedy: What to do; empty where nothing needs doing.
        needed: Whether the routing job needs it.
    """

    part: str
    status: str
    found: str
    remedy: str = ""
    needed: bool = False


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _findings() -> Iterator[Finding]:
    python = platform.python_version()
    good = sys.version_info >= (3, 11)
    yield Finding(
        "python", "ok" if good else "missing", python, "" if good else "install Python 3.11 or newer", True
    )
    yield Finding("inspect-ai", "ok", str(_version("inspect-ai")), needed=True)
    swe = _version("inspect-swe")
    remedy = (
        "" if swe else "pip install 'redgreenbench[swe]' to run Claude Code and others; docs/agents-real.md"
    )
    yield Finding("real agents", "ok" if swe else "limited", f"inspect-swe {swe}" if swe else "none", remedy)
    lacking = [package for package in ("detect-secrets", "skills-ref") if not _version(package)]
    yield Finding(
        "redgreen check",
        "missing" if lacking else "ok",
        f"without {' and '.join(lacking)}" if lacking else "detect-secrets, skills-ref",
        "pip install 'redgreenbench[check]'" if lacking else "",
    )
    yield from _models()
    yield from _torch()
    yield from _isolation()
    yield _private()
    browser = next((b for b in ("chromium", "google-chrome") if shutil.which(b)), None)
    there = [part for part in (browser, shutil.which("chromedriver") and "chromedriver") if part]
    whole = len(there) == 2
    remedy = "apt-get install chromium chromium-driver (Debian; only the tests of published pages use them)"
    yield Finding(
        "browser",
        "ok" if whole else "missing",
        " with ".join(there) or "none",
        "" if whole else remedy,
    )
    git = shutil.which("git")
    yield Finding(
        "git",
        "ok" if git else "missing",
        "git" if git else "none",
        "" if git else "install git for skill=path@ref",
    )


def _models() -> Iterator[Finding]:
    from redgreenbench.evals.embedded.weights import cached, load_models

    runtime = _version("xllamacpp")
    install = "" if runtime else "pip install 'redgreenbench[embedded]'"
    yield Finding(
        "embedded runtime",
        "ok" if runtime else "missing",
        f"xllamacpp {runtime}" if runtime else "none",
        install,
    )
    for name, model in load_models().items():
        here = cached(name) is not None
        size = f"{model.bytes / 1e6:.0f} MB"
        yield Finding(
            f"embedded/{name}",
            "ok" if here else "limited",
            f"in the cache, {size}" if here else f"not downloaded, {size}",
            "" if here else "the first use downloads it",
        )
    keys = [key for key in _KEYS if os.environ.get(key)]
    remedy = (
        "" if keys else f"set one of {', '.join(_KEYS)} to use an API model; the embedded model needs none"
    )
    yield Finding("api keys", "ok" if keys else "limited", ", ".join(keys) or "none set", remedy)


def _torch() -> Iterator[Finding]:
    version = _version("torch")
    yield Finding(
        "torch",
        "ok" if version else "missing",
        version or "none",
        "" if version else "pip install 'redgreenbench[exec]'",
    )
    smi = shutil.which("nvidia-smi")
    names = ""
    if smi:
        done = subprocess.run(
            [smi, "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, check=False
        )
        names = ", ".join(done.stdout.split("\n")).strip(", ") if done.returncode == 0 else ""
    yield Finding(
        "gpu",
        "ok" if names else "limited",
        names or "none",
        "" if names else "none is needed; the CPU is used",
    )


def _isolation() -> Iterator[Finding]:
    host = detect_isolation()
    yield Finding(
        "isolation, outer wall",
        "limited" if host.bubblewrap else "ok",
        "bubblewrap with user namespaces" if not host.bubblewrap else host.bubblewrap,
        "without it fixes run behind Landlock and seccomp alone; docs/execution.md"
        if host.bubblewrap
        else "",
    )
    yield Finding(
        "isolation, inner wall",
        "limited" if host.inner else "ok",
        host.inner or f"Landlock ABI {host.landlock}, seccomp, resource limits",
        "fixes are not executed and stay unscored (routing does not need it)" if host.inner else "",
    )
    yield _executed(host)
    why = why_not()
    yield Finding(
        "sandbox 'jail' for agents",
        "limited" if why else "ok",
        why or "bubblewrap, seccomp, quotas",
        "agents are refused it; another sandbox works, as --sandbox docker; docs/jail.md" if why else "",
    )


def _executed(host: Host) -> Finding:
    """Whether the right fix of a bug passes here, found out by grading it."""
    part = "fixes are executed"
    try:
        mode = choose_mode()
        bug = bug_folder("missing-optimizer-step")
        with Pool(1, mode) as pool:
            verdict = grade_program(bug, bug.mended, pool)
    except (ValueError, GraderError) as error:
        return Finding(
            part, "limited", str(error), "answers stay unscored with this reason; docs/execution.md"
        )
    if not verdict.correct:
        return Finding(
            part, "missing", f"a right fix was graded as wrong: {verdict.reason}", "report it; SECURITY.md"
        )
    remedy = "without any wall; never run programs of others so" if mode == "unsafe" else ""
    return Finding(part, "limited" if remedy else "ok", f"in the mode '{mode}', a right fix passed", remedy)


def _private() -> Finding:
    try:
        folder = private_folder()
    except ValueError as error:
        return Finding("private split", "missing", str(error), "correct REDGREEN_PRIVATE, or unset it")
    return Finding("private split", "ok" if folder else "limited", "found" if folder else "none set")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Say what works on this machine and what to do about the rest.

    Exits with 2 if something is missing that the routing job needs.
    """
    findings = list(_findings())
    if as_json:
        click.echo(json.dumps([asdict(f) for f in findings], indent=2))
    else:
        marks = {"ok": ("ok     ", "green"), "missing": ("missing", "red"), "limited": ("–      ", "yellow")}
        for f in findings:
            mark, colour = marks[f.status]
            click.echo(
                f"{click.style(mark, fg=colour)}  {f.part:28} {f.found}{f'  → {f.remedy}' if f.remedy else ''}"
            )
    if any(f.needed and f.status == "missing" for f in findings):
        sys.exit(2)
