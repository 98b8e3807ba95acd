"""Jobs over HTTP: asked for once, looked at, and waited for."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from darkroom.domain.errors import Code
from darkroom.domain.job import Job, Status
from darkroom.ports import Refused
from tests.fakes.signals import START, StoppedClock
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

    def create(self, job: Job) -> bool:
        self.everybody.wait(timeout=10)
        with self.one:
            is_first = super().create(job)
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
    ada.world.jobs.update(job.job_id, when=list(Status), announced_at=START)
    tags.append(ada.get(path).headers["ETag"])

    assert tags[0] != tags[1] == tags[2]


@dataclass
class Watch(StoppedClock):
    """Notes each time it is slept on; the job changes at the third."""

    naps: list[float] = field(default_factory=list)
    job_id: str = ""
    world: World | None = None

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        self.naps.append(seconds)
        if self.world and len(self.naps) == 3:
            submitted(self.world, self.job_id)


def waiting(*, changes: bool) -> tuple[Client, Watch, str]:
    watch = Watch()
    ada = Client(World(clock=watch))
    watch.job_id = ada.accepted().job_id
    watch.world = ada.world if changes else None
    return ada, watch, f"{V1_JOBS}/{watch.job_id}"


@pytest.mark.parametrize("wait", [1, 10, 25])
def test_a_wait_looks_once_a_second_and_gives_up_in_time(wait: int) -> None:
    ada, watch, path = waiting(changes=False)

    answer = ada.get(path, wait=wait)

    assert (answer.status, answer.json["status"]) == (200, "queued")
    assert watch.naps == [1.0] * wait


def test_a_wait_ends_when_the_job_changes() -> None:
    ada, watch, path = waiting(changes=True)

    assert ada.get(path, wait=20).json["status"] == "submitted"
    assert sum(watch.naps) == 3


def test_a_wait_from_a_known_tag_that_sees_no_change_sends_nothing() -> None:
    ada, watch, path = waiting(changes=False)
    tag = ada.get(path).headers["ETag"]

    assert ada.get(path, {"If-None-Match": tag}, wait=5).status == 304
    assert sum(watch.naps) == 5


def test_a_wait_from_an_older_tag_does_not_wait() -> None:
    ada, watch, path = waiting(changes=False)

    assert ada.get(path, {"If-None-Match": '"older"'}, wait=5).status == 200
    assert watch.naps == []


def test_nobody_waits_for_a_job_that_has_ended_or_is_anothers() -> None:
    ada, watch, path = waiting(changes=False)
    assert ada.as_("bob").get(path, wait=25).status == 404
    finished(ada.world, watch.job_id)

    assert ada.get(path, wait=25).json["status"] == "completed"
    assert watch.naps == []


@pytest.mark.parametrize("wait", ["0", "26", "-1", "1.5", "", "ten", "1e1", "٣"])
def test_a_wait_is_one_to_25_seconds(wait: str) -> None:
    answer = Client().get(f"{V1_JOBS}/{'a' * 26}", wait=wait)

    assert (answer.status, answer.fields) == (400, ["wait"])
    assert answer.json["errors"][0]["allowed"] == "a whole number, 1 to 25"
