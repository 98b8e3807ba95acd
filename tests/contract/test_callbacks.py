"""Callbacks over TLS to a local receiver; secrets in DynamoDB and Secrets Manager (moto)."""

import ssl
import time
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import boto3
import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.adapters.callback_queue import SqsCallbackQueue
from darkroom.adapters.callback_receivers import HttpReceivers, pinned_transport
from darkroom.adapters.dynamodb.callback_secrets import CallbackSecretTable
from darkroom.domain.callbacks import SecretGeneration
from darkroom.ports import Answered, CallbackSecretStore, NoAnswer
from tests.contract.cdn_server import NAME, ScriptedDns, self_signed_certificate
from tests.contract.conftest import TABLE
from tests.contract.connections import Addresses, redirect_public
from tests.fakes.callbacks import InMemoryCallbackSecrets
from tests.fakes.signals import StoppedClock
from tests.unit.test_ssrf import AMBIGUOUS, PRIVATE, short

URL = f"https://{NAME}/hook?token=sesame"
PUBLIC, OTHER_PUBLIC = "8.8.8.8", "2606:4700::1111"
BODY, HEADERS = b'{"type": "JobCompleted"}', {"webhook-id": "job.completed"}


class Receiver:
    """A TLS server. `answer` writes the response to a request."""

    def __init__(self, folder: Path) -> None:
        receiver, self.requests = self, list[tuple[str, dict[str, str], bytes]]()
        self.answer: Callable[[BaseHTTPRequestHandler], object] = status(204)
        self.closed = Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.requests.append((self.path, headers, body))
                receiver.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self_signed_certificate(folder))
        self.tls_context = ssl.create_default_context(cafile=str(folder / "site.pem"))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.plain_port = self.port = self._server.server_port
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def post(
        self, url: str = URL, *addresses: list[str], seconds: float = 5, local: bool = False
    ) -> Answered | NoAnswer:
        dns = ScriptedDns(*(addresses or ([PUBLIC],)))
        transport = pinned_transport(self.tls_context, dns, seconds)
        receivers = HttpReceivers(transport, allows_local=local)
        with receivers._client:
            return receivers.post(url, BODY, HEADERS)

    def close(self) -> None:
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()


