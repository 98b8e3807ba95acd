"""Jobs over HTTP: asked for once, and looked at."""

import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.ports import Refused
from tests.fakes.signals import START
from tests.fakes.storage import InMemoryJobs
from tests.fakes.world import TEXT_TO_IMAGE, World
from tests.unit.http import DOCUMENT, STAGE, V1_JOBS, Answer, Client, finished, submitted

KEY = {"Idempotency_Key": "order-4711"}
EDIT = {"operation": "edit", "prompt": "x", "images": ["https://a.test/b.png?signature=s"]}


def test_a_job_is_accepted_with_its_place_its_tag_and_when_to_look_again() -> None:
    ada = Client()

    answer = ada.post(V1_JOBS, TEXT_TO_IMAGE, **KEY)

    told = answer.json
    assert answer.status == 202
    assert answer.headers["Location"] == f"{STAGE}{V1_JOBS}/{told['job_id']}"
    assert re.fullmatch(r'"\w+"', answer.headers["ETag"])
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["Cache-Control"] == "no-store"
    assert told.keys() == DOCUMENT["components"]["schemas"]["JobView"]["properties"].keys()
    assert (told["status"], told["caller"], told["idempotency_key"]) == (
        "queued", "key:ada", "order-4711",
    )  # fmt: skip
    assert (told["charged"], told["estimated_cost_micro_usd"]) == ("no", 60_000)
    assert ada.world.workflow.started == [told["job_id"]]


def test_the_place_leads_to_the_job_also_from_a_path_with_a_slash_at_its_end() -> None:
    ada = Client()

    place = ada.post(f"{V1_JOBS}/", TEXT_TO_IMAGE).headers["Location"]

    assert "//" not in place
    assert ada.get(place.removeprefix(STAGE)).status == 200


def test_without_a_key_every_request_is_its_own() -> None:
    ada = Client()

    assert ada.accepted().job_id != ada.accepted().job_id
    assert len(ada.world.jobs.records) == 2


def test_the_same_request_again_is_the_same_job_however_far_it_is() -> None:
    ada = Client()
    first = ada.accepted(**KEY)
    finished(ada.world, first.job_id)

    again = ada.post(V1_JOBS, TEXT_TO_IMAGE, **KEY)

    assert (again.status, again.json["job_id"]) == (202, first.job_id)
    assert again.json["status"] == "completed"
    assert "Retry-After" not in again.headers
    assert len(ada.world.provider.posts) == 1


def test_the_same_key_of_another_caller_is_another_job() -> None:
    ada = Client()

    assert ada.accepted(**KEY).job_id != ada.as_("bob").accepted(**KEY).job_id


def test_the_same_key_for_another_request_is_a_conflict_and_starts_nothing() -> None:
    ada = Client()
    first = ada.accepted(**KEY)

    answer = ada.post(V1_JOBS, TEXT_TO_IMAGE | {"prompt": "another"}, **KEY)

    assert (answer.status, answer.json["type"]) == (409, "urn:darkroom:problem:conflict")
    assert ada.world.workflow.started == [first.job_id]


@dataclass
class RacedJobs(InMemoryJobs):
    """The table: one write at a time, and nobody writes before all have looked."""

    everybody: threading.Barrier = field(default_factory=lambda: threading.Barrier(20))
    one: threading.Lock = field(default_factory=threading.Lock)
    created: int = 0

    def create(self, job: Job, caps: Sequence[int] = ()) -> bool:
        self.everybody.wait(timeout=10)
        with self.one:
            is_first = super().create(job, caps)
            self.created += is_first
        return is_first


def test_twenty_identical_requests_at_once_are_one_job() -> None:
    jobs = RacedJobs()
    world = World(jobs=jobs)
    clients = [Client(world) for _ in range(20)]

    def ask(client: Client) -> Answer:
        return client.post(V1_JOBS, TEXT_TO_IMAGE, **KEY)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, clients))

    assert {answer.status for answer in answers} == {202}
    assert len({answer.json["job_id"] for answer in answers}) == 1
    assert (jobs.created, len(jobs.records)) == (1, 1)
    assert len(world.workflow.started) == 1


def test_a_finished_job_shows_its_picture_under_a_fresh_url() -> None:
    ada = Client()
    job = ada.accepted()
    finished(ada.world, job.job_id)

    told = ada.get(f"{V1_JOBS}/{job.job_id}").json

    [asset] = told["assets"]
    assert (told["status"], told["charged"], told["failure"]) == ("completed", "yes", None)
    assert asset["key"] == f"jobs/{job.job_id}/0.png"
    assert "X-Amz-Expires=3600" in asset["url"]
    assert told["timings"]["ended_at"] is not None


def test_a_failed_job_says_why_in_the_providers_words_and_ours() -> None:
    ada = Client()
    ada.world.provider.submissions = [Refused(Code.MODERATED, "flagged as sensitive")]
    job = ada.accepted()
    step = submitted(ada.world, job.job_id)
    ada.world.end_job().fail(job.job_id, step.code or Code.INTERNAL_ERROR)

    told = ada.get(f"{V1_JOBS}/{job.job_id}").json

    assert told["failure"]["code"] == "moderated"
    assert told["failure"]["detail"] == "flagged as sensitive"
    assert told["failure"]["retryable"] is False


def test_a_signature_in_a_references_url_is_shown_to_nobody() -> None:
    ada = Client()
    job = ada.accepted(EDIT)

    answer = ada.get(f"{V1_JOBS}/{job.job_id}")

    assert answer.json["references"] == ["https://a.test/b.png"]
    assert "signature" not in answer.text


@pytest.mark.parametrize("prefix", ["", "W/"])
def test_what_is_known_already_is_not_sent_again(prefix: str) -> None:
    ada = Client()
    path = f"{V1_JOBS}/{ada.accepted().job_id}"
    tag = ada.get(path).headers["ETag"]

    answer = ada.get(path, {"if-none-match": prefix + tag})

    assert (answer.status, answer.headers["ETag"], answer.text) == (304, tag, "")
    several = {"If-None-Match": f'"older", W/{tag}'}
    assert ada.get(path, several).status == 304


def test_a_tag_changes_with_what_is_seen_and_with_nothing_else() -> None:
    ada = Client()
    job = ada.accepted()
    path = f"{V1_JOBS}/{job.job_id}"
    tags = [ada.get(path).headers["ETag"]]
    submitted(ada.world, job.job_id)
    tags.append(ada.get(path, {"If-None-Match": tags[0]}).headers["ETag"])
    ada.world.jobs.update(job.job_id, when=list(Status), published_at=START)
    tags.append(ada.get(path).headers["ETag"])

    assert tags[0] != tags[1] == tags[2]
