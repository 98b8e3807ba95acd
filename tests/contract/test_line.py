"""The port Lines, and changes of the line with a record: one item, in memory and in DynamoDB."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from mypy_boto3_dynamodb import DynamoDBClient

from darkroom.adapters.line_item import LineItem
from darkroom.domain.breaker import Breaker
from darkroom.domain.errors import Code
from darkroom.domain.job import OPEN, Job
from darkroom.domain.limiter import Lane, Line, Numbers, Queue
from darkroom.ports import Hitch, LineChange
from tests.contract.conftest import TABLE
from tests.contract.stores import Stores, job


def change(stores: Stores, *changes: LineChange) -> Job | Hitch:
    """Change it with the job `j`, which is made for that."""
    stores.jobs.create(job())
    return stores.jobs.together("j", changes, when=OPEN, checks=1)


def test_a_line_that_nobody_wrote_is_empty(stores: Stores) -> None:
    assert stores.lines.read() == Line()


def test_a_swap_puts_what_follows_in_the_place_of_what_was_read(stores: Stores) -> None:
    line = stores.lines.read()

    assert stores.lines.swap(line, line.held_until(12.5))

    assert stores.lines.read() == Line(version=1, next_at=12.5)


def test_a_swap_of_what_somebody_else_changed_changes_nothing(stores: Stores) -> None:
    line = stores.lines.read()
    assert stores.lines.swap(line, line.held_until(1))

    assert not stores.lines.swap(line, line.held_until(2))
    assert not stores.lines.swap(Line(version=5), line.held_until(2))

    assert stores.lines.read() == Line(version=1, next_at=1)


def test_swaps_follow_each_other(stores: Stores) -> None:
    for number in range(1, 4):
        line = stores.lines.read()
        assert stores.lines.swap(line, line.held_until(number))

    assert stores.lines.read() == Line(version=3, next_at=3)


def test_each_line_is_changed_by_itself(stores: Stores) -> None:
    line = stores.lines.read(3)
    assert line == Line(number=3)

    assert stores.lines.swap(line, line.held_until(7))
    change(stores, LineChange(flight=2, line=3))
    change(stores, LineChange(stores.lines.read(12), Line(number=12, next_at=1), flight=1))

    assert stores.lines.read() == Line()
    assert stores.lines.read(3) == Line(number=3, version=1, in_flight=2, next_at=7)
    found = {line.number: line.in_flight for line in stores.lines.read_all()}
    assert {0: 0} | found == {0: 0, 3: 2, 12: 1}


def test_where_nobody_ever_stood_there_is_one_empty_line(stores: Stores) -> None:
    assert stores.lines.read_all() == [Line()]


def test_a_swap_does_not_touch_the_count_in_flight(stores: Stores) -> None:
    line = stores.lines.read()
    change(stores, LineChange(flight=3))

    assert stores.lines.swap(line, line.model_copy(update={"in_flight": 99, "next_at": 4.0}))

    assert stores.lines.read() == Line(version=1, in_flight=3, next_at=4)


def test_the_count_in_flight_goes_up_and_down_whatever_becomes_of_the_rest(stores: Stores) -> None:
    line = stores.lines.read()
    change(stores, LineChange(flight=2))
    assert stores.lines.swap(line, line.held_until(1))
    change(stores, LineChange(flight=-1))

    assert stores.lines.read() == Line(version=1, in_flight=1, next_at=1)


def test_the_count_alone_is_no_reason_to_read_the_line_again(stores: Stores) -> None:
    line = stores.lines.read()

    assert isinstance(change(stores, LineChange(flight=1)), Job)
    assert isinstance(change(stores, LineChange(line, line.held_until(1), flight=1)), Job)

    assert stores.lines.read() == Line(version=1, in_flight=2, next_at=1)


@pytest.mark.parametrize(("flying", "below", "is_let_in"), [
    (0, 1, True), (1, 1, False), (1, 2, True), (2, 2, False), (3, 2, False),
])  # fmt: skip
@pytest.mark.parametrize("swaps", [False, True])
def test_a_full_house_lets_nobody_in(
    stores: Stores, flying: int, below: int, is_let_in: bool, swaps: bool
) -> None:
    if flying:
        change(stores, LineChange(flight=flying))
    line = stores.lines.read()
    after = line.held_until(1) if swaps else None

    found = change(stores, LineChange(line if swaps else None, after, flight=1, below=below))

    assert (found is not Hitch.LINE) == isinstance(found, Job) == is_let_in
    now = stores.lines.read()
    assert now.in_flight == flying + is_let_in
    assert now.version == (1 if is_let_in and swaps else 0)


def test_who_is_let_in_must_have_seen_the_line_as_it_is(stores: Stores) -> None:
    line = stores.lines.read()
    stores.lines.swap(line, line.held_until(1))

    found = change(stores, LineChange(line, line.held_until(2), flight=1, below=10))

    assert found is Hitch.LINE
    assert stores.lines.read() == Line(version=1, next_at=1)


NUMBERS = st.tuples(st.integers(-5, 10**6), st.integers(-5, 10**6)).map(lambda n: Numbers(*n))
QUEUES = st.builds(
    Queue, served=st.integers(0, 10**6), waiting=st.dictionaries(st.text(max_size=10), NUMBERS)
)
MOMENTS = st.floats(0, 4e9)
BREAKERS = st.builds(
    Breaker,
    failures=st.integers(0, 9),
    trips=st.integers(0, 99),
    open_until=MOMENTS,
    probing_until=MOMENTS,
    reason=st.none() | st.sampled_from(Code),
)


@settings(settings.get_profile("contract"))
@given(next_at=MOMENTS, interactive=QUEUES, batch=QUEUES, breaker=BREAKERS)
def test_any_line_comes_back_as_it_was(stores: Stores, **told: Any) -> None:
    before = stores.lines.read()

    assert stores.lines.swap(before, Line(**told))

    assert stores.lines.read() == Line(version=before.version + 1, **told)


def crowded(callers: int, lane: Lane = Lane.INTERACTIVE) -> Line:
    """A line in which every caller waits with a thousand jobs, long after it began."""
    queue = Queue(served=100_000)
    for number in range(callers):
        queue, first = queue.enter(f"key:customer-{number:035}", 1.0)
        name = [*queue.waiting][-1]
        queue = queue.model_copy(
            update={"waiting": queue.waiting | {name: Numbers(first, first + 999)}}
        )
    return Line(next_at=1_800_000_000.123456).with_queue(lane, queue)


def test_a_line_of_five_hundred_callers_is_a_small_item(dynamodb: DynamoDBClient) -> None:
    lines, line = LineItem(dynamodb, TABLE), crowded(500)
    assert len(line.interactive) == 500_000

    assert lines.swap(Line(), line)

    [item] = dynamodb.scan(TableName=TABLE)["Items"]
    size = sum(len(name) + len(str(value)) for name, value in item.items())
    # A write costs a unit for each kilobyte, and an item may have 400 KB.
    assert size < 16_000
    assert lines.read() == line.model_copy(update={"version": 1})


def test_the_line_is_kept_for_ever(dynamodb: DynamoDBClient) -> None:
    LineItem(dynamodb, TABLE).swap(Line(), Line())

    [item] = dynamodb.scan(TableName=TABLE)["Items"]
    assert item.keys() == {"pk", "sk", "version", "in_flight", "state"}
    assert (item["pk"], item["sk"]) == ({"S": "LINE"}, {"S": "LINE"})


def test_no_caller_is_named_in_the_line(dynamodb: DynamoDBClient) -> None:
    LineItem(dynamodb, TABLE).swap(Line(), crowded(3))

    assert "customer" not in str(dynamodb.scan(TableName=TABLE)["Items"])


def test_another_error_of_the_table_is_a_crash(dynamodb: DynamoDBClient) -> None:
    lines = LineItem(dynamodb, "no-such-table")

    with pytest.raises(ClientError, match="ResourceNotFound"):
        lines.read()
    with pytest.raises(ClientError, match="ResourceNotFound"):
        lines.swap(Line(), Line())
