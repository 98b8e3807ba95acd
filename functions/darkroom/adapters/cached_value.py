"""A cached value that stays in use while it cannot be read again."""

from collections.abc import Callable
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from darkroom.ports import Clock

_RETRY = timedelta(seconds=5)  # until the next attempt after a failed read


class CachedValue[T]:
    """The value that `read` returns, at most `max_age` old unless `read` fails."""

    _value: T

    def __init__(
        self,
        read: Callable[[], T],
        max_age: timedelta,
        now: Clock,
        report: Callable[[Exception], None],
    ) -> None:
        self._read = read
        self._max_age = max_age
        self._now = now
        self._report = report
        self._expires: datetime | None = None  # None: not read yet

    def get(self, *, fresh: bool = False) -> T:
        """Return the value; `fresh` reads it again. Raises the error of the first read only.

        A failed later read is reported, and the last value is returned.
        """
        if fresh or self._expires is None or self._now() >= self._expires:
            self._update()
        return self._value

    def _update(self) -> None:
        try:
            self._value = self._read()
        except (BotoCoreError, ClientError) as error:
            if self._expires is None:
                raise
            self._report(error)
            self._expires = self._now() + _RETRY
        else:
            self._expires = self._now() + self._max_age
