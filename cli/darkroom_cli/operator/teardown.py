"""Delete a stack, and by default the table and the buckets that CloudFormation keeps."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from darkroom_cli.errors import CliError, Exit
from darkroom_cli.operator.stack import Stack

_DESCRIPTION = "Darkroom:"  # begins the description of the template
_BUCKETS = ("AssetsBucket", "InboxBucket")
_GONE = {"NoSuchBucket", "ResourceNotFoundException"}


@dataclass(frozen=True)
class Data:
    """The resources with data, which CloudFormation keeps when it deletes the stack."""

    tables: tuple[str, ...]
    buckets: tuple[str, ...]

    def __str__(self) -> str:
        """Return the names as text."""
        names = [f"the table {name}" for name in self.tables]
        names += [f"the bucket {name}" for name in self.buckets]
        return " and ".join(names) or "no data"


def data_of(stack: Stack) -> Data:
    """Return the data of a stack. Raises CliError if the stack is not Darkroom's.

    A stack whose creation failed has only some of the resources.
    """
    if not stack.description().startswith(_DESCRIPTION):
        raise CliError(Exit.NO_TARGET, f"{stack.name} is not a Darkroom stack.")
    kinds = ("AWS::DynamoDB::Table", "AWS::S3::Bucket")
    tables, buckets = map(stack.resources, kinds)
    # A bucket with the audit log is kept: nothing can delete its locked objects.
    ours = tuple(buckets[name] for name in _BUCKETS if name in buckets)
    return Data(tuple(tables.values()), ours)


def destroy(stack: Stack, data: Data, *, keep_data: bool, say: Callable[[str], None]) -> None:
    """Delete the stack and wait for its end; then delete the data, unless it is kept."""
    formation = stack.client("cloudformation")
    formation.delete_stack(StackName=stack.name)
    formation.get_waiter("stack_delete_complete").wait(StackName=stack.name)
    say(f"deleted the stack {stack.name}")
    if keep_data:
        say(f"kept {data}")
        return
    s3 = stack.client("s3")
    for bucket in data.buckets:
        _unless_gone(partial(_delete_bucket, s3, bucket))
        say(f"deleted the bucket {bucket}")
    for table in data.tables:
        _unless_gone(partial(_delete_table, stack.client("dynamodb"), table))
        say(f"deleted the table {table}")


def _delete_table(dynamodb: Any, table: str) -> None:
    """Disable the deletion protection of a table, and delete the table."""
    description = dynamodb.describe_table(TableName=table)["Table"]
    if description.get("DeletionProtectionEnabled"):
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
        dynamodb.get_waiter("table_exists").wait(TableName=table)
    dynamodb.delete_table(TableName=table)


def _delete_bucket(s3: Any, bucket: str) -> None:
    """Delete a bucket with all versions of its objects."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        objects = [
            {"Key": version["Key"], "VersionId": version["VersionId"]}
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        ]
        if objects:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    s3.delete_bucket(Bucket=bucket)


def _unless_gone(delete: Callable[[], object]) -> None:
    try:
        delete()
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise
