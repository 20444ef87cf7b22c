"""The figures of the report: loss curves, similarities with the fitted mixture, ablation, map of vectors."""

import html
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from oasis_train.report.drawing import FAINT, SERIES, TEXT, draw
from oasis_train.report.run_files import BINS, Histogram

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVES = ("loss", "in_batch", "cosent", "info_nce", "distillation")
"""Values of a step that are losses."""

_SMOOTH = 60
"""Points that a noisy curve is averaged down to."""

_APART = 10
"""Losses whose medians differ by more than this share a logarithmic axis."""


def loss_curves(rows: Sequence[Mapping[str, Any]]) -> str:
    """Losses by step, each the mean of neighbouring steps."""
    names = [name for name in CURVES if any(_is_number(row.get(name)) for row in rows)]

    def paint(axes: "Axes") -> None:
        for name, colour in zip(names, SERIES, strict=False):
            points = [(row["step"], row[name]) for row in rows if _is_number(row.get(name))]
            groups = np.array_split(np.array(points, dtype=float), min(_SMOOTH, len(points)))
            x, y = zip(*(group.mean(axis=0) for group in groups), strict=True)
            axes.plot(x, y, color=colour, label=name.replace("_", "-"), marker="o" if len(x) == 1 else None)
        medians = [np.median([row[name] for row in rows if _is_number(row.get(name))]) for name in names]
        if min(medians) > 0 and max(medians) > _APART * min(medians):
            axes.set_yscale("log")
        axes.set(xlabel="step", ylabel="loss")
        axes.legend()

    return draw("losses", "Loss by step", paint)


def evaluation_curves(rows: Sequence[Mapping[str, Any]]) -> str:
    """Figures of the evaluations during training."""
    names = [name for name in dict.fromkeys(key for row in rows for key in row) if name != "step"]

    def paint(axes: "Axes") -> None:
        for name, colour in zip(names, SERIES, strict=False):
            points = [(row["step"], row[name]) for row in rows if _is_number(row.get(name))]
            if points:
                x, y = zip(*points, strict=True)
                axes.plot(x, y, color=colour, label=html.escape(name), marker="o", markersize=4)
        axes.set(xlabel="step", ylabel="percent")
        axes.legend()

    return draw("evaluations", "Evaluations during training", paint, height=3.0)


def similarity_histogram(histogram: Histogram | None, fit: Mapping[str, Any] | None) -> str:
    """Similarities of right and wrong pairs, the two fitted groups and s*."""

    def paint(axes: "Axes") -> None:
        edges = np.linspace(0, 1, BINS + 1)
        if histogram is not None:
            total = max(1, int((histogram.right + histogram.wrong).sum()))
            below = np.zeros(BINS)
            for counts, colour, label in (
                (histogram.wrong, SERIES[0], "wrong pairs"),
                (histogram.right, SERIES[1], "own functions"),
            ):
                density = counts * BINS / total
                axes.bar(
                    edges[:-1], density, 1 / BINS, below, align="edge", color=colour, alpha=0.45, label=label
                )
                below = below + density
        x = np.linspace(0, 1, 400)
        for number, component in enumerate((fit or {}).get("components", ())):
            weight, mean, deviation = (component[key] for key in ("weight", "mean", "deviation"))
            density = (
                weight / (deviation * math.sqrt(2 * math.pi)) * np.exp(-(((x - mean) / deviation) ** 2) / 2)
            )
            axes.plot(x, density, color=SERIES[2 + number], label=f"group {number + 1}, {weight:.0%}")
        if fit is not None:
            axes.axvline(fit["threshold"], color=TEXT, linestyle="--", linewidth=1.1)
            axes.plot([], [], color=TEXT, linestyle="--", linewidth=1.1, label=f"s* = {fit['threshold']:.3f}")
        axes.set(xlabel="similarity by the teacher", ylabel="density", xlim=(0, 1))
        axes.legend()

    return draw("similarities", "Histogram of teacher similarities with the fitted mixture", paint)


def ablation_bars(rows: Sequence[Mapping[str, Any]], suite: str) -> str:
    """One bar per variant with its 95 % interval, the full method first as given."""
    own = [row for row in rows if row["suite"] == suite]
    variants = list(dict.fromkeys(row["variant"] for row in own))

    def paint(axes: "Axes") -> None:
        for place, variant in enumerate(variants):
            seeds = [row for row in own if row["variant"] == variant]
            value, low, high = (
                float(np.mean([row[key] for row in seeds])) for key in ("value", "low", "high")
            )
            axes.barh(place, value, 0.62, color=SERIES[0], alpha=0.75)
            axes.plot([low, high], [place, place], color=TEXT, linewidth=1.2)
            axes.annotate(f"{value:.2f}", (high, place), (5, 0), textcoords="offset points", va="center")
            axes.plot([row["value"] for row in seeds], [place] * len(seeds), ".", color=TEXT, markersize=3)
        axes.set_yticks(range(len(variants)), [html.escape(variant) for variant in variants])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.12)
        axes.set(xlabel="percent")

    name = "".join(character if character.isalnum() else "-" for character in suite)
    return draw(f"ablation-{name}", f"Ablation on {suite}", paint, height=0.7 + 0.36 * len(variants))


def difference_bars(rows: Sequence[Mapping[str, Any]], first: str) -> str:
    """How far each variant's mean of suites lies from that of `first`, with 95 % intervals."""

    def paint(axes: "Axes") -> None:
        for place, row in enumerate(rows):
            axes.plot([row["low"], row["high"]], [place, place], color=SERIES[0], linewidth=2.2)
            axes.plot([row["difference"]], [place], "o", color=SERIES[0])
            note = f"{row['difference']:+.2f}"
            axes.annotate(note, (row["high"], place), (6, 0), textcoords="offset points", va="center")
        axes.axvline(0, color=TEXT, linestyle="--", linewidth=1.1)
        axes.set_yticks(range(len(rows)), [html.escape(row["variant"]) for row in rows])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.15, y=0.15)
        axes.set(xlabel=f"points, less {html.escape(first)}")

    title = f"Mean of all suites, less that of {first}"
    return draw("differences", title, paint, height=0.8 + 0.36 * len(rows))


def vector_map(points: NDArray[np.float64], n: int) -> str:
    """Queries and their targets in two dimensions, each pair joined; `points` (2n, 2), queries first."""

    def paint(axes: "Axes") -> None:
        for query, target in zip(points[:n], points[n:], strict=True):
            axes.plot(*zip(query, target, strict=True), color=FAINT, linewidth=0.7, zorder=1)
        axes.scatter(points[:n, 0], points[:n, 1], s=16, color=SERIES[0], label="queries", zorder=2)
        axes.scatter(
            points[n:, 0], points[n:, 1], s=16, color=SERIES[1], marker="^", label="targets", zorder=2
        )
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.legend(loc="best")

    return draw("map", "Queries and their targets by multidimensional scaling", paint, height=5.0)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
