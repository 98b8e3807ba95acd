"""Callbacks: terminal events are posted to the URL of the request, signed, retried for a day."""

import json
import logging
import random
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from darkroom.domain import callbacks
from darkroom.domain.callbacks import MAX_ATTEMPTS, SecretGeneration, retry_after, secrets_of
from darkroom.domain.callers import Caller
from darkroom.domain.errors import Code, ConflictError, InvalidRequestError
from darkroom.domain.events import JobEvent
from darkroom.domain.job import Job
from darkroom.domain.webhooks import is_genuine
from darkroom.handlers import send_callback
from darkroom.ports import Answered, Failed, NoAnswer, Refused, Succeeded
from darkroom.usecases.callbacks.send_callback import Sending, Sent
from tests.fakes.callbacks import ReceivedCallback
from tests.fakes.chains import EDIT, ChainMachine
from tests.fakes.crashes import SimulatedCrashError
from tests.fakes.images import PNG
from tests.fakes.machine import StateMachine, deployment
from tests.fakes.provider import OUTPUT
from tests.fakes.world import TEST_CALLER, TEXT_TO_IMAGE, World
from tests.infra.template import ROOT, properties
from tests.unit.batches import (
    SMALL_IMAGE,
    create_all_jobs,
    result_rows,
    running_batch,
    upload_rows,
)
from tests.unit.http import CONTEXT, Client, capture_logs, complete_job, error_message, submit_job
from tests.unit.test_recover_job import sweep_until_done, timed_out_job
from tests.unit.test_reuse import complete
from tests.unit.test_ssrf import AMBIGUOUS, OTHER_SCHEMES, PRIVATE, short

URL = "https://hooks.shop.test/darkroom?token=sesame-4711"
BODY = TEXT_TO_IMAGE | {"callback_url": URL}
T2I = "/api/v3/openai/gpt-image-2/text-to-image"
UNAVAILABLE = Answered(503)
TERMINAL = properties("CallbacksRule")["EventPattern"]["detail-type"]


@dataclass
class Queue:
    """The queue of callbacks and its rule, with the real handler; time is simulated."""

    world: World
    messages: list[tuple[dict[str, Any], int]] = field(default_factory=list)  # body, attempts
    dead_letters: list[dict[str, Any]] = field(default_factory=list)
    taken: int = 0  # events of the bus

    def route(self) -> None:
        """Queue the new events that match the rule."""
        for event in self.world.events.published[self.taken :]:
            detail_type, detail = type(event).__name__, event.model_dump(mode="json")
            if detail_type in TERMINAL and detail["has_callback"]:
                self.messages.append(({"detail-type": detail_type, "detail": detail}, 0))
        self.taken = len(self.world.events.published)

    def attempt(self) -> bool:
        """Send the next message once; return whether it left the queue."""
        body, attempts = self.messages.pop(0)
        if attempts == MAX_ATTEMPTS:
            self.dead_letters.append(body)
            return True
        record = {
            "messageId": "message-1",
            "receiptHandle": "receipt-1",
            "body": json.dumps(body),
            "attributes": {"ApproximateReceiveCount": str(attempts + 1)},
        }
        response = send_callback.handler({"Records": [record]}, CONTEXT)
        if not response["batchItemFailures"]:
            return True
        self.messages.append((body, attempts + 1))
        return False

    def run(self) -> None:
        """Send all messages until the queue is empty, and wait as long as it hides them."""
        self.route()
        while self.messages:
            if not self.attempt():
                _, seconds = self.world.callback_queue.deferred[-1]
                self.world.clock.advance(seconds)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world on which the real handler runs."""
    world = World()
    monkeypatch.setattr(send_callback, "app", lambda: world.app)
    return world


def received(world: World) -> ReceivedCallback:
    [callback] = world.callback_receivers.received
    return callback


def completed_job(world: World, body: dict[str, Any] = BODY) -> Job:
    job = world.accept_job(body)
    complete_job(world, job.job_id)
    return world.job(job.job_id)


def send(world: World, job_id: str, detail_type: str) -> Sending:
    """Run one attempt without the queue."""
    event_id = f"{job_id}.{detail_type.removeprefix('Job').lower()}"
    return world.app.send_callback.run(detail_type, event_id, job_id)


def failed_job(world: World) -> Job:
    world.provider.submissions = [Refused(Code.MODERATED, "why")]
    job = world.accept_job(BODY)
    submit_job(world, job.job_id)
    world.app.end_job.fail(job.job_id, Code.MODERATED)
    return world.job(job.job_id)


def verify(world: World, callback: ReceivedCallback, secret: str | None = None) -> Any:
    """Verify a callback with the published library; return its content."""
    secret = secret or world.app.read_callback_secrets.run(TEST_CALLER.name).secret
    return Webhook(secret).verify(callback.body, callback.headers)


@pytest.fixture(autouse=True)
def _current_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the library compare timestamps with the world's clock."""
    import standardwebhooks.webhooks as library

    class Clock(library.datetime):  # type: ignore[name-defined, misc]
        @classmethod
        def now(cls, tz: object = None) -> Any:
            del tz
            return world.clock()

    monkeypatch.setattr(library, "datetime", Clock)


