"""Plots for docs/benchmarks.md, as SVG."""

from importlib import import_module
from typing import Any

from benchmarks.report import PLOTS


def frontier(
    name: str, settings: list[tuple[float, float]], points: dict[str, tuple[float, float]]
) -> None:
    """Plot what settings come to (cost, lag), the best of them as a line, and others' points."""
    pyplot: Any = _pyplot()
    figure, axes = pyplot.subplots(figsize=(8, 4.5))
    axes.scatter(*zip(*settings, strict=True), s=9, color="#bbb", label="Darkroom, other settings")
    best, lowest = [], float("inf")
    for cost, lag in sorted(settings):
        if lag < lowest:
            best.append((cost, lag))
            lowest = lag
    axes.plot(*zip(*best, strict=True), color="#888", linewidth=1, label="the best of them")
    for number, (label, (cost, lag)) in enumerate(points.items()):
        ours = label.startswith("Darkroom")
        axes.scatter(
            [cost], [lag], s=60 if ours else 36, marker="o^sDvPX*"[number % 8], label=label
        )
    axes.set(
        xscale="log", yscale="log", xlabel="AWS cost of waiting for a job, millionths of a USD"
    )
    axes.set_ylabel("seconds from done to noticed, median")
    axes.legend(fontsize=7, loc="upper right")
    axes.grid(visible=True, which="both", linewidth=0.3)
    save(figure, name)


def bars(name: str, label: str, values: dict[str, float]) -> None:
    """Plot one horizontal bar a name."""
    pyplot: Any = _pyplot()
    figure, axes = pyplot.subplots(figsize=(8, 0.4 + 0.32 * len(values)))
    axes.barh(list(values)[::-1], list(values.values())[::-1], color="#59a")
    axes.set_xlabel(label)
    save(figure, name)


def save(figure: Any, name: str) -> None:
    """Write an SVG that is the same whenever its numbers are."""
    figure.tight_layout()
    figure.savefig(PLOTS / name, metadata={"Date": None})


def _pyplot() -> Any:
    """Return the library: `make bench` installs it, nothing else needs it."""
    matplotlib = import_module("matplotlib")
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "darkroom", "svg.fonttype": "none"})
    return import_module("matplotlib.pyplot")
