"""A deployed stack: its outputs, its functions, and boto3 clients of its account."""

from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from darkroom_cli.errors import CliError, Exit
from darkroom_cli.target import local_stack

# A function may run for 15 minutes; a retry would invoke it a second time.
INVOKE_CONFIG = Config(read_timeout=900, retries={"total_max_attempts": 1})


class Stack:
    """A stack in an AWS account, or in the emulator at `url`."""

    def __init__(self, session: Any, name: str, url: str | None = None) -> None:
        self.name = name
        self._session = session
        self._url = url

    def client(self, service: str) -> Any:
        """Return a boto3 client of the stack's account."""
        config = INVOKE_CONFIG if service == "lambda" else None
        return self._session.client(service, endpoint_url=self._url, config=config)

    def description(self) -> str:
        """Return the description of the stack's template."""
        (stack,) = self._describe()
        return str(stack.get("Description", ""))

    def output(self, name: str) -> str:
        """Return an output of the stack. Raises CliError if the stack is not Darkroom's."""
        for output in self._describe()[0].get("Outputs", []):
            if output["OutputKey"] == name:
                return str(output["OutputValue"])
        message = f"{self.name} is not a Darkroom stack: it has no output {name}."
        raise CliError(Exit.NO_TARGET, message)

    def resources(self, kind: str) -> dict[str, str]:
        """Return the names of the resources of a type, by logical id.

        A stack whose creation failed has no outputs, but it has resources.
        """
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages.paginate(StackName=self.name)
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == kind and resource.get("PhysicalResourceId")
        }

    def functions(self) -> set[str]:
        """Return the names of the stack's functions."""
        return set(self.resources("AWS::Lambda::Function").values())

    def _describe(self) -> Any:
        formation = self.client("cloudformation")
        try:
            return formation.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            message = f"There is no stack {self.name} in {self._session.region_name}."
            hint = "Check the name, the region and the account."
            raise CliError(Exit.NO_TARGET, message, hint) from None


def find(name: str | None, folder: Path) -> Stack:
    """Return the stack of this name on AWS; without a name, the local stack of the checkout."""
    if name:
        return Stack(boto3.Session(), name)
    local = local_stack(folder)
    if not local:
        hint = "Run `make up` in this checkout, or name a stack on AWS: --stack NAME"
        raise CliError(Exit.NO_TARGET, "No local stack is up.", hint)
    try:
        session = boto3.Session(
            local["access_key_id"], local["secret_access_key"], region_name=local["region"]
        )
        return Stack(session, local["stack_name"], local["emulator_url"])
    except KeyError as error:
        message = f".local/stack.json has no {error.args[0]}."
        raise CliError(Exit.NO_TARGET, message, "Start the local stack: make up") from None