# Content


def test_completed_job_is_posted_as_a_signed_standard_webhook(world: World) -> None:
    job = completed_job(world)

    Queue(world).run()

    callback = received(world)
    assert callback.url == URL
    assert callback.headers["webhook-id"] == f"{job.job_id}.completed"
    [event] = world.events.of_type("JobCompleted")
    assert job.ended_at is not None
    assert verify(world, callback) == {
        "type": "JobCompleted",
        "timestamp": job.ended_at.isoformat(),
        "data": event.model_dump(mode="json"),
    }
    assert world.metrics.total("CallbacksDelivered") == 1


def test_snippet_of_the_page_verifies_a_callback(world: World) -> None:
    page = (ROOT / "docs" / "http.md").read_text().partition("## Callbacks")[2]
    [snippet] = re.findall(r"^```python\n(.*?)^```", page.partition("\n## ")[0], re.M | re.S)
    scope: dict[str, Any] = {}
    exec(snippet, scope)  # noqa: S102 - our own page
    completed_job(world)
    Queue(world).run()
    callback = received(world)
    secret = world.app.read_callback_secrets.run(TEST_CALLER.name).secret

    event = scope["receive"](callback.headers, callback.body, secret)

    assert event["type"] == "JobCompleted"


def test_changed_body_and_another_callers_secret_are_noticed(world: World) -> None:
    completed_job(world)
    Queue(world).run()
    callback = received(world)

    forged = callback._replace(body=callback.body.replace(b"JobCompleted", b"JobRecovered"))
    with pytest.raises(WebhookVerificationError):
        verify(world, forged)
    with pytest.raises(WebhookVerificationError):
        verify(world, callback, world.app.read_callback_secrets.run("key:other").secret)


def test_failed_job_is_posted_without_the_providers_words(world: World) -> None:
    job = failed_job(world)

    Queue(world).run()

    content = verify(world, received(world))
    assert (content["type"], content["data"]["code"]) == ("JobFailed", "moderated")
    assert content["data"]["id"] == f"{job.job_id}.failed"


def test_canceled_job_is_posted(world: World) -> None:
    job = world.accept_job(BODY)
    world.app.cancel_job.run(TEST_CALLER, job.job_id)

    Queue(world).run()

    assert verify(world, received(world))["data"]["code"] == "canceled"


def test_late_result_is_posted_after_the_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    world, account = deployment(stack_budget=10**9)
    monkeypatch.setattr(send_callback, "app", lambda: world.app)
    account.run_seconds = 2000
    job = world.accept_job(BODY)
    StateMachine(world).run()
    sweep_until_done(world, job)

    Queue(world).run()  # both events are delivered after the recovery

    failed, recovered = (callback.json for callback in world.callback_receivers.received)
    assert (failed["type"], recovered["type"]) == ("JobFailed", "JobRecovered")
    assert (failed["data"]["id"], failed["data"]["assets"]) == (f"{job.job_id}.failed", [])
    assert recovered["data"]["id"] == f"{job.job_id}.recovered"
    assert len(recovered["data"]["assets"]) == 1
    assert failed["timestamp"] < recovered["timestamp"]


