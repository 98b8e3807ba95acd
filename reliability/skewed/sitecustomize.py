# ruff: noqa: INP001
"""Python imports this first when its directory is on PYTHONPATH: a process whose clock is wrong.

CLOCK_SKEW_SECONDS is how far ahead it is (behind, if negative). Every reading of the time of day
that Python code makes is shifted: botocore's for signatures, loggers' and ours. What measures time
(`monotonic`, `perf_counter`, sleeping, time-outs) is not, as on a machine whose clock is set wrong.
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


def _seconds(told: float | None = None) -> float:
    return _time() + SKEW if told is None else told


def _now(cls: type[dt.datetime], tz: dt.tzinfo | None = None) -> dt.datetime:
    return cls.fromtimestamp(_seconds(), tz)


def _utcnow(cls: type[dt.datetime]) -> dt.datetime:
    return cls.fromtimestamp(_seconds(), dt.UTC).replace(tzinfo=None)


def _shift() -> None:
    changed: dict[str, Any] = {
        "time": _seconds,  # date.today() asks it, too
        "time_ns": lambda: _time_ns() + int(SKEW * 1_000_000_000),
        "gmtime": lambda seconds=None: _gmtime(_seconds(seconds)),
        "localtime": lambda seconds=None: _localtime(_seconds(seconds)),
        "ctime": lambda seconds=None: _ctime(_seconds(seconds)),
        "strftime": lambda form, moment=None: _strftime(form, moment or _localtime(_seconds())),
        "asctime": lambda moment=None: _asctime(moment or _localtime(_seconds())),
    }
    for name, function in changed.items():
        setattr(time, name, function)
    # A subclass in its place would not be what C code and pickles know as datetime. The type is
    # closed to assignment, so this takes the dictionary behind the view of it that __dict__ is.
    (methods,) = gc.get_referents(dt.datetime.__dict__)
    methods.update(now=classmethod(_now), utcnow=classmethod(_utcnow))
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(dt.datetime))


if SKEW:
    _shift()
