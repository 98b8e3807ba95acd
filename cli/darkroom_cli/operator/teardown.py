"""Delete a stack, and by default the table and the buckets that CloudFormation keeps."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from darkroom_cli.operator.stack import Stack

_GONE = {"NoSuchBucket", "ResourceNotFoundException"}


@dataclass(frozen=True)
class Data:
    """The resources with data: DeletionPolicy RetainExceptOnCreate keeps them."""

    table: str
    buckets: tuple[str, ...]

    def __str__(self) -> str:
        """Return the names as text."""
        return f"the table {self.table} and the buckets {' and '.join(self.buckets)}"


def data_of(stack: Stack) -> Data:
    """Return the data of a stack. Raises CliError if the stack is not Darkroom's."""
    buckets = tuple(stack.output(name) for name in ("AssetsBucketName", "InboxBucketName"))
    return Data(stack.output("TableName"), buckets)


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
    _unless_gone(partial(stack.client("dynamodb").delete_table, TableName=data.table))
    say(f"deleted the table {data.table}")


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