def test_job_without_a_callback_url_queues_nothing(world: World) -> None:
    completed_job(world, TEXT_TO_IMAGE)

    Queue(world).run()

    assert world.callback_receivers.received == []
    assert send(world, next(iter(world.jobs.records)), "JobCompleted").is_done


def test_job_that_gets_earlier_outputs_is_posted(world: World) -> None:
    ada = Client(world)
    body = BODY | {"reuse_seconds": 3600}
    first = complete(ada, ada.accept_job(body))
    again = ada.accept_job(body)

    Queue(world).run()

    ids = [each.json["data"]["job_id"] for each in world.callback_receivers.received]
    assert again.reused_from == first.job_id
    assert ids == [first.job_id, again.job_id]


def test_message_of_an_unknown_job_or_another_event_is_dropped(world: World) -> None:
    job = completed_job(world)

    for job_id, detail_type in [
        ("unknown", "JobCompleted"),
        (job.job_id, "JobFailed"),
        (job.job_id, "JobRecovered"),
        (job.job_id, "JobSubmitted"),
    ]:
        assert send(world, job_id, detail_type).sent is Sent.NOT_NEEDED
    assert world.callback_receivers.received == []


# Chains


def chain_callbacks(world: World) -> list[tuple[str, str]]:
    """Return the type and the id of each callback."""
    Queue(world).run()
    contents = [verify(world, each) for each in world.callback_receivers.received]
    return [(content["type"], content["data"]["id"]) for content in contents]


def run_chain(monkeypatch: pytest.MonkeyPatch, *results: Any) -> tuple[World, ChainMachine, Job]:
    world, account = deployment(stack_budget=10**9)
    monkeypatch.setattr(send_callback, "app", lambda: world.app)
    account.results = list(results)
    job = world.accept_job(BODY | {"then": [EDIT]})
    machine = ChainMachine(world)
    machine.run()
    return world, machine, job


def test_chain_calls_back_its_end_and_the_end_of_its_first_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, _, job = run_chain(monkeypatch)

    assert chain_callbacks(world) == [
        ("JobCompleted", f"{job.job_id}.completed"),
        ("ChainCompleted", f"{job.job_id}.chain.0.completed"),
    ]
    [event] = world.events.of_type("ChainCompleted")
    assert world.callback_receivers.received[-1].json["data"] == event.model_dump(mode="json")


def test_failed_chain_calls_back_and_a_resume_replaces_what_was_not_delivered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed = Failed(Code.PROVIDER_FAILED, "no")
    world, machine, job = run_chain(monkeypatch, Succeeded((OUTPUT,)), failed)
    late = Queue(world)
    late.route()

    world.app.resume_chain.run(TEST_CALLER, job.job_id)
    machine.run()
    late.run()

    received = [each.json["data"]["id"] for each in world.callback_receivers.received]
    assert received == [f"{job.job_id}.completed", f"{job.job_id}.chain.1.completed"]


# Retries


def test_receiver_that_is_down_for_hours_gets_the_same_event_later(world: World) -> None:
    job = completed_job(world)
    ended = world.clock()
    world.callback_receivers.answers = [UNAVAILABLE] * 5 + [NoAnswer("timeout")] * 6

    Queue(world).run()

    callbacks = world.callback_receivers.received
    assert len(callbacks) == 12
    assert world.clock() - ended > timedelta(hours=4)
    assert {callback.headers["webhook-id"] for callback in callbacks} == {f"{job.job_id}.completed"}
    assert len({callback.body for callback in callbacks}) == 1
    verify(world, callbacks[-1])  # the timestamp of the last attempt is recent
    assert world.metrics.total("CallbacksFailed") == 11
    assert world.metrics.total("CallbacksDelivered") == 1


