"""Chains: further steps of a job, as its record stores them, and the images that they take."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from darkroom.domain.references import Reference, S3Object, Url, map_texts
from darkroom.domain.requests import Operation, Output

# JSON of all steps of a chain, in bytes. The first job's record has them besides its own input.
MAX_CHAIN_BYTES = 64 * 1024


class ChainOutput(BaseModel):
    """A reference to an image of the chain, which is known when the step starts."""

    model_config = ConfigDict(frozen=True)
    kind: Literal["output"] = "output"
    output: Output


type StepReference = Annotated[Url | S3Object | ChainOutput, Field(discriminator="kind")]


class ChainStep(BaseModel):
    """A further step: the request of its job, with the price as of the creation of the chain."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    operation: Operation
    model: str
    input: dict[str, Any]
    references: tuple[StepReference, ...] = ()
    deadline_seconds: int
    estimated_cost_micro_usd: int | None = None
    priced_as_of: str | None = None

    def request(self, outputs: "Outputs") -> tuple[dict[str, Any], tuple[Reference, ...]]:
        """Return the input and the references of the step's job. Raises MissingOutputError."""
        if self.operation is not Operation.MODEL:
            return self.input, tuple(
                outputs.find(reference.output, only_images=True)
                if isinstance(reference, ChainOutput)
                else reference
                for reference in self.references
            )
        named: dict[str, Reference] = {
            str(reference): reference
            for reference in self.references
            if not isinstance(reference, ChainOutput)
        }

        def fill(text: str, _: str) -> str:
            if text not in list(Output):
                return text
            found = outputs.find(Output(text))
            if isinstance(found, Url):
                return found.url
            named[str(found)] = found
            return str(found)

        filled: dict[str, Any] = map_texts(self.input, fill)
        return filled, tuple(named.values())


def priced_input(model_input: dict[str, Any]) -> dict[str, Any]:
    """Return the input of a step for a quote, with a link in place of each output of the chain."""
    link = "s3://chain/output"
    priced: dict[str, Any] = map_texts(
        model_input, lambda text, _: link if text in list(Output) else text
    )
    return priced


class Chain(BaseModel):
    """The further steps of a job, and the budget in which a resume reserves them."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    steps: tuple[ChainStep, ...]
    folder: str = "jobs"  # of the folders of the jobs; the first job may share another job's folder
    daily_budget_micro_usd: int | None = None
    budget_scope: str | None = None

    def without_content(self) -> "Chain":
        """Return the chain without the inputs and references of its steps."""
        content: dict[str, Any] = {"input": {}, "references": ()}
        return self.model_copy(
            update={"steps": tuple(step.model_copy(update=content) for step in self.steps)}
        )


class MissingOutputError(Exception):
    """A step cannot start, because an earlier step has no output that it can use."""


class Outputs:
    """The outputs of the jobs of a chain, by the names that a step uses."""

    def __init__(self, named: dict[Output, Sequence[tuple[Reference, str | None]]]) -> None:
        """`named` has the candidates of each output; the text is why one is no reference image."""
        self._named = named

    def find(self, output: Output, *, only_images: bool = False) -> Reference:
        """Return the first output, or the first that an edit can use. Raises MissingOutputError."""
        candidates = self._named[output]
        for reference, problem in candidates:
            if problem is None or not only_images:
                return reference
        reason = candidates[0][1] if candidates else "has no output"
        raise MissingOutputError(f"{output} {reason}.")
