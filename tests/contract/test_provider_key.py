"""The provider key in Secrets Manager (moto): cached, and read again with `fresh=True`."""

import boto3
import pytest
from botocore.exceptions import ClientError
from mypy_boto3_secretsmanager import SecretsManagerClient

from darkroom.adapters.provider_key import ProviderKey
from tests.fakes.signals import StoppedClock


@pytest.fixture
def client(aws: None) -> SecretsManagerClient:
    client = boto3.client("secretsmanager")
    client.create_secret(Name="key", SecretString="wsk_old")
    return client


def provider_key(client: SecretsManagerClient, name: str = "key") -> ProviderKey:
    return ProviderKey(client, name, StoppedClock(), lambda _error: None)


def test_key_is_read_and_masked_in_text(client: SecretsManagerClient) -> None:
    key = provider_key(client).read()

    assert key.get_secret_value() == "wsk_old"
    assert "wsk" not in f"{key!r} {key}"


def test_fresh_read_returns_a_rotated_key(client: SecretsManagerClient) -> None:
    key = provider_key(client)
    key.read()
    client.put_secret_value(SecretId="key", SecretString="wsk_new")

    cached = key.read().get_secret_value()
    fresh = key.read(fresh=True).get_secret_value()

    assert (cached, fresh) == ("wsk_old", "wsk_new")
    assert key.read().get_secret_value() == "wsk_new"


def test_known_key_stays_in_use_while_reads_are_throttled(
    client: SecretsManagerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, reported = StoppedClock(), list[Exception]()
    key = ProviderKey(client, "key", clock, reported.append)
    key.read()

    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "GetSecretValue")

    monkeypatch.setattr(client, "get_secret_value", refuse)
    clock.advance(300)

    assert key.read().get_secret_value() == "wsk_old"
    assert key.read(fresh=True).get_secret_value() == "wsk_old"
    assert len(reported) == 2


@pytest.mark.parametrize("pasted", ["wsk_1\n", " wsk_1 ", "wsk_1\r\n"])
def test_white_space_around_the_key_is_removed(client: SecretsManagerClient, pasted: str) -> None:
    client.put_secret_value(SecretId="key", SecretString=pasted)

    assert provider_key(client).read().get_secret_value() == "wsk_1"


def test_binary_secret_is_read(client: SecretsManagerClient) -> None:
    client.create_secret(Name="binary", SecretBinary=b"wsk_2")

    assert provider_key(client, "binary").read().get_secret_value() == "wsk_2"