def test_dead_receiver_is_tried_for_a_day_and_becomes_a_dead_letter(world: World) -> None:
    completed_job(world)
    ended = world.clock()
    world.callback_receivers.answers = [UNAVAILABLE] * 100
    queue = Queue(world)

    queue.run()

    assert len(world.callback_receivers.received) == MAX_ATTEMPTS
    assert timedelta(hours=20) < world.clock() - ended < timedelta(hours=32)
    [dead_letter] = queue.dead_letters
    world.callback_receivers.answers = []
    queue.messages = [(dead_letter, 0)]  # as `darkroom redrive` does
    queue.run()
    assert world.metrics.total("CallbacksDelivered") == 1


def test_waits_grow_from_seconds_to_hours_and_vary() -> None:
    for attempt in range(1, MAX_ATTEMPTS):
        waits = {retry_after(attempt, random.Random(seed)) for seed in range(20)}  # noqa: S311
        assert len(waits) > 1
        assert 8 <= min(waits) <= max(waits) <= 5 * 3600 < 12 * 3600  # the limit of SQS
    assert retry_after(MAX_ATTEMPTS) == retry_after(MAX_ATTEMPTS + 1) == 0


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 429, 500, 503])
def test_any_other_status_than_2xx_and_410_is_tried_again(world: World, status: int) -> None:
    job = completed_job(world)
    world.callback_receivers.answers = [Answered(status)]

    sending = send(world, job.job_id, "JobCompleted")

    assert (sending.is_done, sending.answer) == (False, str(status))


def test_410_stops_the_callbacks_of_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    world, _, job = timed_out_job(2000)
    monkeypatch.setattr(send_callback, "app", lambda: world.app)
    callback = callbacks.Callback(url=URL)
    world.jobs.records[job.job_id] = world.job(job.job_id).model_copy(update={"callback": callback})
    world.callback_receivers.answers = [Answered(410)]

    assert send(world, job.job_id, "JobFailed").sent is Sent.STOPPED
    sweep_until_done(world, job)
    Queue(world, taken=len(world.events.published) - 1).run()

    assert len(world.callback_receivers.received) == 1
    [event] = world.events.of_type("JobRecovered")
    assert isinstance(event, JobEvent)
    assert not event.has_callback
    assert send(world, job.job_id, "JobFailed").sent is Sent.NOT_NEEDED


@pytest.mark.parametrize("timing", ["before", "after"])
@pytest.mark.parametrize("method", ["get", "post", "generation", "defer"])
def test_crash_at_any_call_loses_no_callback(world: World, method: str, timing: Any) -> None:
    completed_job(world)
    world.callback_receivers.answers = [UNAVAILABLE]
    queue = Queue(world)
    queue.route()
    message = queue.messages[0]
    world.crash_at.methods[method] = timing

    with pytest.raises(SimulatedCrashError):
        queue.attempt()
    queue.messages = [message]  # SQS delivers the message again
    queue.run()

    assert world.metrics.total("CallbacksDelivered") == 1
    assert len({each.headers["webhook-id"] for each in world.callback_receivers.received}) == 1


def test_error_in_one_message_does_not_hold_up_the_next(world: World) -> None:
    job = completed_job(world)
    bodies = [
        "no JSON",
        json.dumps({"detail-type": "JobCompleted", "detail": {}}),
        json.dumps(
            {
                "detail-type": "JobCompleted",
                "detail": {"job_id": job.job_id, "id": f"{job.job_id}.completed"},
            }
        ),
    ]
    records = [
        {"messageId": f"m{number}", "receiptHandle": f"r{number}", "body": body,
         "attributes": {"ApproximateReceiveCount": "1"}}
        for number, body in enumerate(bodies)
    ]  # fmt: skip

    response = send_callback.handler({"Records": records}, CONTEXT)

    failed = [failure["itemIdentifier"] for failure in response["batchItemFailures"]]
    assert failed == ["m0", "m1"]
    assert [receipt for receipt, _ in world.callback_queue.deferred] == ["r0", "r1"]
    assert len(world.callback_receivers.received) == 1


# Secrets