def status(code: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()

    return answer


@pytest.fixture(scope="module")
def shared_receiver(tmp_path_factory: pytest.TempPathFactory) -> Generator[Receiver]:
    receiver = Receiver(tmp_path_factory.mktemp("receiver"))
    yield receiver
    receiver.close()


@pytest.fixture
def receiver(shared_receiver: Receiver) -> Receiver:
    shared_receiver.requests.clear()
    shared_receiver.answer = status(204)
    return shared_receiver


@pytest.fixture(autouse=True)
def connected(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> Addresses:
    """Record connection addresses; connections to public addresses go to the receiver."""
    return redirect_public(monkeypatch, receiver.port)


def test_body_and_headers_arrive_unchanged_at_the_checked_address(
    receiver: Receiver, connected: Addresses
) -> None:
    assert receiver.post() == Answered(204)

    assert connected == [(PUBLIC, 443)]
    [(path, headers, body)] = receiver.requests
    assert (path, body) == ("/hook?token=sesame", BODY)
    assert headers["host"] == NAME
    assert headers["webhook-id"] == "job.completed"
    assert headers["content-type"] == "application/json"
    assert "authorization" not in headers


@pytest.mark.parametrize("code", [200, 202, 299, 400, 410, 429, 503])
def test_status_is_returned(receiver: Receiver, code: int) -> None:
    receiver.answer = status(code)

    assert receiver.post() == Answered(code)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["https://cdn.test/other", "http://169.254.169.254/", "/x"])
def test_redirect_is_not_followed(receiver: Receiver, code: int, location: str) -> None:
    receiver.answer = status(code, Location=location)

    assert receiver.post() == Answered(code)
    assert len(receiver.requests) == 1


def test_endless_body_is_not_read(receiver: Receiver) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        status(200)(request)
        while not receiver.closed.is_set():
            request.wfile.write(b"x" * 65_536)  # fails when the connection is closed

    receiver.answer = answer

    assert receiver.post() == Answered(200)


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200 OK\r\n"])
def test_silent_receiver_is_abandoned(receiver: Receiver, part: bytes) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(part)
        receiver.closed.wait()

    receiver.answer = answer

    assert receiver.post(seconds=0.5) == NoAnswer("timeout")


def test_receiver_that_sends_single_bytes_is_abandoned(receiver: Receiver) -> None:
    """Each read succeeds, so only the total time ends the attempt."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
        while not receiver.closed.wait(0.01):
            request.wfile.write(b"x")

    receiver.answer = answer
    start = time.monotonic()

    assert receiver.post(seconds=0.5) == NoAnswer("timeout")
    assert time.monotonic() - start < 5


def test_receiver_that_did_not_answer_is_paused_and_others_are_not(receiver: Receiver) -> None:
    clock = StoppedClock()
    receiver.answer = lambda _: receiver.closed.wait()
    receivers = HttpReceivers(
        pinned_transport(receiver.tls_context, ScriptedDns([PUBLIC]), 0.3),
        monotonic=lambda: clock().timestamp(),
    )
    with receivers._client:
        assert receivers.post(URL, BODY, HEADERS) == NoAnswer("timeout")
        receiver.answer = status(204)
        paused = receivers.post(f"https://{NAME}/hook?token=other", BODY, HEADERS)
        other = receivers.post(f"https://{NAME}/other", BODY, HEADERS)
        clock.advance(31)
        later = receivers.post(URL, BODY, HEADERS)

    assert isinstance(paused, NoAnswer)
    assert paused.reason.startswith("paused")
    assert (other, later) == (Answered(204), Answered(204))


def test_closed_connection_and_wrong_certificate_are_no_answer(receiver: Receiver) -> None:
    receiver.answer = lambda request: request.connection.close()
    broken = receiver.post()

    wrong_name = receiver.post("https://other.test/")

    assert isinstance(broken, NoAnswer)
    assert wrong_name == NoAnswer("ConnectError")
    assert len(receiver.requests) == 1


# Server-side request forgery


@pytest.mark.parametrize(
    "private_address",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1",  # noqa: S104
     "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "2002:7f00:1::", "fe80::1",
     "fd00:ec2::254", "224.0.0.1"],
)  # fmt: skip
@pytest.mark.parametrize("others", [[], [PUBLIC], [OTHER_PUBLIC, PUBLIC]], ids=len)
def test_one_private_address_prevents_any_connection(
    receiver: Receiver, private_address: str, others: list[str], connected: Addresses
) -> None:
    for addresses in ([private_address, *others], [*others, private_address]):
        assert receiver.post(URL, addresses) == NoAnswer("the address is not public")

    assert connected == []


def test_name_is_resolved_and_checked_anew_for_each_attempt(
    receiver: Receiver, connected: Addresses
) -> None:
    dns = ScriptedDns([PUBLIC], ["127.0.0.1"])
    receivers = HttpReceivers(pinned_transport(receiver.tls_context, dns))
    with receivers._client:
        first, second = (receivers.post(URL, BODY, HEADERS) for _ in range(2))

    assert (first, second) == (Answered(204), NoAnswer("the address is not public"))
    assert dns.queries == [NAME, NAME]
    assert connected == [(PUBLIC, 443)]


@pytest.mark.parametrize("url", [
    *(f"https://{host}/" for host in PRIVATE), *AMBIGUOUS, "http://cdn.test/",
    "https://cdn.test:8443/", "https://user:word@cdn.test/", "http://127.0.0.1/",
    "http://localhost/", "https://127.0.0.1/", "ftp://cdn.test/",
], ids=short)  # fmt: skip
def test_url_of_a_record_is_checked_again(
    receiver: Receiver, url: str, connected: Addresses
) -> None:
    assert isinstance(receiver.post(url), NoAnswer)
    assert connected == []


def test_url_of_this_machine_is_called_on_an_emulator_only(
    receiver: Receiver, connected: Addresses
) -> None:
    url = f"http://127.0.0.1:{receiver.plain_port}/"

    assert receiver.post(url, ["127.0.0.1"]) == NoAnswer("the URL is not allowed")
    assert connected == []
    receiver.post(url, ["127.0.0.1"], local=True)  # the receiver speaks TLS only
    assert connected == [("127.0.0.1", receiver.plain_port)]
    # An emulator calls no other private address either.
    assert receiver.post("http://10.0.0.1/", local=True) == NoAnswer("the URL is not allowed")
    assert receiver.post(URL, ["10.0.0.1"], local=True) == NoAnswer("the address is not public")


# Secrets and queue


@pytest.fixture(params=["memory", "dynamodb"])
def secrets(request: pytest.FixtureRequest) -> CallbackSecretStore:
    if request.param == "memory":
        return InMemoryCallbackSecrets()
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    manager = boto3.client("secretsmanager")
    manager.create_secret(Name="callback-master", SecretString="master")
    return CallbackSecretTable(
        client, TABLE, manager, "callback-master", StoppedClock(), lambda _error: None
    )


def test_each_rotation_counts_for_its_caller_only(secrets: CallbackSecretStore) -> None:
    clock = StoppedClock()
    assert secrets.master() == "master"
    assert secrets.generation("key:ada") == SecretGeneration()

    secrets.rotate("key:ada", clock())
    clock.advance(60)
    secrets.rotate("key:ada", clock())

    assert secrets.generation("key:ada") == SecretGeneration(number=2, rotated_at=clock())
    assert secrets.generation("key:bob") == SecretGeneration()


def test_deferred_message_is_hidden_for_its_wait(aws: None) -> None:
    client = boto3.client("sqs")
    url = client.create_queue(QueueName="callbacks")["QueueUrl"]
    client.send_message(QueueUrl=url, MessageBody="x")
    [message] = client.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
    queue = SqsCallbackQueue(client, url)

    queue.defer(message["ReceiptHandle"], 600)
    hidden = client.receive_message(QueueUrl=url).get("Messages", [])
    queue.defer(message["ReceiptHandle"], 0)
    [again] = client.receive_message(QueueUrl=url)["Messages"]

    assert hidden == []
    assert again["MessageId"] == message["MessageId"]
