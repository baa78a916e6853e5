"""Transcripts: the logs bundled with inspect's own viewer, and the address of each sample in it.

Samples of private scenarios are taken out of the copies that are bundled, with everything else in a log that may quote
them. The viewer loads logs over http, so it needs any static web server; the pages themselves do not.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from urllib.parse import quote

from inspect_ai.log import bundle_log_dir, read_eval_log, write_eval_log

__all__ = ["FOLDER", "bundle", "link"]

FOLDER = "logs"
"""Where the bundle lies in the site."""

_CONTEXT = re.compile(r'(<script id="log_dir_context"[^>]*>)(.*?)(</script>)', re.DOTALL)


def link(log: str, scenario: str, pressure: str, arm: str, epoch: int) -> str:
    """The address of a sample in the viewer, from the root of the site."""
    sample = _quoted(f"{scenario}/{pressure}/{arm}")
    return f"{FOLDER}/index.html#/logs/{_quoted(log)}/samples/sample/{sample}/{epoch}"


@cache
def _quoted(text: str) -> str:
    return quote(text, safe="")


def bundle(files: Mapping[str, str], withheld: Mapping[str, Collection[str]], folder: Path) -> None:
    """Writes the viewer and copies of the logs.

    Args:
        files: Address of each log by file name.
        withheld: By file name, private scenarios in the log; their samples are left out of the copy.
        folder: The site; its `FOLDER` is replaced.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".logs-") as scratch:
        for name, file in sorted(files.items()):
            if withheld.get(name):
                _without(file, frozenset(withheld[name]), Path(scratch) / name)
            else:
                _copy(file, Path(scratch) / name)
        # The bundler reports its progress on standard output, where the command may print JSON.
        with contextlib.redirect_stdout(io.StringIO()):
            bundle_log_dir(scratch, str(folder / FOLDER), overwrite=True)
    page = folder / FOLDER / "index.html"
    # The scratch folder's path would differ from build to build, and is nobody's business.
    context = json.dumps({"log_dir": "logs"})
    page.write_text(_CONTEXT.sub(lambda m: f"{m[1]}{context}{m[3]}", page.read_text("utf-8")), "utf-8")


def _copy(file: str, target: Path) -> None:
    local = file.removeprefix("file://")
    if "://" not in local:
        try:
            os.link(os.path.realpath(local), target)
        except OSError:
            shutil.copyfile(local, target)
        return
    import fsspec

    with fsspec.open(file, "rb") as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink)


def _without(file: str, scenarios: frozenset[str], target: Path) -> None:
    """A copy of a log without the samples of some scenarios."""
    log = read_eval_log(file)
    log.samples = [
        sample
        for sample in log.samples or ()
        if sample.metadata.get("split") != "private" and sample.metadata.get("scenario") not in scenarios
    ]
    # Both may quote answers: reductions their explanations, a run's error the sample that caused it.
    log.reductions = None
    log.error = None
    write_eval_log(log, str(target))
    _timeless(target)


def _timeless(path: Path) -> None:
    """Sets the times in a zip file to its earliest, so that the same log gives the same bytes."""
    with zipfile.ZipFile(path) as archive:
        starts = [info.header_offset for info in archive.infolist()]
        place = archive.start_dir
    data = bytearray(path.read_bytes())
    earliest = b"\x00\x00\x21\x00"  # midnight, first of January 1980
    for start in starts:
        data[start + 10 : start + 14] = earliest
        name, extra, comment = (
            int.from_bytes(data[place + at : place + at + 2], "little") for at in (28, 30, 32)
        )
        data[place + 12 : place + 16] = earliest
        place += 46 + name + extra + comment
    path.write_bytes(data)
