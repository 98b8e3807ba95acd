"""The parameters of the stack: described, used, and limited to values that the settings accept."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter

from darkroom.settings import Settings
from infra.expand import Resolver
from local.built_template import load_template
from tests.infra.template import GATEWAY, ROOT, parameters, template

VARIABLES: dict[str, Any] = template()["Globals"]["Function"]["Environment"]["Variables"]
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:on-call"
# Valid and invalid values per parameter with a pattern.
VALUES = {
    "AlarmTopicArn": (
        ["", TOPIC, TOPIC.replace("arn:aws", "arn:aws-us-gov")],
        ["on-call", TOPIC.replace("sns", "sqs")],
    ),
    "KmsKeyArn": (
        ["", KEY, KEY.replace("arn:aws", "arn:aws-cn"), KEY.replace("1234abcd", "mrk-1234")],
        ["alias/images", KEY.replace("key/", "alias/"), KEY.replace("kms", "iam")],
    ),
    "AllowedOrigin": (
        ["", "https://example.com", "http://localhost:5173"],
        ["*", "example.com", "https://a.com/", "https://a.com,https://b.com", "https://a'"],
    ),
    "Webhooks": (
        ["on", "off", "https://my.example.com/darkroom/v2", "http://127.0.0.1:4600/restapis/abc"],
        ["", "my.example.com", "https://my.example.com/", "https://a.com/?a=b", "https://a.com#a"],
    ),
    "ProviderUrl": (
        ["https://api.wavespeed.ai", "http://127.0.0.1:9000", "http://localhost"],
        ["", "http://api.wavespeed.ai", "api.wavespeed.ai"],
    ),
}


def values_of(variable: Any) -> Iterator[object]:
    """Yield the values that a variable can have: the limits of the parameters that it uses."""
    match variable:
        case {"Ref": name} if name in parameters():
            parameter = parameters()[name]
            yield from parameter.get("AllowedValues", [])
            yield from (
                parameter[key] for key in ("Default", "MinValue", "MaxValue") if key in parameter
            )
        case {"Fn::If": [_, *branches]}:
            for branch in branches:
                yield from values_of(branch)
        case {"Fn::FindInMap": [mapping, _, name]}:
            yield from (row[name] for row in template()["Mappings"][mapping].values())


@pytest.mark.parametrize("name", Settings.model_fields)
def test_parameter_limits_are_valid_settings(name: str) -> None:
    """Checked at both ends of each range, at each allowed value and for each tier."""
    adapter: TypeAdapter[Any] = TypeAdapter(Settings.model_fields[name].annotation or str)

    for value in values_of(VARIABLES[name.upper()]):
        adapter.validate_python(str(value))  # environment variables are text


@pytest.mark.parametrize("name", [n for n, p in parameters().items() if "AllowedPattern" in p])
def test_invalid_value_is_refused_by_the_pattern(name: str) -> None:
    pattern = re.compile(parameters()[name]["AllowedPattern"])
    valid, invalid = VALUES[name]

    assert [value for value in valid if not pattern.fullmatch(value)] == []
    assert [value for value in invalid if pattern.fullmatch(value)] == []


@pytest.mark.parametrize("file", ["template.yaml", "infra/observability.yaml"])
def test_parameter_is_described_and_used(file: str) -> None:
    text = (ROOT / file).read_text() + GATEWAY.read_text()

    for name, parameter in load_template(ROOT / file)["Parameters"].items():
        assert parameter["Description"]
        assert re.search(rf"Ref:? {name}\b|{{{name}}}", text), name


def test_record_is_kept_longer_than_step_functions_reserves_its_name() -> None:
    """A deleted record would let its job id be used again, for which no execution could start."""
    assert parameters()["RecordRetentionDays"]["MinValue"] == 90 + 1
    for day in (date(2026, 11, 30), date(2028, 2, 29)):  # of the longest value, in seconds
        start = datetime.combine(day, time(), UTC)
        expiry = start + timedelta(days=parameters()["RecordRetentionDays"]["MaxValue"])
        assert int(expiry.timestamp()) < 2**53


def test_images_uploads_and_their_records_are_kept_by_default() -> None:
    defaults = {name: p["Default"] for name, p in parameters().items() if "Retention" in name}

    assert (defaults["AssetRetentionDays"], defaults["InboxRetentionDays"]) == (0, 0)
    assert defaults["RecordRetentionDays"] >= 3650


def test_every_parameter_is_in_a_group_and_only_the_key_has_no_default() -> None:
    interface = template()["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]

    assert sorted(grouped) == sorted(parameters())
    assert [n for n, p in parameters().items() if "Default" not in p] == ["ProviderApiKey"]


def test_optional_resources_are_absent_by_default() -> None:
    """A parameter is text, also one of type Number, so text is compared with text."""
    default = Resolver(template(), "images", "eu-central-1", "123456789012")
    resources = template()["Resources"].values()

    conditions = {r["Condition"] for r in resources if "Condition" in r}
    assert {condition for condition in conditions if default.holds(condition)} == {"OnAws"}
