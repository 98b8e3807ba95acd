"""Clock skew shifts every wall-clock reading and leaves elapsed time unchanged."""

import json
import os
import subprocess
import sys
import time
from typing import Any

from reliability import skew

SECONDS = -250.0
READ = """
import datetime, email.utils, json, logging, pickle, time
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

request = AWSRequest("GET", "http://127.0.0.1/")
SigV4Auth(Credentials("key", "secret"), "s3", "us-east-1").add_auth(request)
utc = datetime.UTC
sample = datetime.datetime(2026, 1, 1, tzinfo=utc)
print(json.dumps({
    "time": time.time(),
    "time_ns": time.time_ns() / 1e9,
    "now": datetime.datetime.now(utc).timestamp(),
    "local now": datetime.datetime.now().timestamp(),
    "today": datetime.datetime.today().timestamp(),
    "gmtime": __import__("calendar").timegm(time.gmtime()),
    "localtime": time.mktime(time.localtime()),
    "strftime": float(time.strftime("%s")),
    "ctime": time.mktime(time.strptime(time.ctime())),
    "asctime": time.mktime(time.strptime(time.asctime())),
    "email": email.utils.parsedate_to_datetime(email.utils.formatdate()).timestamp(),
    "log": logging.makeLogRecord({}).created,
    "signature": datetime.datetime.strptime(
        request.headers["X-Amz-Date"] + "+0000", "%Y%m%dT%H%M%SZ%z").timestamp(),
    "monotonic": time.monotonic(),
    "unshifted": [time.gmtime(0).tm_year, time.strftime("%Y", time.gmtime(0)), time.ctime(0)[-4:],
                  sample.isoformat(), pickle.loads(pickle.dumps(sample)) == sample,
                  type(sample) is datetime.datetime, datetime.datetime.fromtimestamp(0, utc).year],
}))
"""


def read(seconds: float) -> dict[str, Any]:
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READ],
        env={**os.environ, **skew.variables(seconds)},
        capture_output=True,
        text=True,
        check=True,
    )
    readings: dict[str, Any] = json.loads(process.stdout)
    return readings


def test_every_wall_clock_has_the_same_skew() -> None:
    before = time.time()
    readings = read(SECONDS)
    after = time.time()

    unshifted, monotonic = readings.pop("unshifted"), readings.pop("monotonic")
    assert before - 1 < readings["time"] - SECONDS < after
    for name, moment in readings.items():
        assert before - 2 < moment - SECONDS < after + 1, name
    assert monotonic < time.monotonic() < monotonic + (after - before) + 1
    assert unshifted == [1970, "1970", "1970", "2026-01-01T00:00:00+00:00", True, True, 1970]
