# ruff: noqa: INP001
"""Shift the wall clock of a Python process by CLOCK_SKEW_SECONDS (negative: behind).

Python imports this module at startup if its directory is on PYTHONPATH. Every wall-clock reading in
Python code is shifted: botocore's for signatures, the loggers' and Darkroom's. Elapsed time
(`monotonic`, `perf_counter`, sleeps, timeouts) is not shifted, as on a machine with a wrong clock.
"""

import ctypes
import datetime as dt
import gc
import os
import time
from typing import Any

SKEW = float(os.environ.get("CLOCK_SKEW_SECONDS", "0"))

_time, _time_ns = time.time, time.time_ns
_gmtime, _localtime = time.gmtime, time.localtime
_strftime, _ctime, _asctime = time.strftime, time.ctime, time.asctime


def _seconds(seconds: float | None = None) -> float:
    return _time() + SKEW if seconds is None else seconds


def _now(cls: type[dt.datetime], tz: dt.tzinfo | None = None) -> dt.datetime:
    return cls.fromtimestamp(_seconds(), tz)


def _utcnow(cls: type[dt.datetime]) -> dt.datetime:
    return cls.fromtimestamp(_seconds(), dt.UTC).replace(tzinfo=None)


def _shift_clock() -> None:
    replacements: dict[str, Any] = {
        "time": _seconds,  # date.today() calls it as well
        "time_ns": lambda: _time_ns() + int(SKEW * 1_000_000_000),
        "gmtime": lambda seconds=None: _gmtime(_seconds(seconds)),
        "localtime": lambda seconds=None: _localtime(_seconds(seconds)),
        "ctime": lambda seconds=None: _ctime(_seconds(seconds)),
        "strftime": lambda pattern, moment=None: _strftime(
            pattern, moment or _localtime(_seconds())
        ),
        "asctime": lambda moment=None: _asctime(moment or _localtime(_seconds())),
    }
    for name, function in replacements.items():
        setattr(time, name, function)
    # A subclass of datetime would break C code and pickles. The type does not allow assignment, so
    # this changes the dictionary behind the read-only view that __dict__ returns.
    (methods,) = gc.get_referents(dt.datetime.__dict__)
    methods.update(now=classmethod(_now), utcnow=classmethod(_utcnow))
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(dt.datetime))


if SKEW:
    _shift_clock()
