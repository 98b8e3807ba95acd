"""Generate the JSON Schemas of the events in infra/events/ from their models.

`make schemas` runs this module. A test fails if a file differs from its model.
"""

import json
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from darkroom.domain.events import PUBLISHED, REQUESTED

TARGET = Path(__file__).parent / "events"


def schemas() -> dict[str, str]:
    """Return the text of each schema file, by file name."""
    requested: Any = reduce(or_, REQUESTED)
    documents = {model.__name__: model.model_json_schema() for model in PUBLISHED}
    documents["JobRequested"] = TypeAdapter(requested).json_schema()
    return {
        f"{name}.json": json.dumps(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": name} | document,
            indent=2,
        )
        + "\n"
        for name, document in documents.items()
    }


if __name__ == "__main__":
    TARGET.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (TARGET / name).write_text(text)
