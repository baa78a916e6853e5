"""Figures of what the evidence says: differences, scenarios, pressure, failure patterns, erosion.

Each function gives None where there is nothing to draw. Colours can be told apart by colour-blind readers, and markers
repeat what colours say; every figure's numbers stand in a table of the report.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from redgreenbench.evals.vocabulary import NO_PRESSURE, Arm
from redgreenbench.reports.estimate import ALL, DIFFERENCE, EROSION, MEAN, Estimate, View
from redgreenbench.reports.metrics import load_metrics, values_of
from redgreenbench.reports.survival import curves_of, runs_of
from redgreenbench.reports.words import change, level

__all__ = [
    "Plot",
    "arm_styles",
    "erosion_plot",
    "forest_plot",
    "front_figure",
    "heat_map",
    "inline_svg",
    "pattern_bars",
    "plots_of",
    "resolution_plot",
    "slope_plot",
    "svg_of",
]

_UP, _DOWN, _FLAT = "#009E73", "#D55E00", "0.65"
# Okabe and Ito's palette; shapes repeat what colours say.
_STYLES = {
    "red": ("#D55E00", "o"),
    "generic": ("#E69F00", "v"),
    "placebo": ("#999999", "s"),
    "green": ("#009E73", "D"),
}
_OTHERS = (("#0072B2", "^"), ("#CC79A7", "P"), ("#56B4E9", "X"), ("#000000", "*"))


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


def plots_of(view: View) -> list[Plot]:
    """All figures that a subject has something for."""
    makers: Sequence[Callable[[View], Plot | None]] = (
        forest_plot, slope_plot, heat_map, erosion_plot, pattern_bars, resolution_plot,
    )  # fmt: skip
    return [plot for plot in (make(view) for make in makers) if plot is not None]


def svg_of(plot: Plot) -> str:
    """The figure as SVG to put into a page: same figure, same bytes."""
    with mpl.rc_context({"svg.hashsalt": "redgreenbench", "svg.fonttype": "none"}):
        out = io.StringIO()
        plot.figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = out.getvalue()
    return text[text.index("<svg") :]


def inline_svg(plot: Plot) -> Markup:
    """A figure to stand in a page: its text alternative in it, and no id that another figure has."""
    text = svg_of(plot)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{plot.name}-", text)
    return Markup(text.replace("<svg", f'<svg role="img" aria-label="{escape(plot.alt)}"', 1))


def arm_styles(arms: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each arm."""
    others = [arm for arm in arms if arm not in _STYLES]
    return _STYLES | {arm: _OTHERS[i % len(_OTHERS)] for i, arm in enumerate(others)}


