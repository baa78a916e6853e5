"""The report as one file."""

import re
from pathlib import Path

from redgreenbench.reports.html import as_html, write_html
from redgreenbench.reports.load import load
from redgreenbench.reports.write import write_report
from redgreenbench.tasks.routing import routing


def test_one_file_with_its_figures_and_nothing_beside_it(run_task, tmp_path: Path) -> None:
    log = run_task(
        routing(scenarios="which-optimizer,loss-goes-to-nan"),
        lambda s, u: "NEXT: hand over to gradient-management" if "<skill" in s else "NEXT: answer\nUse Adam.",
    )
    table = load([log.location])
    for name in ("one", "two"):
        write_html(write_report(table, tmp_path / name)[1])
    text = (tmp_path / "one" / "report.html").read_text()
    assert text == (tmp_path / "two" / "report.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!#)[^"]', text)
    markdown = (tmp_path / "one" / "report.md").read_text()
    assert text.count("<svg") == text.count('role="img"') == markdown.count("![") >= 2
    assert text.count("<table>") == len(re.findall(r"^\|---", markdown, re.MULTILINE))
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_what_models_write_is_escaped() -> None:
    page = as_html(
        "# A\n\n## mock/<script>alert(1)</script>\n\n| a | b |\n|---|---:|\n| x \\| y | &lt;img src=x> |\n\n- [x](javascript:a)\n",
        {},
    )
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "x | y" in page
    assert "<img" not in page
    assert 'href="javascript' not in page


def test_the_forms_of_markdown_that_reports_use() -> None:
    page = as_html("# T\n\n> said\n\n- *Rate*: `a`\n  goes on\n- two\n\ntext\n", {})
    assert "<h1>T</h1>" in page
    assert "<blockquote><p>said</p></blockquote>" in page
    assert "<li><em>Rate</em>: <code>a</code> goes on</li><li>two</li>" in page