def test_every_caller_has_its_own_secret_of_256_bits() -> None:
    names = ["key:ada", "key:adam", "inbox", "events"]
    secrets = [secrets_of("master", name, SecretGeneration(), World().clock()) for name in names]

    assert len({each.secret for each in secrets}) == len(names)
    for each in secrets:
        assert each.secret.startswith("whsec_")
        assert len(Webhook(each.secret)._whsecret) == 32
        assert each.active == (each.secret,)


def test_both_secrets_verify_for_a_day_after_a_rotation(world: World) -> None:
    old = world.app.read_callback_secrets.run(TEST_CALLER.name).secret
    new = world.app.rotate_callback_secret.run(TEST_CALLER, TEST_CALLER.name)
    assert (new.previous, new.previous_until) == (old, world.clock() + timedelta(hours=24))
    assert new.secret != old

    job = completed_job(world)
    Queue(world).run()
    for secret in (old, new.secret):
        verify(world, received(world), secret)

    world.clock.advance(24 * 3600)
    send(world, job.job_id, "JobCompleted")
    last = world.callback_receivers.received[-1]
    verify(world, last, new.secret)
    with pytest.raises(WebhookVerificationError):
        verify(world, last, old)


def test_second_rotation_ends_the_first_secret_at_once(world: World) -> None:
    leaked = world.app.read_callback_secrets.run("key:ada").secret
    admin = Caller(name="key:root", can_read_all=True, key_id="0123456789ab")

    world.app.rotate_callback_secret.run(admin, "key:ada")
    secrets = world.app.rotate_callback_secret.run(admin, "key:ada")

    assert leaked not in secrets.active
    entries = [(e.act, e.object, e.name) for e in world.audit.entries]
    assert entries == [("callback-secret.rotated", "key:ada", "key:root")] * 2


V1_SECRET = "/v1/callback-secret"


def test_caller_reads_and_rotates_its_own_secret() -> None:
    ada = Client()

    first = ada.get(V1_SECRET)
    rotated = ada.send("POST", f"{V1_SECRET}/rotate")

    assert (first.status, rotated.status) == (200, 200)
    assert first.json["previous"] is None
    assert rotated.json["previous"] == first.json["secret"] != rotated.json["secret"]
    assert ada.get(V1_SECRET).json == rotated.json
    assert ada.as_("bob").get(V1_SECRET).json["secret"] not in rotated.json.values()
    wavespeed = ada.get("/api/v3/webhook/secret").json
    assert wavespeed == {
        "code": 200, "message": "success", "data": {"secret": rotated.json["secret"]},
    }  # fmt: skip


def test_admin_key_reads_the_secret_of_the_inbox_and_other_keys_only_their_own() -> None:
    ada = Client()
    root = ada.as_("root", "admin")

    secrets = {root.get(V1_SECRET, caller=name).json["secret"] for name in ("inbox", "key:ada")}

    assert ada.get(V1_SECRET).json["secret"] in secrets
    assert len(secrets) == 2
    assert ada.get(V1_SECRET, caller="inbox").status == 403
    assert ada.get(V1_SECRET, caller="key:ada").status == 200
    assert ada.send("POST", f"{V1_SECRET}/rotate", query={"caller": "inbox"}).status == 403
    assert root.get(V1_SECRET, caller="BATCH#1").status == 400
    assert ada.world.callback_secrets.generations == {}


@pytest.mark.parametrize("path", [V1_SECRET, "/api/v3/webhook/secret"])
def test_read_key_gets_no_secret(path: str) -> None:
    ada = Client(role="read")

    assert ada.get(path).status == 403
    assert ada.send("POST", f"{V1_SECRET}/rotate").status == 403


# Requests


@pytest.mark.parametrize("url", [
    "https://hooks.shop.test/x", "https://hooks.shop.test", "HTTPS://hooks.shop.test:443/a?b=c#d",
    "https://例え.テスト/a", "https://8.8.8.8/x",
])  # fmt: skip
def test_public_https_url_is_a_callback_url(world: World, url: str) -> None:
    job = world.accept_job(TEXT_TO_IMAGE | {"callback_url": url})

    assert job.callback is not None
    assert job.callback.url == url


