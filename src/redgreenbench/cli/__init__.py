"""The command line `redgreen`.

Exit codes: 0 done; 1 a run ended without finishing all of its samples; 2 the input cannot be used (one
line on standard error says why and what to do); 3 `gate` or `ci` failed by a fault of its own; 130 interrupted,
finished samples are kept.
"""

from __future__ import annotations

import sys
import traceback
from typing import Any

import click

from redgreenbench import __version__
from redgreenbench.cli.bugs import bugs
from redgreenbench.cli.calibrate import calibrate, score_text
from redgreenbench.cli.check import check
from redgreenbench.cli.ci import ci
from redgreenbench.cli.compare import aa, compare, gate
from redgreenbench.cli.dataset import dataset
from redgreenbench.cli.doctor import doctor
from redgreenbench.cli.exchange import export, import_
from redgreenbench.cli.leaderboard import leaderboard, submission
from redgreenbench.cli.listing import list_, show
from redgreenbench.cli.new import new
from redgreenbench.cli.quickstart import quickstart
from redgreenbench.cli.report import rationalizations, report
from redgreenbench.cli.run import run
from redgreenbench.cli.shards import grade, merge
from redgreenbench.cli.siblings import siblings
from redgreenbench.cli.suggest import suggest

__all__ = ["main"]


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        from inspect_ai._util.error import PrerequisiteError

        try:
            return super().invoke(ctx)
        except PrerequisiteError as exc:
            click.echo(f"redgreen: {_plain(exc.message)}", err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo("redgreen: interrupted; finished samples are kept, the same command resumes", err=True)
            sys.exit(130)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as exc:
            # Errors of a pipe that closed, or of a network's, have no file; click and inspect know those.
            if isinstance(exc, OSError) and exc.filename is not None:
                click.echo(
                    f"redgreen: {exc.filename}: {exc.strerror}; check the path and its rights", err=True
                )
                sys.exit(2)
            if ctx.invoked_subcommand not in ("gate", "ci"):
                raise
            # Python's own 1 would say BLOCK to whoever reads the exit code.
            traceback.print_exc()
            click.echo(
                "redgreen: this is a fault of redgreen's; please report it with what stands above", err=True
            )
            sys.exit(3)


def _plain(message: object) -> str:
    """An error message without console markup; inspect's own carry some."""
    from rich.console import Console

    console = Console(no_color=True, width=10_000, highlight=False)
    with console.capture() as captured:
        console.print(message, end="")
    return " ".join(captured.get().split())


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="redgreen")
def main() -> None:
    """Does an agent skill make a model better at helping people with PyTorch, and does it hold under pressure?

    \b
    Examples:
      redgreen run --model embedded/qwen2.5-coder-0.5b --limit 2
      redgreen show loss-goes-to-nan --pressure time --arm green
      redgreen list scenarios

    \b
    Exit codes:
      0    done
      1    a run ended without finishing all of its samples
      2    the input cannot be used; one line says why and what to do
      130  interrupted; finished samples are kept, the same command resumes
    """


for command in (
    run,
    quickstart,
    siblings,
    list_,
    show,
    doctor,
    grade,
    merge,
    report,
    dataset,
    check,
    new,
    import_,
    export,
    suggest,
    bugs,
    calibrate,
    score_text,
    rationalizations,
    compare,
    gate,
    aa,
    ci,
    leaderboard,
    submission,
):
    main.add_command(command)
