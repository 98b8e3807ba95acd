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

_SUFFIX = "Function"


class Functions:
    """Functions by short name: `Submit` is the resource SubmitFunction, however it is called."""

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
        """The short name of a function as it is deployed."""
        return self._short.get(deployed, deployed)

    def choose(self, names: Iterable[str] | None) -> tuple[str, ...]:
        """These short names, or all there are; a LocalError for one that is not there."""
        chosen = tuple(self.deployed if names is None else names)
        if missing := sorted(set(chosen) - set(self.deployed)):
            raise LocalError(f"the stack has no function {', '.join(missing)}")
        return chosen

    def variables(self, name: str) -> dict[str, str]:
        """A function's environment variables as they are configured."""
        answer = self._client.get_function_configuration(FunctionName=self.deployed[name])
        return dict(answer.get("Environment", {}).get("Variables", {}))

    @contextmanager
    def environment(self, changes: Mapping[str, Variables]) -> Iterator[None]:
        """Functions with these variables besides their own, warm again; cold ones afterwards.

        The emulator ends a function's workers when its configuration changes, busy ones too: enter
        and leave this when no job is under way, or some steps are taken twice.
        """
        before = {name: self.variables(name) for name in changes}
        try:
            _each(changes, lambda name: self._set(name, {**before[name], **changes[name]}))
            self.warm(changes)
            yield
        finally:
            _each(changes, lambda name: self._set(name, before[name]))

    def restart(self, names: Iterable[str]) -> None:
        """End the workers of functions, so that the next call finds nothing cached."""
        _each(names, lambda name: self._set(name, self.variables(name)))

    def warm(self, names: Iterable[str]) -> None:
        """Call functions once, so that none is cold."""
        _each(names, lambda name: self.invoke(name, EVENT))

    def invoke(self, name: str, event: object, *, kind: str = "RequestResponse") -> Any:
        """Call a function; what boto3 answers."""
        payload = json.dumps(event)
        deployed = self.deployed[name]
        return self._client.invoke(FunctionName=deployed, Payload=payload, InvocationType=kind)

    def _set(self, name: str, variables: Variables) -> None:
        environment: Any = {"Variables": dict(variables)}
        self._client.update_function_configuration(
            FunctionName=self.deployed[name], Environment=environment
        )


def _each(names: Iterable[str], do: Callable[[str], object]) -> None:
    chosen = list(names)
    if chosen:
        with ThreadPoolExecutor(len(chosen)) as pool:
            list(pool.map(do, chosen))
