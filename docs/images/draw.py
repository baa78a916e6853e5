"""Draws the two diagrams of the documentation: `python docs/images/draw.py` writes idea.svg and rooms.svg beside it.

Both stand on a light ground of their own, so that they read alike on light and dark pages, and are drawn for 360 pixels.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

matplotlib.rcParams["svg.hashsalt"] = "redgreenbench"
INK, GROUND, LINE = "#1f2328", "#fbfbf8", "#8a8f98"
RED, GREEN, BLUE, YELLOW, WHITE = "#ffd6d2", "#cdeed3", "#d8e6fb", "#fbeec2", "#ffffff"


class Sheet:
    """A drawing of boxes and arrows; a unit is a hundredth of its width, and y grows downwards.

    Args:
        height: Its height in the same units.
    """

    def __init__(self, height: float) -> None:
        self.figure = Figure(figsize=(7, 7 * height / 100), facecolor=GROUND)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, 100), ylim=(height, 0))
        self.axes.axis("off")

    def box(
        self, x: float, y: float, width: float, height: float, title: str, text: str, colour: str
    ) -> None:
        """A box with a bold title and a text below it."""
        shape = FancyBboxPatch(
            (x, y), width, height, boxstyle="round,pad=0,rounding_size=1.6", facecolor=colour, edgecolor=LINE
        )
        self.axes.add_patch(shape)
        self.text(x + width / 2, y + 3.9, title, size=15, weight="bold")
        self.text(x + width / 2, y + 3.9 + (height - 3.9) / 2 + 0.6, text)

    def text(self, x: float, y: float, text: str, size: float = 13, weight: str = "normal") -> None:
        """Centred words."""
        self.axes.text(
            x, y, text, ha="center", va="center", size=size, weight=weight, color=INK, linespacing=1.25
        )

    def arrow(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """An arrow from one point to another."""
        style = {"arrowstyle": "-|>", "mutation_scale": 17, "linewidth": 1.6, "color": LINE}
        self.axes.add_patch(FancyArrowPatch((x, y), (to_x, to_y), **style))

    def save(self, name: str) -> None:
        """Writes it beside this script, without a date, so that the same drawing gives the same bytes."""
        self.figure.savefig(Path(__file__).with_name(name), metadata={"Date": None}, facecolor=GROUND)


def idea() -> None:
    """RED and GREEN, each calm and under pressure, through four instruments to a paired difference."""
    sheet = Sheet(96)
    sheet.text(50, 4, "the same scenarios, interleaved in one run", size=14)
    sheet.box(3, 7.5, 46, 14, "RED", "the model without the skill", RED)
    sheet.box(51, 7.5, 46, 14, "GREEN", "the model with the skill", GREEN)
    sheet.text(50, 26, "×", size=22)
    sheet.box(3, 30, 94, 13, "pressure", "none · deadline · senior (wrong, right) · sunk cost · …", YELLOW)
    sheet.arrow(50, 43, 50, 49)
    for column, (title, text) in enumerate(
        (
            ("decide", "one of four\nnext steps"),
            ("route", "act in the\nfirst line"),
            ("fix", "program,\nexecuted"),
            ("work", "agent in\na sandbox"),
        )
    ):
        sheet.box(3 + 23.67 * column, 49.5, 23, 18, title, text, BLUE)
    sheet.arrow(50, 67.5, 50, 73.5)
    sheet.box(
        3,
        74,
        94,
        19,
        "GREEN − RED, paired by scenario",
        "difference with its interval, and a verdict;\nwhere nothing can be told apart: underpowered",
        WHITE,
    )
    sheet.save("idea.svg")


def rooms() -> None:
    """The rooms of the repository; arrows go from what imports to what is imported."""
    sheet = Sheet(104)
    sheet.box(3, 3, 94, 15, "src/redgreenbench", "command line, registry: the face", WHITE)
    sheet.box(3, 24, 56, 15, "tasks", "one inspect task a file: wiring", BLUE)
    sheet.box(3, 45, 56, 15, "scorers", "how an answer is judged", BLUE)
    sheet.box(3, 66, 56, 15, "evals", "scenarios, pressures, arms, skills", BLUE)
    sheet.box(3, 87, 56, 15, "reference_bugs", "programs, checks, engine", BLUE)
    sheet.box(
        67,
        24,
        30,
        57,
        "reports",
        "read logs only:\none frame of\nestimates, then\ntables, figures,\ngates, sites",
        YELLOW,
    )
    for y in (18, 39, 60, 81):
        sheet.arrow(31, y, 31, y + 6)
    sheet.arrow(82, 18, 82, 24)
    sheet.arrow(59, 31.5, 67, 31.5)
    sheet.text(63, 27.5, "logs", size=12)
    sheet.save("rooms.svg")


if __name__ == "__main__":
    idea()
    rooms()
