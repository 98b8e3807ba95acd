"""Prices of predictions, in integer micro-USD.

Neither table is official; both are snapshots of the provider's catalogue.
"""

from typing import Any, Literal

Table = Literal["max", "a", "b"]

QUALITIES = ("low", "medium", "high")
RESOLUTIONS = ("1k", "2k", "4k")

TEXT, EDIT = "openai/gpt-image-2/text-to-image", "openai/gpt-image-2/edit"

_GRIDS: dict[tuple[str, str], tuple[int, ...]] = {
    # Catalogue of 2026-06-23.
    ("a", TEXT): (10, 20, 30, 60, 120, 180, 220, 440, 660),
    ("a", EDIT): (30, 60, 90, 60, 120, 180, 220, 440, 660),
    # Catalogue of 2026-07-29; its text-to-image row was never published and is inferred.
    ("b", TEXT): (10, 20, 30, 60, 100, 180, 220, 400, 720),
    ("b", EDIT): (20, 30, 40, 70, 110, 190, 230, 410, 730),
}
_FURTHER_IMAGE = {"a": 0, "b": 12}  # table B adds this for each reference after the first


def grid(table: Table, model: str) -> dict[str, dict[str, int]]:
    """Return the price of one image in micro-USD, by quality and resolution."""
    chosen = [_GRIDS[name, model] for name in ("a", "b") if table in (name, "max")]
    cells = [max(column) * 1000 for column in zip(*chosen, strict=True)]
    return {
        quality: dict(zip(RESOLUTIONS, cells[row * 3 : row * 3 + 3], strict=True))
        for row, quality in enumerate(QUALITIES)
    }


def further_image(table: Table) -> int:
    """Return the price of each reference after the first, in micro-USD."""
    return 1000 * max(price for name, price in _FURTHER_IMAGE.items() if table in (name, "max"))


def price(table: Table, model: str, base: int, inputs: dict[str, Any]) -> int:
    """Return the price in micro-USD; absent inputs count with their defaults."""
    if model not in (TEXT, EDIT):
        return base
    row = grid(table, model).get(str(inputs.get("quality", "medium")), {})
    cell = row.get(str(inputs.get("resolution", "1k")), base)
    images = inputs.get("images")
    extra = max(0, len(images) - 1) if isinstance(images, list) and model == EDIT else 0
    return cell + extra * further_image(table)


def discounted(micro: float, rate: float) -> int:
    """Return the price after the discount."""
    return round(micro * (1 - rate))


def formula(table: Table, model: str, base: int) -> str:
    """Return the price in micro-USD as a JSONata expression, for the model list."""
    if model not in (TEXT, EDIT):
        return str(base)
    rows = ", ".join(
        f'"{quality}": {{' + ", ".join(f'"{size}": {cost}' for size, cost in row.items()) + "}"
        for quality, row in grid(table, model).items()
    )
    row = f'$lookup({{{rows}}}, quality ? quality : "medium")'
    cell = f'$lookup({row}, resolution ? resolution : "1k")'
    extra = further_image(table)
    return f"{cell} + ($count(images) - 1) * {extra}" if model == EDIT and extra else cell
