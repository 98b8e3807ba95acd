"""SendCallback: posts the terminal events in the queue of callbacks to the callers' URLs."""

import json
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom.app import app
from darkroom.domain.callbacks import retry_after
from darkroom.observability import correlate, log_crash, logger, observed


@observed(lambda: app().send_callback)
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Post each event, and return the messages that must be tried again later."""
    failed = [message["messageId"] for message in event["Records"] if not _is_done(message)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _is_done(message: dict[str, Any]) -> bool:
    """Return False if the callback must be tried again. Its message is then hidden until then."""
    attempt = int(message["attributes"]["ApproximateReceiveCount"])
    try:
        event = json.loads(message["body"])
        detail = event["detail"]
        is_chain = event["detail-type"].startswith("Chain")
        job_id: str = detail["chain_id" if is_chain else "job_id"]
        correlate(job_id)
        sending = app().send_callback.run(event["detail-type"], detail["id"], job_id)
    except Exception as error:  # the other messages do not wait for this one
        log_crash(error)
    else:
        logger.info("send_callback", sent=sending.sent, answer=sending.answer, attempt=attempt)
        if sending.is_done:
            return True
    app().ports.callback_queue.defer(message["receiptHandle"], retry_after(attempt))
    return False