BAD_URLS = [
    *(f"https://{host}/" for host in PRIVATE), *AMBIGUOUS, *OTHER_SCHEMES,
    "http://hooks.shop.test/", "https://hooks.shop.test:8443/", "https://hooks.shop.test:22/",
    "https://user:word@hooks.shop.test/", "http://127.0.0.1:8080/", "http://localhost/x",
    "https://hooks.shop.test/" + "x" * 2048, "hooks.shop.test", "",
]  # fmt: skip


@pytest.mark.parametrize("url", BAD_URLS, ids=short)
def test_other_url_is_refused_by_name_before_anything_is_stored(world: World, url: str) -> None:
    with pytest.raises(InvalidRequestError) as error:
        world.accept_job(TEXT_TO_IMAGE | {"callback_url": url})

    [problem] = error.value.problems
    assert problem.field == "callback_url"
    assert problem.message.startswith("`callback_url` ")
    assert world.jobs.records == {}


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/a?b", "http://localhost"])
def test_emulator_accepts_plain_urls_of_the_local_machine(url: str) -> None:
    world = World(local_callbacks=True)

    assert world.accept_job(TEXT_TO_IMAGE | {"callback_url": url}).callback


@pytest.mark.parametrize("url", [
    "http://127.0.0.1@evil.test/", "http://localhost.evil.test/", "http://127.0.0.2/",
    "http://localhost:80@evil.test/", "http://169.254.169.254/", "http://[::1]/", "http://0/",
    "http://localhost\\@evil.test/", " http://localhost/", "http://localhost/ x", "ftp://localhost/",
])  # fmt: skip
def test_emulator_accepts_no_other_url_without_tls(url: str) -> None:
    with pytest.raises(InvalidRequestError):
        World(local_callbacks=True).accept_job(TEXT_TO_IMAGE | {"callback_url": url})


def test_callback_url_of_the_key_is_the_default_of_its_requests(world: World) -> None:
    default = "https://hooks.default.test/x"
    ada = Client(world, callback_url=default)

    jobs = [ada.accept_job(body) for body in (TEXT_TO_IMAGE, BODY)]
    wavespeed = [world.job(wavespeed_job(ada)), world.job(wavespeed_job(ada, webhook=URL))]

    assert [job.callback and job.callback.url for job in jobs] == [default, URL]
    assert [(job.callback and job.callback.url) for job in wavespeed] == [default, URL]
    assert [bool(job.callback and job.callback.api_url) for job in wavespeed] == [False, True]


def test_changed_callback_url_of_a_key_is_no_conflict(world: World) -> None:
    first = Client(world, callback_url="https://a.test/").accept_job(Idempotency_Key="k")

    again = Client(world, callback_url="https://b.test/").accept_job(Idempotency_Key="k")

    assert again.job_id == first.job_id
    assert again.callback == first.callback


def test_rows_of_a_batch_have_the_callback_url_of_the_key(world: World) -> None:
    ada = Client(world, callback_url="https://hooks.default.test/x")
    source = upload_rows(world, [TEXT_TO_IMAGE, BODY], "key:ada")
    batch_id = ada.post("/v1/batches", {"source": source}).json["batch_id"]

    create_all_jobs(world, world.batches.records[batch_id])

    urls = {job.callback.url for job in world.jobs.records.values() if job.callback}
    assert urls == {"https://hooks.default.test/x", URL}


def test_changed_defaults_of_a_key_are_no_conflict_of_a_batch(world: World) -> None:
    source = upload_rows(world, [TEXT_TO_IMAGE], "key:ada")
    first = Client(world, callback_url="https://a.test/")

    batches = [
        client.post("/v1/batches", {"source": source}, Idempotency_Key="k")
        for client in (first, Client(world, callback_url="https://b.test/"), Client(world))
    ]

    assert [response.status for response in batches] == [202] * 3
    assert len({response.json["batch_id"] for response in batches}) == 1


