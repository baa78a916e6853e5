"""Figures of what the evidence says: differences, scenarios, pressure, failure patterns, erosion.

Each function gives None where there is nothing to draw. Colours can be told apart by colour-blind readers, and markers
repeat what colours say; every figure's numbers stand in a table of the report.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from redgreenbench.evals.vocabulary import NO_PRESSURE, Arm
from redgreenbench.reports.evidence import Subject
from redgreenbench.reports.figures import arm_styles
from redgreenbench.reports.metrics import load_metrics, values_of
from redgreenbench.reports.survival import curves_of, runs_of

__all__ = [
    "Plot",
    "erosion_plot",
    "forest_plot",
    "heat_map",
    "main_metrics",
    "pattern_bars",
    "plots_of",
    "resolution_plot",
    "slope_plot",
    "svg_of",
]

_UP, _DOWN, _FLAT = "#009E73", "#D55E00", "0.65"


@dataclass(frozen=True)
class Plot:
    """A figure.

    Attributes:
        name: Short name, for a file.
        title: For people.
        alt: What it shows, for those who do not see it.
        figure: The figure.
    """

    name: str
    title: str
    alt: str
    figure: Figure


def plots_of(subject: Subject) -> list[Plot]:
    """All figures that a subject has something for."""
    makers: Sequence[Callable[[Subject], Plot | None]] = (
        forest_plot, slope_plot, heat_map, erosion_plot, pattern_bars, resolution_plot,
    )  # fmt: skip
    return [plot for plot in (make(subject) for make in makers) if plot is not None]


def svg_of(plot: Plot) -> str:
    """The figure as SVG to put into a page: same figure, same bytes."""
    with mpl.rc_context({"svg.hashsalt": "redgreenbench", "svg.fonttype": "none"}):
        out = io.StringIO()
        plot.figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = out.getvalue()
    return text[text.index("<svg") :]


def main_metrics(subject: Subject) -> list[str]:
    """Headline metrics over scenarios that have values, as the registry orders them."""
    registry = load_metrics()
    return [
        m.metric
        for m in subject.measured
        if not m.reason
        and not m.invalid
        and registry[m.metric].family == "headline"
        and registry[m.metric].of == "scenarios"
    ]


def _bare(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _whisker(
    axes: Axes, row: float, value: float, low: float, high: float, style: tuple[str, str], label: str | None
) -> None:
    colour, marker = style
    axes.plot(value, row, color=colour, marker=marker, linestyle="none", label=label)
    if not math.isnan(low):
        axes.hlines(row, low, high, color=colour)


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    found = dict(zip(labels, handles, strict=True))
    if found:
        figure.legend(
            list(found.values()), list(found), loc="outside upper center", ncols=len(found), frameon=False
        )


def forest_plot(subject: Subject) -> Plot | None:
    """Paired differences to RED with intervals, one row a headline metric and arm, in the metric's own direction."""
    registry = load_metrics()
    shown = [
        m
        for m in subject.measured
        if m.effects and registry[m.metric].family == "headline" and registry[m.metric].scale == "share"
    ]
    if not shown:
        return None
    styles = arm_styles(subject.arms)
    count = sum(len(m.effects) for m in shown)
    figure = Figure(figsize=(8, 1.4 + 0.32 * (count + len(shown) * 0.5)), layout="constrained")
    axes = figure.subplots()
    row, ticks, labels = 0.0, [], []
    for m in shown:
        start = row
        for arm, effect in m.effects.items():
            low, high = 100 * effect.low, 100 * effect.high
            _whisker(axes, row, 100 * effect.value, low, high, styles[arm], arm)
            row += 1
        ticks.append((start + row - 1) / 2)
        better = "" if registry[m.metric].sign > 0 else " (less is better)"
        labels.append(f"{registry[m.metric].title}{better}\nn = {next(iter(m.effects.values())).scenarios}")
        row += 0.5
    axes.axvline(0, color="0.4", linewidth=0.8)
    axes.set_yticks(ticks, labels)
    axes.set(ylim=(row - 0.5, -0.7), xlabel="arm − RED in points, 95 % interval over scenarios")
    _bare(axes)
    _legend(figure, axes)
    alt = "; ".join(
        f"{registry[m.metric].title}, {arm} minus red {100 * e.value:+.0f} points"
        for m in shown
        for arm, e in m.effects.items()
    )
    return Plot("forest", "Paired differences to RED", f"Differences to RED by metric: {alt}.", figure)


