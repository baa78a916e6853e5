"""The registry of metrics: every key of every scorer, every failure pattern, and nothing else."""

from pathlib import Path

import yaml

import redgreenbench._registry  # noqa: F401 (fills the registry of scorers)
from redgreenbench.reports.metrics import load_metrics
from redgreenbench.scorers.scored import SCORERS

PATTERNS = Path(__file__).parents[2] / "evals" / "patterns.yaml"


def test_every_key_of_every_scorer_has_a_metric_and_every_metric_a_key() -> None:
    written = {(name, key) for name, spec in SCORERS.items() for key in spec.keys}
    metrics = load_metrics().values()
    read = {(m.scorer, m.key) for m in metrics} | {(m.scorer, m.event) for m in metrics if m.event}
    own = {(s, k) for s, k in read if s == "usage" or k.startswith("pattern:")}
    assert read - own == written


def test_every_failure_pattern_has_a_metric() -> None:
    keys = {m.key.removeprefix("pattern:") for m in load_metrics().values() if m.key.startswith("pattern:")}
    assert keys == set(yaml.safe_load(PATTERNS.read_text()))


def test_no_two_metrics_are_the_same_number() -> None:
    metrics = load_metrics().values()
    said = [(m.scorer, m.key, m.of, m.pack, m.cut, m.complement) for m in metrics]
    assert len(said) == len(set(said))


def test_what_a_grader_says_needs_one() -> None:
    for name, metric in load_metrics().items():
        assert ("grader" in metric.needs) is (metric.scorer == "judged" or name == "grader-tokens"), name
