"""The stack's functions by their names in the template, and their environment variables."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from local.errors import LocalError
from local.stack import Stack
from local.warmup import EVENT

type Variables = Mapping[str, str]

AWS_URL = "AWS_ENDPOINT_URL"
PROVIDER_URL = "PROVIDER_URL"
_SUFFIX = "Function"


class Functions:
    """Functions by short name: `Submit` is the template resource SubmitFunction."""

    def __init__(self, stack: Stack) -> None:
        resources = stack.client("cloudformation").describe_stack_resources(
            StackName=stack.stack_name
        )["StackResources"]
        self.deployed: dict[str, str] = {
            resource["LogicalResourceId"].removesuffix(_SUFFIX): resource["PhysicalResourceId"]
            for resource in resources
            if resource["ResourceType"] == "AWS::Lambda::Function"
        }
        self._short = {name: short for short, name in self.deployed.items()}
        self._client = stack.client("lambda")

    def short(self, deployed: str) -> str:
        """Return the short name of a deployed function."""
        return self._short.get(deployed, deployed)

    def select(self, names: Iterable[str] | None) -> tuple[str, ...]:
        """Return these short names, or all if None. Raise LocalError for an unknown name."""
        selected = tuple(self.deployed if names is None else names)
        if missing := sorted(set(selected) - set(self.deployed)):
            raise LocalError(f"the stack has no function {', '.join(missing)}")
        return selected

    def variables(self, name: str) -> dict[str, str]:
        """Return the configured environment variables of a function."""
        configuration = self._client.get_function_configuration(FunctionName=self.deployed[name])
        return dict(configuration.get("Environment", {}).get("Variables", {}))

    @contextmanager
    def environment(self, changes: Mapping[str, Variables]) -> Iterator[None]:
        """Add or replace environment variables and warm the functions up; restore on exit.

        The emulator stops a function's workers when its configuration changes, busy ones included.
        Enter and leave while no job runs, or some steps run twice.
        """
        before = {name: self.variables(name) for name in changes}
        try:
            _for_each(changes, lambda name: self._set(name, {**before[name], **changes[name]}))
            self.warm(changes)
            yield
        finally:
            _for_each(changes, lambda name: self._set(name, before[name]))

    def restart(self, names: Iterable[str]) -> None:
        """Stop the workers of functions, so that the next call starts with empty caches."""
        _for_each(names, lambda name: self._set(name, self.variables(name)))

    def warm(self, names: Iterable[str]) -> None:
        """Invoke each function once, so that none is cold."""
        _for_each(names, lambda name: self.invoke(name, EVENT))

    def invoke(self, name: str, event: object, *, kind: str = "RequestResponse") -> Any:
        """Invoke a function. Return boto3's response."""
        payload = json.dumps(event)
        deployed = self.deployed[name]
        return self._client.invoke(FunctionName=deployed, Payload=payload, InvocationType=kind)

    def _set(self, name: str, variables: Variables) -> None:
        environment: Any = {"Variables": dict(variables)}
        self._client.update_function_configuration(
            FunctionName=self.deployed[name], Environment=environment
        )


def _for_each(names: Iterable[str], action: Callable[[str], object]) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(action, names))
