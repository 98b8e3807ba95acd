"""The state WaitForWebhook: its token write matches the fields that the functions read."""

from darkroom.adapters.dynamodb import items
from darkroom.domain.job import Job, Status
from tests.infra.template import definition, properties

WAIT_FOR_WEBHOOK = definition()["States"]["WaitForWebhook"]


def test_wait_has_a_timeout_and_is_followed_by_finalize() -> None:
    assert (
        WAIT_FOR_WEBHOOK["Resource"]
        == "arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken"
    )
    assert WAIT_FOR_WEBHOOK["TimeoutSeconds"] == "{% $states.input.wait_seconds %}"
    assert "Retry" not in WAIT_FOR_WEBHOOK  # Finalize follows in every case
    (catch,) = WAIT_FOR_WEBHOOK["Catch"]
    assert catch["ErrorEquals"] == ["States.ALL"]
    assert WAIT_FOR_WEBHOOK["Next"] == catch["Next"] == "Finalize"
    # Neither the item nor an error that can contain it is passed on.
    assert WAIT_FOR_WEBHOOK["Output"] == catch["Output"] == "{% $states.input %}"


def test_token_is_written_to_the_job_record() -> None:
    arguments = WAIT_FOR_WEBHOOK["Arguments"]
    key = items.job_key("cmjb2hb7562g6nkk3rro3j6g5c")
    prefix, job_id = key["pk"]["S"].split("#")

    assert arguments["TableName"] == "${TableName}"
    assert properties("ImageJobStateMachine")["DefinitionSubstitutions"]["TableName"] == {
        "Ref": "Table"
    }
    assert arguments["Key"]["pk"] == {"S": f"{{% '{prefix}#' & $states.input.job_id %}}"}
    assert arguments["Key"]["sk"] == key["sk"]
    assert set(arguments["Key"]) == {"pk", "sk"}
    assert job_id == "cmjb2hb7562g6nkk3rro3j6g5c"


def test_update_uses_fields_and_statuses_of_a_job() -> None:
    arguments = WAIT_FOR_WEBHOOK["Arguments"]
    values, names = arguments["ExpressionAttributeValues"], arguments["ExpressionAttributeNames"]

    assert arguments["UpdateExpression"] == "SET wake_token = :token"
    # Do not wait if the webhook has arrived or the job is not submitted.
    assert arguments["ConditionExpression"] == (
        "#status = :submitted AND attribute_not_exists(woken_at)"
    )
    assert {"wake_token", "woken_at", *names.values()} <= Job.model_fields.keys()
    assert values == {
        ":token": {"S": "{% $states.context.Task.Token %}"},
        ":submitted": {"S": str(Status.SUBMITTED)},
    }
    assert "ReturnValues" not in arguments  # the record would be in the execution history
    for field in ("wake_token", "woken_at"):
        assert Job.model_fields[field].default is None  # a record omits None fields