def _means(subject: Subject, metric: str) -> pd.DataFrame:
    """Scenario means by arm, over pressures."""
    values = values_of(subject.rows, load_metrics()[metric])
    per = values.groupby(["scenario", "arm", "pressure"])["value"].mean().groupby(["scenario", "arm"]).mean()
    return per.unstack("arm")


def slope_plot(subject: Subject) -> Plot | None:
    """RED → GREEN by scenario: a line each, one panel a main metric."""
    panels: dict[str, pd.DataFrame] = {}
    for metric in main_metrics(subject):
        means = _means(subject, metric)
        if {Arm.RED.value, Arm.GREEN.value} <= set(means.columns):
            both = means[[Arm.RED.value, Arm.GREEN.value]].dropna()
            if len(both):
                panels[metric] = both
    panels = dict(list(panels.items())[:4])
    if not panels:
        return None
    figure = Figure(figsize=(3.2 * len(panels) + 1.4, 4.2), layout="constrained")
    told = []
    for axes, (metric, both) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
    ):
        told.append(_slopes(axes, both, load_metrics()[metric].sign))
        axes.set_title(load_metrics()[metric].title, fontsize=10)
    alt = "; ".join(
        f"{load_metrics()[m].title}: {up} scenarios better, {down} worse, {same} the same"
        for m, (up, down, same) in zip(panels, told, strict=True)
    )
    return Plot("slopes", "RED → GREEN by scenario", f"A line for each scenario. {alt}.", figure)


def _slopes(axes: Axes, both: pd.DataFrame, sign: int) -> tuple[int, int, int]:
    pairs: dict[tuple[float, float], list[str]] = {}
    for scenario, (red, green) in zip(both.index, both.to_numpy(float), strict=True):
        pairs.setdefault((round(float(red), 6), round(float(green), 6)), []).append(
            str(scenario).rpartition("/")[2]
        )
    moved = [0, 0, 0]
    labels: list[tuple[int, float, str]] = []
    for (red, green), names in sorted(pairs.items()):
        change = sign * (green - red)
        which = 0 if change > 0 else 1 if change < 0 else 2
        moved[which] += len(names)
        axes.plot(
            [0, 1],
            [red, green],
            color=(_UP, _DOWN, _FLAT)[which],
            linestyle=("-", "--", ":")[which],
            marker="o",
            markersize=4,
            linewidth=0.8 + 0.5 * math.sqrt(len(names)),
        )
        labels.append((which, green, names[0] if len(names) == 1 else f"{len(names)} scenarios"))
    # What got worse is named first; labels that would cover another are left to the table.
    taken: list[float] = []
    for _, height, label in sorted(labels, key=lambda one: (one[0] != 1, one[0], one[1])):
        if all(abs(height - other) >= 0.035 for other in taken):
            taken.append(height)
            axes.annotate(
                label, (1, height), xytext=(5, 0), textcoords="offset points", fontsize=7, va="center"
            )
    axes.set_xticks([0, 1], ["RED", "GREEN"])
    axes.set(xlim=(-0.1, 1.9), ylim=(-0.05, 1.05))
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    return moved[0], moved[1], moved[2]


