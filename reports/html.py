"""A report as one HTML file that needs nothing beside it: the Markdown report with its figures inline.

It is made from `report.md`, so both say the same. Only the few forms of Markdown that reports are written in are understood;
all text is escaped, whatever a model wrote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from markupsafe import Markup, escape

from redgreenbench.evals.errors import InputError
from redgreenbench.reports.leaderboard.site import inline_svg
from redgreenbench.reports.write import Written

__all__ = ["as_html", "write_html"]

_CELL = re.compile(r"(?<!\\)\|")
_IMAGE = re.compile(r"!\[(.*)\]\(([\w.-]+)\)")
_LINK = re.compile(r"\[([^\]]+)\]\((\w+\.csv)\)")
_CODE = re.compile(r"`([^`]+)`")
_SOFT = re.compile(r"(?<![\w*])\*([^*\s][^*]*)\*(?!\w)")
_LONGEST_LINE = 20_000


def write_html(written: Written) -> Path:
    """Writes ``report.html`` beside the ``report.md`` that is already there.

    Args:
        written: The report.

    Raises:
        InputError: The folder cannot be written.
    """
    path = written.markdown.with_suffix(".html")
    figures = {
        file: inline_svg(replace(plot, name=file.removesuffix(".png")))
        for file, plot in written.plots.items()
    }
    try:
        path.write_text(as_html(written.markdown.read_text("utf-8"), figures), "utf-8")
    except OSError as exc:
        raise InputError(
            f"cannot write {path} ({exc.strerror or exc}); choose another with --output"
        ) from exc
    return path


def as_html(markdown: str, figures: Mapping[str, Markup]) -> str:
    """A report's Markdown as a page.

    Args:
        markdown: The report.
        figures: By file name, the figures that it shows.
    """
    lines = [line[:_LONGEST_LINE] for line in markdown.splitlines()]
    title = next((line.removeprefix("# ") for line in lines if line.startswith("# ")), "Report")
    body: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        end = at + 1
        if line.startswith("|"):
            end = _while(lines, at, lambda text: text.startswith("|"))
            body.append(_table(lines[at:end], len(body)))
        elif line.startswith("- "):
            end = _while(lines, at, lambda text: text.startswith(("- ", "  ")))
            items = re.split(r"^- ", "\n".join(lines[at:end]), flags=re.MULTILINE)[1:]
            body.append("<ul>" + "".join(f"<li>{_inline(' '.join(i.split()))}</li>" for i in items) + "</ul>")
        elif heading := re.match(r"(#{1,4}) (.*)", line):
            level = len(heading[1])
            body.append(f"<h{level}>{_inline(heading[2])}</h{level}>")
        elif image := _IMAGE.fullmatch(line):
            svg = figures.get(image[2])
            if svg:
                body.append(
                    f'<figure><div class="scroll" tabindex="0" role="region" aria-label="Figure {len(body)}">'
                    f"{svg}</div></figure>"
                )
        elif line.startswith("> "):
            body.append(f"<blockquote><p>{_inline(line[2:])}</p></blockquote>")
        elif line.strip():
            body.append(f"<p>{_inline(line)}</p>")
        at = end
    return _PAGE.format(title=escape(_plain(title)), style=Markup(_STYLE), body=Markup("\n".join(body)))


def _while(lines: Sequence[str], start: int, holds: object) -> int:
    end = start
    while end < len(lines) and holds(lines[end]):  # type: ignore[operator]
        end += 1
    return end


def _plain(text: str) -> str:
    """Markdown's escapes undone."""
    return text.replace("&lt;", "<").replace("\\|", "|").replace("\\\\", "\\")


def _inline(text: str) -> str:
    """Escaped text with code, emphasis and links to the report's own tables."""
    shown = str(escape(_plain(text)))
    shown = _CODE.sub(r"<code>\1</code>", shown)
    shown = _LINK.sub(r"\1 (\2)", shown)
    return _SOFT.sub(r"<em>\1</em>", shown)


def _table(lines: Sequence[str], number: int) -> str:
    rows = [[cell.strip() for cell in _CELL.split(line)[1:-1]] for line in lines]
    head, ruler, *rest = rows if len(rows) > 1 else [rows[0], []]
    right = [mark.endswith(":") for mark in ruler] + [False] * len(head)

    def cells(row: Sequence[str], kind: str) -> str:
        made = []
        for index, text in enumerate(row):
            tag = "th" if kind == "col" or not index else "td"
            scope = f' scope="{kind}"' if tag == "th" else ""
            side = ' class="num"' if right[index] else ""
            made.append(f"<{tag}{scope}{side}>{_inline(text)}</{tag}>")
        return "<tr>" + "".join(made) + "</tr>"

    body = "".join(cells(row, "row") for row in rest)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Table {number}"><table>'
        f"<thead>{cells(head, 'col')}</thead><tbody>{body}</tbody></table></div>"
    )


_STYLE = """
:root { color-scheme: light dark; --back: #fff; --fore: #1b1f24; --soft: #57606a; --line: #d0d7de; --panel: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --back: #0d1117; --fore: #e6edf3; --soft: #9ba5b0; --line: #343b44; --panel: #161b22; } }
body { margin: 0 auto; max-width: 80rem; padding: 1rem 1.25rem 3rem; background: var(--back); color: var(--fore);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, Arial, sans-serif; overflow-wrap: anywhere; }
h1, h2, h3 { line-height: 1.25; margin: 1.6em 0 .4em; }
p, ul, blockquote { max-width: 80ch; }
blockquote { margin: 1rem 0; padding: .1rem 1rem; border-left: 4px solid var(--soft); background: var(--panel); }
code { font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace; font-size: .88em; }
.scroll { overflow-x: auto; margin: .6rem 0; }
table { border-collapse: collapse; font-size: .88rem; overflow-wrap: normal; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
thead th { background: var(--panel); }
tbody th { font-weight: 500; }
.num { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; }
figure .scroll { background: #fff; border: 1px solid var(--line); padding: .6rem; }
@media print { .scroll { overflow: visible; } tr, figure { break-inside: avoid; } table { font-size: .7rem; } }
"""
_PAGE = Markup(
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
    "<style>{style}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
)
