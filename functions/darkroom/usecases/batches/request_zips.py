"""Request the zip files of a batch: start ZipBatch for each part that does not exist."""

from dataclasses import dataclass

from darkroom.domain.batch import Batch
from darkroom.domain.callers import Caller
from darkroom.domain.errors import NotEndedError, NotFoundError
from darkroom.domain.zips import MAKING
from darkroom.ports import Batches, Clock, ZipFunction, Zips
from darkroom.usecases.batches.end_batch import ENDED
from darkroom.usecases.batches.find_batches import FindBatches


@dataclass(frozen=True)
class RequestZips:
    """Start the zip files of an ended batch."""

    find: FindBatches
    batches: Batches
    zips: Zips
    function: ZipFunction
    now: Clock

    def run(self, caller: Caller, batch_id: str) -> Batch:
        """Return the batch. Idempotent: while its parts are written, nothing is started again.

        Raises NotFoundError if there is no such batch, or nothing to zip, or NotEndedError.
        """
        batch = self.find.one(caller, batch_id)
        if batch.is_open:
            raise NotEndedError("The batch has not ended. Request its zip files after its end.")
        if not batch.zip_parts:
            raise NotFoundError(
                "This batch has no zip files: it has no outputs, more than 100 zip files would be"
                " needed, or it ended before Darkroom could make them. Download the outputs of its"
                f" jobs: GET /v1/jobs?batch={batch_id}."
            )
        now = self.now()
        found = self.zips.find(batch)
        missing = [n for n in range(1, len(batch.zip_parts) + 1) if n not in found]
        requested = batch.zips_requested_at
        if not missing or (requested is not None and now - requested < MAKING):
            return batch
        for number in missing:
            self.function.start(batch_id, number)
        return self.batches.update(batch_id, when=ENDED, zips_requested_at=now) or batch