def heat_map(subject: Subject) -> Plot | None:
    """Scenario x pressure, one panel an arm, for the first main metric that was asked under pressure."""
    for metric in main_metrics(subject):
        values = values_of(subject.rows, load_metrics()[metric])
        if values["pressure"].nunique() > 1:
            break
    else:
        return None
    pressures = sorted(set(values["pressure"]), key=lambda p: (p != NO_PRESSURE, p))
    scenarios = sorted(set(values["scenario"]))
    arms = [arm for arm in subject.arms if (values["arm"] == arm).any()]
    figure = Figure(figsize=(2.6 + 1.9 * len(arms), 1.6 + 0.2 * len(scenarios)), layout="constrained")
    drawn = None
    for index, (axes, arm) in enumerate(
        zip(figure.subplots(1, len(arms), squeeze=False)[0], arms, strict=True)
    ):
        mine = values[values["arm"] == arm]
        grid = mine.pivot_table(index="scenario", columns="pressure", values="value", aggfunc="mean")
        grid = grid.reindex(index=scenarios, columns=pressures)
        shades = mpl.colormaps["cividis"].with_extremes(bad="0.88")
        drawn = axes.imshow(
            np.ma.masked_invalid(grid.to_numpy(float)), vmin=0, vmax=1, cmap=shades, aspect="auto"
        )
        axes.set_xticks(range(len(pressures)), pressures, rotation=60, ha="right", fontsize=7)
        names = [s.rpartition("/")[2] for s in scenarios] if index == 0 else [""] * len(scenarios)
        axes.set_yticks(range(len(scenarios)), names, fontsize=7)
        axes.set_title(arm, fontsize=10)
        axes.tick_params(length=0)
    if drawn is not None:
        figure.colorbar(drawn, ax=figure.axes, label=load_metrics()[metric].title, fraction=0.05)
    title = f"{load_metrics()[metric].title} by scenario and pressure"
    means = "; ".join(
        f"{arm} {p} {100 * values[(values['arm'] == arm) & (values['pressure'] == p)]['value'].mean():.0f} %"
        for arm in arms
        for p in pressures
        if ((values["arm"] == arm) & (values["pressure"] == p)).any()
    )
    return Plot("pressure", title, f"{title}; means of answers: {means}. Grey: not posed.", figure)


def erosion_plot(subject: Subject) -> Plot | None:
    """Value under each pressure less the value without, by arm, for each main metric."""
    by_metric: dict[str, list[tuple[str, Mapping[str, object]]]] = {}
    for one in subject.pressed:
        by_metric.setdefault(one.metric, []).append((one.pressure, one.erosion))
    by_metric = dict(list(by_metric.items())[:3])
    if not by_metric:
        return None
    styles = arm_styles(subject.arms)
    rows = max(len(pressures) for pressures in by_metric.values())
    size = (3.2 * len(by_metric) + 1.6, 1.6 + 0.28 * rows * (len(subject.arms) + 0.5))
    figure = Figure(figsize=size, layout="constrained")
    told = []
    panels = figure.subplots(1, len(by_metric), squeeze=False)[0]
    for axes, metric in zip(panels, by_metric, strict=True):
        row, ticks, labels = 0.0, [], []
        for one in [p for p in subject.pressed if p.metric == metric]:
            start = row
            for arm, effect in one.erosion.items():
                if effect.scenarios:
                    low, high = 100 * effect.low, 100 * effect.high
                    _whisker(axes, row, 100 * effect.value, low, high, styles[arm], arm)
                    told.append(f"{one.pressure} {arm} {100 * effect.value:+.0f}")
                row += 1
            ticks.append((start + row - 1) / 2)
            labels.append(one.pressure)
            row += 0.5
        axes.axvline(0, color="0.4", linewidth=0.8)
        axes.set_yticks(ticks, labels, fontsize=8)
        axes.set(ylim=(row - 0.5, -0.7), xlabel="points, 95 % interval")
        left, right = axes.get_xlim()
        axes.set_xlim(min(left, -10), max(right, 10))
        axes.set_title(load_metrics()[metric].title, fontsize=10)
        _bare(axes)
    _legend(figure, panels[0])
    alt = f"Change under pressure in points, by pressure and arm: {'; '.join(told)}."
    return Plot("erosion", "Erosion under pressure", alt, figure)


