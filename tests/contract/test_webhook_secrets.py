"""WebhookSecrets caches the secret, keeps older secrets over a rotation and limits its requests."""

from dataclasses import dataclass, field

import pytest

from darkroom.adapters.wavespeed.webhook_secrets import WebhookSecrets


@dataclass
class Source:
    """A source with the current secret that counts its requests."""

    secret: str | None = "one"
    requests: int = 0

    def webhook_secret(self) -> str | None:
        self.requests += 1
        return self.secret


@dataclass
class Clock:
    time: float = 1000.0

    def __call__(self) -> float:
        return self.time


@dataclass
class CachedSecrets:
    """A WebhookSecrets instance with its source and clock."""

    source: Source = field(default_factory=Source)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.secrets = WebhookSecrets(self.source, self.clock)

    def read(self, max_age: float = 300, after: float = 0) -> list[str]:
        self.clock.time += after
        return self.secrets.read(max_age)


def test_secret_is_requested_again_after_300_seconds() -> None:
    cache = CachedSecrets()
    assert [cache.read(after=100) for _ in range(4)] == [["one"]] * 4
    assert cache.source.requests == 1

    cache.source.secret = "two"

    assert cache.read(after=1) == ["two", "one"]
    assert cache.source.requests == 2


def test_shorter_maximum_age_requests_sooner() -> None:
    cache = CachedSecrets()
    cache.read()
    cache.source.secret = "two"

    assert [cache.read(30, after=30), cache.source.requests] == [["one"], 1]
    assert [cache.read(30, after=1), cache.source.requests] == [["two", "one"], 2]


def test_many_reads_do_not_add_requests() -> None:
    cache = CachedSecrets()

    for _ in range(600):
        cache.read()
        cache.read(30, after=0.1)

    assert cache.source.requests == 2


def test_three_newest_secrets_are_kept() -> None:
    cache = CachedSecrets()
    for name in ("one", "two", "two", "three", "four"):
        cache.source.secret = name
        cache.read(after=301)

    assert cache.read() == ["four", "three", "two"]


@pytest.mark.parametrize("known", [["one"], []])
def test_known_secrets_are_kept_while_the_provider_fails(known: list[str]) -> None:
    cache = CachedSecrets(Source("one" if known else None))
    cache.read()
    cache.source.secret = None

    assert cache.read(after=301) == known
    assert cache.read(30, after=31) == known


def test_failed_request_is_repeated_on_the_next_read() -> None:
    cache = CachedSecrets(Source(None))
    cache.read()
    cache.source.secret = "one"

    assert cache.read(30, after=31) == ["one"]
