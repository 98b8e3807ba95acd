"""Build the terminal event of a chain."""

from typing import Any

from darkroom.domain.chain_state import ChainState
from darkroom.domain.errors import Charged
from darkroom.domain.events import ChainCompleted, ChainFailed, ChainOutputs
from darkroom.domain.job import Job
from darkroom.domain.job_events import s3_location


def ended(state: ChainState) -> ChainCompleted | ChainFailed:
    """Return the terminal event of a chain that has ended.

    It omits the provider's message, which may quote the prompt.
    """
    failed = state.failure
    if failed is not None:
        return ChainFailed(**_common_fields(state, "failed"), **failed._asdict())
    last = state.jobs[-1]
    outputs = _outputs(last)
    return ChainCompleted(
        **_common_fields(state, "completed"),
        job_id=last.job_id,
        assets=outputs.assets,
        uris=outputs.uris,
    )


def _common_fields(state: ChainState, event: str) -> dict[str, Any]:
    root = state.root
    return {
        "id": f"{root.job_id}.chain.{root.chain_attempt}.{event}",
        "caller": root.caller,
        "request_id": root.request_id,
        "chain_id": root.job_id,
        "attempt": root.chain_attempt,
        "idempotency_key": root.idempotency_key,
        "batch_id": root.batch_id,
        "source": root.source and s3_location(root.source),
        "steps": state.steps,
        "finished": tuple(map(_outputs, state.finished)),
        "estimated_cost_micro_usd": state.estimated_cost_micro_usd,
        "spent_micro_usd": state.cost(Charged.YES),
        "uncertain_micro_usd": state.cost(Charged.MAYBE),
        "has_callback": root.has_callback,
        "accepted_at": root.accepted_at,
        "ended_at": root.chain_ended_at,
    }


def _outputs(job: Job) -> ChainOutputs:
    return ChainOutputs(
        step=job.step,
        job_id=job.job_id,
        operation=job.operation,
        model=job.model,
        assets=job.assets,
        uris=tuple(f"s3://{asset.bucket}/{asset.key}" for asset in job.assets),
    )
