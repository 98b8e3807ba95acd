"""The state that waits for a webhook: what it writes is what the functions read."""

from darkroom.adapters import items
from darkroom.domain.job import Job, Status
from tests.infra.template import definition, properties

LISTEN = definition()["States"]["WaitForWebhook"]


def test_a_wait_ends_with_a_webhook_or_in_time_and_then_the_provider_is_asked() -> None:
    assert LISTEN["Resource"] == "arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken"
    assert LISTEN["TimeoutSeconds"] == "{% $states.input.wait_seconds %}"
    assert "Retry" not in LISTEN  # whatever happened, Check is what follows
    (catch,) = LISTEN["Catch"]
    assert catch["ErrorEquals"] == ["States.ALL"]
    assert LISTEN["Next"] == catch["Next"] == "Check"
    # Neither the item, nor an error that may quote it, goes on.
    assert LISTEN["Output"] == catch["Output"] == "{% $states.input %}"


def test_what_listens_leaves_its_token_on_the_jobs_own_record() -> None:
    given = LISTEN["Arguments"]
    key = items.job_key("cmjb2hb7562g6nkk3rro3j6g5c")
    prefix, job_id = key["pk"]["S"].split("#")

    assert given["TableName"] == "${TableName}"
    assert properties("ImageJobStateMachine")["DefinitionSubstitutions"]["TableName"] == {
        "Ref": "Table"
    }
    assert given["Key"]["pk"] == {"S": f"{{% '{prefix}#' & $states.input.job_id %}}"}
    assert given["Key"]["sk"] == key["sk"]
    assert set(given["Key"]) == {"pk", "sk"}
    assert job_id == "cmjb2hb7562g6nkk3rro3j6g5c"


def test_what_listens_knows_the_fields_and_the_words_of_a_record() -> None:
    given = LISTEN["Arguments"]
    values, names = given["ExpressionAttributeValues"], given["ExpressionAttributeNames"]

    assert given["UpdateExpression"] == "SET wake_token = :token"
    # One that came before this is not waited for; a job that is not with the provider neither.
    assert given["ConditionExpression"] == (
        "#status = :submitted AND attribute_not_exists(woken_at)"
    )
    assert {"wake_token", "woken_at", *names.values()} <= Job.model_fields.keys()
    assert values == {
        ":token": {"S": "{% $states.context.Task.Token %}"},
        ":submitted": {"S": str(Status.SUBMITTED)},
    }
    assert "ReturnValues" not in given  # the record would be in the history
    for field in ("wake_token", "woken_at"):
        assert Job.model_fields[field].default is None  # a record leaves out what is None
