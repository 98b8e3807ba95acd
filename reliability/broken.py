"""Everything that can be broken about one stack, with its workers restarted once.

with broken(running, seed=7) as ours:
    ours.aws.set(throttle("dynamodb", probability=0.2))
    ours.guillotine.kill_at("Submit", "dynamodb UpdateItem", nth=2)
    …jobs…
    ours.calm()
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from local.stack import Running
from reliability import process_lookup, skew
from reliability.aws_faults import AwsFaults, proxied
from reliability.functions import Functions
from reliability.route import routes, upstream
from reliability.worker_killer import WorkerKiller, proxies


@dataclass(frozen=True)
class Broken:
    """What breaks AWS, what kills workers, and the functions that both befall."""

    aws: AwsFaults
    worker_killer: WorkerKiller
    functions: Functions

    def calm(self) -> None:
        """Break nothing from now on, and forget what was seen."""
        self.aws.set()
        self.aws.forget()
        self.worker_killer.forget()


@contextmanager
def broken(
    running: Running,
    functions: Iterable[str] | None = None,
    *,
    seed: int = 0,
    skew_seconds: float = 0,
) -> Iterator[Broken]:
    """Lead the workers of these functions (all) through the guillotine and then microburst.

    Enter and leave it when no job is under way: routing ends workers, and what they presigned
    leads through here.
    """
    process_lookup.require_proc()
    stack = running.stack
    known = Functions(stack)
    names = known.choose(functions)
    killer = WorkerKiller(known.short)
    emulator = upstream(known, names, stack)
    with (
        proxied(running, emulator, seed=seed, short=known.short) as aws,
        proxies(killer, aws.url, stack.provider_url) as urls,
    ):
        wrong = skew.variables(skew_seconds) if skew_seconds else {}
        changes = {
            name: {**variables, **wrong} for name, variables in routes(known, names, urls).items()
        }
        with known.environment(changes):
            ours = Broken(aws, killer, known)
            ours.calm()
            yield ours
