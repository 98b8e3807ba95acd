"""The provider key in Secrets Manager (moto): cached, and read again with `fresh=True`."""

import boto3
import pytest
from mypy_boto3_secretsmanager import SecretsManagerClient

from darkroom.adapters.provider_key import ProviderKey


@pytest.fixture
def client(aws: None) -> SecretsManagerClient:
    client = boto3.client("secretsmanager")
    client.create_secret(Name="key", SecretString="wsk_old")
    return client


def test_key_is_read_and_masked_in_text(client: SecretsManagerClient) -> None:
    key = ProviderKey(client, "key").read()

    assert key.get_secret_value() == "wsk_old"
    assert "wsk" not in f"{key!r} {key}"


def test_fresh_read_returns_a_rotated_key(client: SecretsManagerClient) -> None:
    key = ProviderKey(client, "key")
    key.read()
    client.put_secret_value(SecretId="key", SecretString="wsk_new")

    cached = key.read().get_secret_value()
    fresh = key.read(fresh=True).get_secret_value()

    assert (cached, fresh) == ("wsk_old", "wsk_new")
    assert key.read().get_secret_value() == "wsk_new"


@pytest.mark.parametrize("pasted", ["wsk_1\n", " wsk_1 ", "wsk_1\r\n"])
def test_white_space_around_the_key_is_removed(client: SecretsManagerClient, pasted: str) -> None:
    client.put_secret_value(SecretId="key", SecretString=pasted)

    assert ProviderKey(client, "key").read().get_secret_value() == "wsk_1"


def test_binary_secret_is_read(client: SecretsManagerClient) -> None:
    client.create_secret(Name="binary", SecretBinary=b"wsk_2")

    assert ProviderKey(client, "binary").read().get_secret_value() == "wsk_2"