def front_figure(
    groups: Mapping[str, Sequence[Estimate]], differences: Mapping[str, Mapping[str, Estimate]]
) -> Plot:
    """The picture of the first table. Left: each arm's mean with its interval. Right: its paired difference to the base.

    Args:
        groups: By label, the arms' means.
        differences: By label and arm, the differences.
    """
    styles = arm_styles(dict.fromkeys(mean.arm for means in groups.values() for mean in means))
    height = 1.6 + 0.3 * sum(len(means) + 1 for means in groups.values())
    figure = Figure(figsize=(10, height), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    row, ticks = 0.0, []
    for label, means in groups.items():
        start = row
        for mean in means:
            if not math.isnan(mean.value):
                _whisker(
                    left, row, 100 * mean.value, 100 * mean.low, 100 * mean.high, styles[mean.arm], mean.arm
                )
            other = differences.get(label, {}).get(mean.arm)
            if other is not None and not math.isnan(other.value):
                _whisker(
                    right, row, 100 * other.value, 100 * other.low, 100 * other.high, styles[mean.arm], None
                )
            row += 1
        ticks.append((start + row - 1) / 2)
        row += 1
        for axes in (left, right):
            axes.axhline(row - 1, color="0.9", linewidth=0.8)
    left.set(xlim=(-2, 102), xlabel="value in %, 95 % interval", ylim=(row - 0.5, -0.8))
    left.set_yticks(ticks, list(groups))
    right.axvline(0, color="0.4", linewidth=0.8)
    right.set(xlabel="arm − RED in points, 95 % interval")
    for axes in (left, right):
        _bare(axes)
    _legend(figure, left)
    return Plot("report", "Overview", "Each arm's value with its interval, and its paired difference", figure)


def _bare(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _whisker(
    axes: Axes, row: float, value: float, low: float, high: float, style: tuple[str, str], label: str | None
) -> None:
    colour, marker = style
    axes.plot(value, row, color=colour, marker=marker, linestyle="none", label=label)
    if not math.isnan(low):
        axes.hlines(row, max(low, -100), min(high, 100), color=colour)  # what is shown is possible


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    handle_of = dict(zip(labels, handles, strict=True))
    if handle_of:
        figure.legend(
            list(handle_of.values()),
            list(handle_of),
            loc="outside upper center",
            ncols=len(handle_of),
            frameon=False,
        )


def forest_plot(view: View) -> Plot | None:
    """Paired differences to RED with intervals, one row a headline metric and arm, in the metric's own direction."""
    registry = load_metrics()
    shown: dict[str, list[Estimate]] = {}
    for difference in view.where(kind=DIFFERENCE, slice=ALL):
        if (
            difference.described.family == "headline"
            and difference.described.scale == "share"
            and difference.n
        ):
            shown.setdefault(difference.metric, []).append(difference)
    if not shown:
        return None
    styles = arm_styles(view.arms)
    count = sum(len(effects) for effects in shown.values())
    figure = Figure(figsize=(8, 1.4 + 0.32 * (count + len(shown) * 0.5)), layout="constrained")
    axes = figure.subplots()
    row, ticks, labels = 0.0, [], []
    for metric, effects in shown.items():
        start = row
        for difference in effects:
            low, high = 100 * difference.low, 100 * difference.high
            _whisker(axes, row, 100 * difference.value, low, high, styles[difference.arm], difference.arm)
            row += 1
        ticks.append((start + row - 1) / 2)
        better = "" if registry[metric].sign > 0 else " (less is better)"
        labels.append(f"{registry[metric].title}{better}\nn = {effects[0].n}")
        row += 0.5
    axes.axvline(0, color="0.4", linewidth=0.8)
    axes.set_yticks(ticks, labels)
    axes.set(ylim=(row - 0.5, -0.7), xlabel="arm − RED in points, 95 % interval over scenarios")
    _bare(axes)
    _legend(figure, axes)
    alt = "; ".join(
        f"{difference.described.title}, {difference.arm} minus {difference.base} {change(difference.value)} points"
        for effects in shown.values()
        for difference in effects
    )
    return Plot("forest", "Paired differences to RED", f"Differences to RED by metric: {alt}.", figure)


def _main_metrics(view: View) -> list[str]:
    """Headline metrics over scenarios that have values, as the registry orders them."""
    valid = {mean.metric for mean in view.where(kind=MEAN, slice=ALL) if not mean.verdict}
    return [m for m in view.frame.metrics(view.subject) if m in valid and load_metrics()[m].of == "scenarios"]


def _means(view: View, metric: str) -> pd.DataFrame:
    """Scenario means by arm, over pressures."""
    values = values_of(view.rows, load_metrics()[metric])
    per = values.groupby(["scenario", "arm", "pressure"])["value"].mean().groupby(["scenario", "arm"]).mean()
    return per.unstack("arm")


def slope_plot(view: View) -> Plot | None:
    """RED → GREEN by scenario: a line each, one panel a main metric."""
    panels: dict[str, pd.DataFrame] = {}
    for metric in _main_metrics(view):
        means = _means(view, metric)
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
    labels: list[tuple[int, float, str, int]] = []
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
        labels.append((which, green, names[0] if len(names) == 1 else f"{len(names)} scenarios", len(names)))
    # What got worse is named first; a label that would cover another is counted there.
    named: dict[float, tuple[str, int]] = {}
    for _, height, label, count in sorted(labels, key=lambda entry: (entry[0] != 1, entry[0], entry[1])):
        near = next((other for other in named if abs(height - other) < 0.035), height)
        first, others = named.get(near, (label, -count))
        named[near] = first, others + count
    for height, (label, others) in named.items():
        text = f"{label} + {others}" if others else label
        axes.annotate(text, (1, height), xytext=(5, 0), textcoords="offset points", fontsize=7, va="center")
    axes.set_xticks([0, 1], ["RED", "GREEN"])
    axes.set(xlim=(-0.1, 1.9), ylim=(-0.05, 1.05))
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    return moved[0], moved[1], moved[2]


def heat_map(view: View) -> Plot | None:
    """Scenario x pressure, one panel an arm, for the first main metric that was asked under pressure."""
    for metric in _main_metrics(view):
        values = values_of(view.rows, load_metrics()[metric])
        if values["pressure"].nunique() > 1:
            break
    else:
        return None
    pressures = sorted(set(values["pressure"]), key=lambda p: (p != NO_PRESSURE, p))
    scenarios = sorted(set(values["scenario"]))
    arms = [arm for arm in view.arms if (values["arm"] == arm).any()]
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
        figure.colorbar(
            drawn,
            ax=figure.axes,
            label=load_metrics()[metric].title,
            fraction=0.05,
            format=PercentFormatter(1, symbol=" %"),
        )
    title = f"{load_metrics()[metric].title} by scenario and pressure"
    means = "; ".join(
        f"{arm} {p} {level(values[(values['arm'] == arm) & (values['pressure'] == p)]['value'].mean())}"
        for arm in arms
        for p in pressures
        if ((values["arm"] == arm) & (values["pressure"] == p)).any()
    )
    return Plot("pressure", title, f"{title}; means of answers: {means}. Grey: not posed.", figure)


def erosion_plot(view: View) -> Plot | None:
    """Value under each pressure less the value without, by arm, for each main metric."""
    by_metric: dict[str, dict[str, list[Estimate]]] = {}
    for erosion in view.where(kind=EROSION):
        pressure = erosion.slice.partition("=")[2]
        by_metric.setdefault(erosion.metric, {}).setdefault(pressure, []).append(erosion)
    by_metric = dict(list(by_metric.items())[:3])
    if not by_metric:
        return None
    styles = arm_styles(view.arms)
    rows = max(len(pressures) for pressures in by_metric.values())
    size = (3.2 * len(by_metric) + 1.6, 1.6 + 0.28 * rows * (len(view.arms) + 0.5))
    figure = Figure(figsize=size, layout="constrained")
    told = []
    panels = figure.subplots(1, len(by_metric), squeeze=False)[0]
    for axes, metric in zip(panels, by_metric, strict=True):
        row, ticks, labels = 0.0, [], []
        for pressure, effects in by_metric[metric].items():
            start = row
            for erosion in effects:
                if erosion.n:
                    low, high = 100 * erosion.low, 100 * erosion.high
                    _whisker(axes, row, 100 * erosion.value, low, high, styles[erosion.arm], erosion.arm)
                    told.append(f"{pressure} {erosion.arm} {change(erosion.value)}")
                row += 1
            ticks.append((start + row - 1) / 2)
            labels.append(pressure)
            row += 0.5
        axes.axvline(0, color="0.4", linewidth=0.8)
        axes.set_yticks(ticks, labels, fontsize=8)
        axes.set(ylim=(row - 0.5, -0.7), xlabel="change in points, 95 % interval")
        left, right = axes.get_xlim()
        axes.set_xlim(min(left, -10), max(right, 10))
        axes.set_title(load_metrics()[metric].title, fontsize=10)
        _bare(axes)
    _legend(figure, panels[0])
    alt = f"Change under pressure in points, by pressure and arm: {'; '.join(told)}."
    return Plot("erosion", "Erosion under pressure", alt, figure)


def pattern_bars(view: View) -> Plot | None:
    """How often each failure pattern occurs, by arm: in replies, as graders say, or else among the steps that are picked."""
    there: dict[str, dict[str, Estimate]] = {}
    for mean in view.where(kind=MEAN, slice=ALL):
        if not math.isnan(mean.value):
            there.setdefault(mean.metric, {})[mean.arm] = mean
    shown = {metric: arms for metric, arms in there.items() if metric.startswith("failure-")}
    shown = shown or {metric: arms for metric, arms in there.items() if metric.startswith("chosen-")}
    if not shown:
        return None
    styles = arm_styles(view.arms)
    height = 0.8 / len(view.arms)
    figure = Figure(figsize=(8, 1.4 + 0.24 * len(shown) * (len(view.arms) + 0.6)), layout="constrained")
    axes = figure.subplots()
    for index, arms in enumerate(shown.values()):
        for place, arm in enumerate(view.arms):
            if arm not in arms:
                continue
            rate = arms[arm]
            y = index + (place - (len(view.arms) - 1) / 2) * height
            axes.barh(y, rate.value, height=height * 0.9, color=styles[arm][0], alpha=0.75, label=arm)
            axes.plot(rate.value, y, marker=styles[arm][1], color=styles[arm][0], markersize=4)
            axes.hlines(y, rate.low, rate.high, color="0.2", linewidth=0.8)
    titles = [load_metrics()[metric].title.partition(": ")[2] for metric in shown]
    axes.set_yticks(
        range(len(shown)),
        [
            f"{t} (n = {max(r.n for r in arms.values())})"
            for t, arms in zip(titles, shown.values(), strict=True)
        ],
    )
    axes.set(ylim=(len(shown) - 0.4, -0.6), xlim=(0, 1.02), xlabel="answers that show it, 95 % interval")
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    _bare(axes)
    _legend(figure, axes)
    alt = "; ".join(
        f"{title}: {', '.join(f'{arm} {level(rate.value)}' for arm, rate in arms.items())}"
        for title, arms in zip(titles, shown.values(), strict=True)
    )
    return Plot(
        "patterns", "Failure patterns", f"Share of answers that show each failure pattern. {alt}.", figure
    )


def resolution_plot(view: View) -> Plot | None:
    """Kaplan-Meier curves by arm, over working minutes and over turns."""
    runs = runs_of(view.rows)
    if runs.empty:
        return None
    registry = load_metrics()
    styles = arm_styles(view.arms)
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    told = []
    names = ("resolution-minutes", "resolution-turns")
    for axes, name in zip(figure.subplots(1, len(names), sharey=True), names, strict=True):
        metric = registry[name]
        for arm, curve in curves_of(runs, view.arms, metric).items():
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
