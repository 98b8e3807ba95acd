"""SVG plots for docs/benchmarks.md."""

from importlib import import_module
from typing import Any

from benchmarks.report import PLOTS


def frontier(
    name: str, settings: list[tuple[float, float]], policies: dict[str, tuple[float, float]]
) -> None:
    """Plot cost and lag of settings, their Pareto frontier, and the policies."""
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(figsize=(8, 4.5))
    axes.scatter(*zip(*settings, strict=True), s=9, color="#bbb", label="Darkroom, other settings")
    best, lowest = [], float("inf")
    for cost, lag in sorted(settings):
        if lag < lowest:
            best.append((cost, lag))
            lowest = lag
    axes.plot(*zip(*best, strict=True), color="#888", linewidth=1, label="best settings")
    for number, (label, (cost, lag)) in enumerate(policies.items()):
        size = 60 if label.startswith("Darkroom") else 36
        axes.scatter([cost], [lag], s=size, marker="o^sDvPX*"[number % 8], label=label)
    axes.set(xscale="log", yscale="log", xlabel="AWS cost of waiting for a job, micro-USD")
    axes.set_ylabel("median lag, seconds")
    axes.legend(fontsize=7, loc="upper right")
    axes.grid(visible=True, which="both", linewidth=0.3)
    figure.tight_layout()
    # Without a date: the same values give the same file.
    figure.savefig(PLOTS / name, metadata={"Date": None})


def _pyplot() -> Any:
    """Return matplotlib.pyplot, which only `make bench` installs."""
    matplotlib = import_module("matplotlib")
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "darkroom", "svg.fonttype": "none"})
    return import_module("matplotlib.pyplot")
