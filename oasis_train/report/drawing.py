"""Figures as inline SVG that takes its colours from the page, so that one file serves light and dark.

Matplotlib draws with marker colours, which are then replaced by CSS variables. The same data give the same
bytes: no dates, no random identifiers.
"""

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TEXT, FAINT = "#010203", "#040506"
SERIES = ("#0a0101", "#0a0202", "#0a0303", "#0a0404", "#0a0505", "#0a0606")
"""Colours that no figure uses otherwise; the page's `--series-1` and so on."""

_VARIABLES = {TEXT: "var(--text)", FAINT: "var(--faint)"} | {
    colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, 1)
}

_FILE_COLOURS = ("#768390", "#adb5bd", "#3d8bc7", "#d4762c", "#3f9f5f", "#a869c9", "#c0504d", "#8c8c2f")
"""What stands for the variables, in their order, where no page gives colours."""


def draw(
    name: str, title: str, paint: Callable[["Axes"], None], *, width: float = 7.2, height: float = 3.4
) -> str:
    """An `<svg>` element with what `paint` draws; `title` is what a screen reader says."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {
        "svg.hashsalt": name,
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 9.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "lines.linewidth": 1.6,
    }
    colours: dict[Any, Any] = dict.fromkeys(
        ("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), TEXT
    )
    colours |= dict.fromkeys(("axes.edgecolor", "grid.color"), FAINT)
    with mpl.rc_context(style | colours):
        figure = Figure(figsize=(width, height), layout="constrained")
        canvas = FigureCanvasSVG(figure)
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        paint(axes)
        buffer = io.StringIO()
        canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    return _inline(name, title, buffer.getvalue())


def standalone(svg: str) -> str:
    """A drawing as a file of its own, in colours that can be read on white and on black."""
    for variable, colour in zip(_VARIABLES.values(), _FILE_COLOURS, strict=True):
        svg = svg.replace(variable, colour)
    head = '<svg xmlns="http://www.w3.org/2000/svg" style="font-family:sans-serif" '
    return svg.replace("<svg ", head, 1) + "\n"


def _inline(name: str, title: str, svg: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    svg = re.sub(r"url\(#", f"url(#{name}-", svg)
    svg = re.sub(
        r'<svg [^>]*?viewBox="([^"]*)"[^>]*>',
        rf'<svg viewBox="\1" role="img" xmlns:xlink="http://www.w3.org/1999/xlink" aria-label="{title}">',
        svg,
        count=1,
    )
    for marker, variable in _VARIABLES.items():
        svg = svg.replace(marker, variable)
    return re.sub(r"font: ([\d.]+)px[^;\"]*", r"font-size: \1px", svg).strip()
