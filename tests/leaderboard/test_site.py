"""The site's files: structure, downloads, the same bytes twice, what is private, what is escaped."""

import gzip
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from inspect_ai.log import read_eval_log

from redgreenbench.evals.errors import InputError
from redgreenbench.reports.estimate import ALL, DIFFERENCE
from redgreenbench.reports.leaderboard import columns
from redgreenbench.reports.leaderboard.cells import amount_cell
from redgreenbench.reports.leaderboard.exports import document, schema, validate
from redgreenbench.reports.leaderboard.site import write_site
from redgreenbench.reports.leaderboard.sources import clip
from redgreenbench.reports.leaderboard.transcripts import link

SECRET = "xyzzy-never-to-be-shown"  # stands in the private prompt of conftest.py, and in its answers


class Page(HTMLParser):
    """Links, ids, headings and tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.links += [v for k in ("href", "src") if (v := given.get(k))]
        self.ids += [v for v in [given.get("id")] if v]


def pages(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.rglob("*.html")) if "logs" not in p.relative_to(folder).parts]


def test_one_row_per_model_skill_version_and_delivery(site) -> None:
    main = next(tab for tab in site.tabs if len(tab.entries) > 2)
    assert sorted((e.model, e.label, e.delivery) for e in main.entries) == sorted(
        (f"mockllm/{model}", label, delivery)
        for model in ("good", "poor")
        for label, delivery in (
            ("no skill (RED)", "none"),
            ("using-training-optimization 1", "inject"),
            ("using-training-optimization 2", "inject"),
        )
    )


def test_values_and_lifts_are_those_of_the_rows_own_run(site) -> None:
    main = next(tab for tab in site.tabs if len(tab.entries) > 2)
    by = {(e.model, e.label): e for e in main.entries}
    two = by["mockllm/poor", "using-training-optimization 2"]
    assert two.slices[ALL, ALL].value.value == 0.75
    assert two.slices[ALL, ALL].lift.value == 0.75
    # RED knows one of four already, and version 1 is right under time pressure only.
    one = by["mockllm/good", "using-training-optimization 1"]
    assert one.slices["none", ALL].lift.value == -0.25
    assert one.slices["time", ALL].lift.value == 0.5
    # RED's own row rests on both runs, in which it was asked twice each.
    assert by["mockllm/good", "no skill (RED)"].slices[ALL, ALL].value.answers == 32
    over = two.get("restraint", DIFFERENCE)
    assert (over.value, over.verdict) == (-1.0, "invalid")  # one plain question says nothing of others


def test_unlike_rows_are_on_tabs_of_their_own(site) -> None:
    assert len({tab.scenario_set for tab in site.tabs}) == len(site.tabs) == 2
    text = (site.folder / "index.html").read_text()
    for tab in site.tabs:
        section = text[text.index(f'id="{tab.id}"') :].partition("</section>")[0]
        for other in site.tabs:
            for entry in other.entries:
                assert (f'id="{entry.id}"' in section) is (other is tab)


def test_another_scorer_version_is_another_tab(table) -> None:
    from dataclasses import replace

    from redgreenbench.reports.leaderboard.identity import alike

    infos = [i for i in table.provenance if i.scenario_set == table.provenance[0].scenario_set]
    changed = replace(infos[0], log="x", scorer_versions={**infos[0].scorer_versions, "act": 99})
    ungraded = replace(infos[0], log="y", scorer_versions={"act": infos[0].scorer_versions["act"]})
    assert [len(group) for group in alike([*infos, changed, ungraded])] == [len(infos) + 1, 1]


def test_every_link_leads_somewhere(site) -> None:
    for path in pages(site.folder):
        page = Page(path.read_text())
        assert len(page.ids) == len(set(page.ids)), path
        for target in page.links:
            assert not target.startswith(("http:", "https:", "//", "javascript:")), target
            file, _, fragment = target.partition("#")
            to = (path.parent / file).resolve() if file else path
            assert to.is_file(), f"{path}: {target}"
            if fragment and not fragment.startswith("/"):
                assert fragment in Page(to.read_text()).ids, f"{path}: {target}"
            if fragment.startswith("/logs/"):
                assert (site.folder / "logs" / "logs" / fragment.split("/")[2]).is_file()


def test_a_sample_is_addressed_as_the_viewer_does() -> None:
    assert link("a.eval", "pack/one", "none", "red", 2) == (
        "logs/index.html#/logs/a.eval/samples/sample/pack%2Fone%2Fnone%2Fred/2"
    )


def test_pages_have_landmarks_headers_and_one_title(site) -> None:
    for path in pages(site.folder):
        text = path.read_text()
        page = Page(text)
        assert [page.tags.count(tag) for tag in ("main", "header", "footer", "h1", "title")] == [1] * 5, path
        assert text.count("<svg") == text.count("</svg>")
        for svg in re.findall(r"<svg[^>]*>", text):
            assert 'aria-hidden="true"' in svg or 'role="img" aria-label="' in svg


def test_the_downloads_follow_their_schema(site) -> None:
    data = json.loads((site.folder / "data" / "leaderboard.json").read_text())
    validate("leaderboard", data)
    assert json.loads((site.folder / "data" / "leaderboard.schema.json").read_text()) == schema("leaderboard")
    rows = [row for tab in data["tabs"] for row in tab["rows"]]
    assert len(rows) == 8
    provenance = rows[0]["provenance"]
    assert provenance["commands"][0].startswith("inspect eval redgreenbench/routing --model mockllm/")
    assert all(
        provenance[key]
        for key in ("suite", "scenario_set", "scorer_versions", "inspect", "logs", "grader_prompts")
    )
    answers = json.loads(gzip.decompress((site.folder / "data" / "answers.json.gz").read_bytes()))
    validate("answers", answers)
    with pytest.raises(Exception, match=r"is not of type|is a required property"):
        validate("leaderboard", {**data, "tabs": [{}]})


def test_a_column_is_added_in_one_place(table, tmp_path: Path, monkeypatch) -> None:
    added = columns.Column(
        "words",
        "Words <b>",
        lambda entry: amount_cell(entry, "output-tokens"),
        take=lambda entry: len(entry.model),
        schema={"type": "integer", "minimum": 1},
    )
    monkeypatch.setattr(columns, "COLUMNS", (*columns.COLUMNS, added))
    data = write_site(table, tmp_path / "site", transcripts=False).folder / "data"
    page = (tmp_path / "site" / "index.html").read_text()
    rows = [row for tab in json.loads((data / "leaderboard.json").read_text())["tabs"] for row in tab["rows"]]
    assert page.count('<button type="button">Words &lt;b&gt;</button>') == page.count('class="board"')
    assert page.count('<td class="num words" data-v=') == len(rows)
    assert {row["words"] for row in rows} == {len("mockllm/good")}
    flat = pd.read_csv(data / "leaderboard.csv")
    assert set(flat["words"]) == {len("mockllm/good")}
    described = json.loads((data / "leaderboard.schema.json").read_text())["$defs"]["row"]
    assert described["properties"]["words"] == added.schema
    assert "words" in described["required"]
    assert "words" not in schema("answers")["properties"]


def test_columns_have_names_and_layouts_of_their_own() -> None:
    keys = [column.key for column in columns.COLUMNS]
    assert len(set(keys)) == len(keys)
    assert all(column.cell for column in columns.COLUMNS if column.title)
    assert all(column.schema for column in columns.COLUMNS if column.take)


def test_the_same_table_in_all_formats(site) -> None:
    data = site.folder / "data"
    parquet, csv = pd.read_parquet(data / "leaderboard.parquet"), pd.read_csv(data / "leaderboard.csv")
    assert list(parquet.columns) == list(csv.columns)
    assert (
        len(parquet)
        == len(csv)
        == sum(len(r["results"]) for t in document(site.tabs)["tabs"] for r in t["rows"])
    )
    answers = json.loads(gzip.decompress((data / "answers.json.gz").read_bytes()))
    tidy, text = pd.read_parquet(data / "answers.parquet"), pd.read_csv(data / "answers.csv.gz")
    assert len(tidy) == len(text) == answers["rows"]
    column = answers["columns"]["scorer"]
    assert [column["levels"][code] for code in column["codes"][:50]] == tidy["scorer"][:50].tolist()


def test_the_same_logs_give_the_same_bytes(site, table, tmp_path: Path) -> None:
    # Over an earlier site, of which a page is left.
    shutil.copytree(site.folder, tmp_path / "again")
    (tmp_path / "again" / "rows" / "old.html").write_text("old")
    again = write_site(table, tmp_path / "again")
    one, two = (
        {p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()}
        for f in (site.folder, again.folder)
    )
    assert one.keys() == two.keys()
    assert [str(name) for name in one if one[name] != two[name]] == []


def test_nothing_of_a_private_scenario_but_its_results(site, table) -> None:
    private = "training-optimization/held-out"
    page = site.folder / "scenarios" / "training-optimization--held-out.html"
    text = page.read_text()
    assert "A private scenario" in text
    assert "1✓" in text
    assert "logs/index.html#" not in text.partition("<main")[2]
    raw = SECRET.encode()
    for path in site.folder.rglob("*"):
        if path.is_file() and path.suffix != ".eval":
            data = path.read_bytes()
            assert raw not in (gzip.decompress(data) if path.suffix == ".gz" else data), path
    logs = sorted((site.folder / "logs" / "logs").glob("*.eval"))
    assert len(logs) == 5
    for path in logs:
        log = read_eval_log(str(path))
        assert SECRET not in log.model_dump_json()
        assert not [s for s in log.samples if str(s.id).startswith(private)]
    # The raw logs do hold it, or this test would prove nothing.
    assert any(SECRET in read_eval_log(file).model_dump_json() for file in table.logs)


def test_an_error_of_a_private_sample_is_withheld(table) -> None:
    from redgreenbench.reports.leaderboard.exports import withheld_reasons

    rows = table.rows.assign(reason="quotes " + SECRET)
    shown = withheld_reasons(rows, {"training-optimization/held-out"})
    mine = shown["scenario"].eq("training-optimization/held-out")
    assert set(shown.loc[mine, "reason"]) == {"withheld: private scenario"}
    assert SECRET in str(shown.loc[~mine, "reason"].iloc[0])


def test_hostile_text_is_escaped_and_clipped(site) -> None:
    text = (site.folder / "scenarios" / "training-optimization--hostile-prompt.html").read_text()
    assert "&lt;/title&gt;&lt;/script&gt;&lt;script&gt;window.hacked=1" in text
    assert "{{ 7*7 }}" in text
    assert "clipped" in text
    assert len(text) < 100_000
    assert Page(text).tags.count("script") == 1


def test_a_long_line_is_clipped_with_a_note() -> None:
    assert clip("short") == "short"
    assert len(clip("x" * 1_000_000)) < 5_000
    assert "clipped" in clip("x" * 1_000_000)


def test_a_folder_of_somebody_elses_is_left_alone(table, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        write_site(table, tmp_path)
    assert (tmp_path / "data" / "mine.txt").read_text() == "mine"


def test_the_methods_page_has_every_metric(site) -> None:
    from redgreenbench.reports.metrics import load_metrics, load_registry

    text = (site.folder / "methods.html").read_text()
    assert not [n for n in [*load_metrics(), *load_registry().computed] if f'id="{n}"' not in text]
    assert "Holm" in text


def test_a_row_that_lost_too_many_answers_is_compared_with_nothing(table, site, tmp_path: Path) -> None:
    from dataclasses import replace

    whole = next(tab for tab in site.tabs if len(tab.entries) > 2)
    chosen = next(e for e in whole.entries if e.model == "mockllm/good" and e.label.endswith(" 2"))
    assert chosen.slices[ALL, ALL].lift is not None
    rows = table.rows.copy()
    logs = [info.log for info in chosen.infos]
    lost = rows["log"].isin(logs) & rows["arm"].eq("green") & rows["scorer"].eq("act") & rows["epoch"].eq(1)
    rows.loc[lost, "status"] = "unscored"
    rows.loc[lost, "key"] = None
    rows.loc[lost, "value"] = float("nan")
    broken = write_site(replace(table, rows=rows), tmp_path / "site", transcripts=False)
    tab = next(tab for tab in broken.tabs if tab.id == whole.id)
    entry = next(e for e in tab.entries if e.id == chosen.id)
    assert entry.missing > 0
    assert entry.slices[ALL, ALL].lift is None
    assert entry.slices[ALL, ALL].value.answers
    assert (entry.slices[ALL, ALL].rank.low, entry.slices[ALL, ALL].rank.high) == (1, len(tab.entries))
    others = [e for e in tab.entries if e.kind == "skill" and e.id != entry.id]
    assert all(e.slices[ALL, ALL].lift is not None for e in others)


def test_agents_answers_and_ways_of_delivery_are_never_ranked_together(table) -> None:
    from dataclasses import replace

    from redgreenbench.reports.leaderboard.identity import alike

    first = table.provenance[0]
    ways = ("injection", "discovery", "injection, agent react", "discovery, agent react")
    infos = [replace(first, log=way, delivery=way) for way in ways]
    assert [[i.delivery for i in group] for group in alike(infos)] == [[way] for way in ways]


def test_a_rows_page_says_how_many_replies_carry_their_form(site) -> None:
    main = next(tab for tab in site.tabs if len(tab.entries) > 2)
    for entry in main.entries:
        text = (site.folder / "rows" / f"{entry.id}.html").read_text()
        (line,) = re.findall(r"<p[^>]*>Replies that begin with their next step: (.*?)</p>", text)
        assert re.findall(r"(\w+) \d+ of \d+", line) == (["red"] if entry.kind == "red" else ["red", "green"])