def pattern_bars(subject: Subject) -> Plot | None:
    """How often each failure pattern occurs, by arm: in replies, as graders say, or else among the steps that are picked."""
    registry = load_metrics()
    there = [m for m in subject.measured if m.arms]
    shown = [m for m in there if m.metric.startswith("failure-")]
    shown = shown or [m for m in there if m.metric.startswith("chosen-")]
    if not shown:
        return None
    styles = arm_styles(subject.arms)
    height = 0.8 / len(subject.arms)
    figure = Figure(figsize=(8, 1.4 + 0.24 * len(shown) * (len(subject.arms) + 0.6)), layout="constrained")
    axes = figure.subplots()
    for index, m in enumerate(shown):
        for place, arm in enumerate(subject.arms):
            if arm not in m.arms:
                continue
            rate = m.arms[arm]
            y = index + (place - (len(subject.arms) - 1) / 2) * height
            axes.barh(y, rate.value, height=height * 0.9, color=styles[arm][0], alpha=0.75, label=arm)
            axes.plot(rate.value, y, marker=styles[arm][1], color=styles[arm][0], markersize=4)
            axes.hlines(y, rate.low, rate.high, color="0.2", linewidth=0.8)
    titles = [registry[m.metric].title.partition(": ")[2] for m in shown]
    axes.set_yticks(
        range(len(shown)),
        [
            f"{t} (n = {max(r.scenarios for r in m.arms.values())})"
            for t, m in zip(titles, shown, strict=True)
        ],
    )
    axes.set(
        ylim=(len(shown) - 0.4, -0.6), xlim=(0, 1.02), xlabel="share of answers that show it, 95 % interval"
    )
    _bare(axes)
    _legend(figure, axes)
    alt = "; ".join(
        f"{title}: {', '.join(f'{arm} {100 * rate.value:.0f} %' for arm, rate in m.arms.items())}"
        for title, m in zip(titles, shown, strict=True)
    )
    return Plot(
        "patterns", "Failure patterns", f"Share of answers that show each failure pattern. {alt}.", figure
    )


def resolution_plot(subject: Subject) -> Plot | None:
    """Kaplan-Meier curves by arm, over working minutes and over turns."""
    runs = runs_of(subject.rows)
    if runs.empty:
        return None
    registry = load_metrics()
    styles = arm_styles(subject.arms)
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    told = []
    names = ("resolution-minutes", "resolution-turns")
    for axes, name in zip(figure.subplots(1, len(names), sharey=True), names, strict=True):
        metric = registry[name]
        for arm, curve in curves_of(runs, subject.arms, metric).items():
            x = np.concatenate([[0.0], curve.amounts, [curve.horizon]])
            y = np.concatenate(
                [[1.0], curve.unresolved, curve.unresolved[-1:] if len(curve.unresolved) else [1.0]]
            )
            colour, marker = styles[arm]
            axes.step(x, y, where="post", color=colour, label=f"{arm} ({curve.resolved} of {curve.runs})")
            share = [float(y[np.searchsorted(x, c, side="right") - 1]) for c in curve.censored]
            axes.plot(
                curve.censored,
                share,
                linestyle="none",
                marker=marker,
                markersize=5,
                color=colour,
                fillstyle="none",
            )
            told.append(
                f"{arm}: {curve.resolved} of {curve.runs} resolved, restricted mean "
                f"{curve.restricted_mean:.3g} {metric.unit} up to {curve.horizon:.3g}"
            )
        axes.set(xlabel=metric.unit, ylim=(-0.03, 1.03))
        axes.set_xlim(left=0)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("share not resolved")
    figure.axes[-1].legend(frameon=False, fontsize=8, title="resolved", title_fontsize=8)
    return Plot(
        "resolution",
        "Time to resolution",
        f"Kaplan-Meier curves of the share of runs not resolved; open marks are censored runs. {'; '.join(told)}.",
        figure,
    )