def test_results_of_a_batch_omit_callback_urls(world: World) -> None:
    batch = running_batch(world, [{"prompt": "x", "callback_url": URL}])
    create_all_jobs(world, batch)
    for job_id in list(world.jobs.records):
        complete_job(world, job_id)

    world.app.collect_batch.run(batch.batch_id)

    [row] = result_rows(world, batch)
    assert row["status"] == "completed"
    assert row["request"] == SMALL_IMAGE | {"prompt": "x"}
    assert "sesame" not in str(world.batch_files.written)


def test_same_key_with_another_callback_url_is_a_conflict(world: World) -> None:
    job = world.accept_job(BODY)

    assert world.accept_job(BODY).job_id == job.job_id
    with pytest.raises(ConflictError):
        world.accept_job(BODY | {"callback_url": "https://hooks.shop.test/other"})
    with pytest.raises(ConflictError):
        world.accept_job(TEXT_TO_IMAGE)


def test_callback_url_is_in_no_response_event_log_or_manifest(world: World) -> None:
    ada = Client(world)
    with capture_logs() as logs:
        logging.getLogger().setLevel(logging.INFO)
        job = ada.accept_job(BODY)
        complete_job(world, job.job_id)
        world.callback_receivers.answers = [UNAVAILABLE, NoAnswer("ConnectError")]
        Queue(world).run()
        texts = [ada.get(f"/v1/jobs/{job.job_id}").text, ada.get("/v1/jobs").text]

    texts += [event.model_dump_json() for event in world.events.published]
    texts += [json.dumps(document) for document in world.assets.documents.values()]
    texts += [logs.getvalue(), *(entry.model_dump_json() for entry in world.audit.entries)]
    assert "send_callback" in logs.getvalue()
    assert not [text for text in texts if "sesame" in text or "hooks.shop" in text]


# WaveSpeed's format


def wavespeed_job(ada: Client, **query: str) -> str:
    response = ada.send("POST", T2I, body=json.dumps({"prompt": "x"}), query=query or None)
    assert response.status == 200, response.text
    job_id: str = response.json["data"]["id"]
    return job_id


def test_webhook_parameter_posts_the_prediction_with_the_providers_signature(world: World) -> None:
    ada = Client(world)
    job_id = wavespeed_job(ada, webhook=URL)
    complete_job(world, job_id)

    Queue(world).run()

    callback = received(world)
    assert callback.url == URL
    prediction = ada.get(f"/api/v3/predictions/{job_id}/result").json["data"]
    assert callback.json == prediction
    assert prediction["outputs"]
    secret = world.app.read_callback_secrets.run("key:ada").secret
    now = world.clock().timestamp()
    assert is_genuine(callback.headers, callback.body, [secret], now)
    assert callback.headers["webhook-id"] == job_id


def test_webhook_of_a_failed_prediction_has_status_and_error(world: World) -> None:
    job_id = wavespeed_job(Client(world), webhook=URL)
    submit_job(world, job_id)
    world.provider.predictions = [Failed(Code.PROVIDER_FAILED, "out of paint")]
    world.app.end_job.fail(job_id, Code.PROVIDER_FAILED)

    Queue(world).run()

    content = received(world).json
    assert (content["status"], content["outputs"], content["id"]) == ("failed", [], job_id)
    assert content["error"]


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "https://10.0.0.1/", "", "x"])
def test_bad_webhook_parameter_is_refused_by_its_name(world: World, url: str) -> None:
    ada = Client(world)

    response = ada.send("POST", T2I, body=json.dumps({"prompt": "x"}), query={"webhook": url})

    assert "`webhook` " in error_message(response, 400)
    assert world.jobs.records == {}


def test_late_result_of_a_failed_prediction_is_not_posted(world: World) -> None:
    world.provider.predictions = [Succeeded((OUTPUT,))]
    world.downloads.files = {OUTPUT: PNG}
    job_id = wavespeed_job(Client(world), webhook=URL)
    submit_job(world, job_id)
    world.app.end_job.fail(job_id, Code.DEADLINE_EXCEEDED)
    world.clock.advance(600)
    assert world.app.recover_job.run(world.job(job_id))

    Queue(world).run()

    assert [callback.json["status"] for callback in world.callback_receivers.received] == ["failed"]
