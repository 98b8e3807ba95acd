"""What each function may do: the tables that the template is held against."""

from datetime import date

from darkroom.adapters import items, key_table, stats_table
from darkroom.domain.stats import ImageKind
from tests.infra.policies import Grants

_ASSETS, _INBOX = "${AssetsBucket.Arn}/*", "${InboxBucket.Arn}/*"
_KEPT, _OWN = "${AssetsBucket.Arn}/references/*", "ReferenceObjectArns"
_BATCHES = "${AssetsBucket.Arn}/batches/*"
_OUTPUTS = {"${AssetsBucket.Arn}/jobs/*", "${AssetsBucket.Arn}/edits/*"}
_ARN = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:"
_KEY: Grants = {"secretsmanager:GetSecretValue": {"ProviderKey.Id"}}
_BUS: Grants = {"events:PutEvents": {"EventBus.Arn"}}
_START: Grants = {"states:StartExecution": {"ImageJobStateMachine"}}
_COPY: Grants = {"s3:GetObject": _OUTPUTS, "s3:PutObject": _OUTPUTS}
# What makes a job of a request, the same for all three doors.
_DOOR: Grants = {
    "s3:PutObject": {_KEPT},
    "s3:GetObject": {_ASSETS, _OWN},
    **_KEY,
    **_START,
    **_BUS,
}
# The table's items stand in ITEMS.
GRANTS: dict[str, Grants] = {
    "ApiFunction": {
        **_DOOR,
        "dynamodb:Query": {"${Table.Arn}/index/by-caller", "${Table.Arn}/index/by-time"},
        "s3:PutObject": {_KEPT, "${AssetsBucket.Arn}/uploads/*", _BATCHES},
        "states:StartExecution": {"ImageJobStateMachine", "BatchStateMachine"},
        "s3:GetObjectVersion": {"${AssetsBucket.Arn}/*"},
        "s3:ListBucket": {"AssetsBucket.Arn"},
        "s3:ListBucketVersions": {"AssetsBucket.Arn"},
    },
    "AuthorizerFunction": {},
    "OnUploadFunction": {
        **_DOOR,
        "s3:PutObject": {_KEPT, "${AssetsBucket.Arn}/errors/*"},
        "s3:DeleteObject": {"${AssetsBucket.Arn}/errors/*"},
        "s3:GetObject": {_ASSETS, _OWN, _INBOX},
        "s3:GetObjectVersion": {"${AssetsBucket.Arn}/config/*", _INBOX},
        "s3:ListBucket": {"AssetsBucket.Arn", "InboxBucket.Arn"},
        "s3:ListBucketVersions": {"AssetsBucket.Arn", "InboxBucket.Arn"},
    },
    "OnRequestFunction": _DOOR,
    "OnWebhookFunction": {**_KEY, "states:SendTaskSuccess": {"*"}},
    "SweepFunction": {
        **_KEY,
        **_BUS,
        **_COPY,
        "dynamodb:Query": {"${Table.Arn}/index/by-sweep"},
        "states:StartExecution": {"ImageJobStateMachine", "BatchStateMachine"},
        "states:DescribeExecution": {
            _ARN % "states" + "execution:${AWS::StackName}-image-job:*",
            _ARN % "states" + "execution:${AWS::StackName}-batch:*",
        },
    },
    "ReconcileFunction": {
        **_KEY,
        "dynamodb:Query": {"${Table.Arn}/index/by-time"},
        "s3:PutObject": {"${AssetsBucket.Arn}/reports/*"},
    },
    "SubmitFunction": {
        **_KEY,
        **_BUS,
        "s3:GetObject": {_ASSETS, _INBOX, _OWN},
        "s3:GetObjectVersion": {_ASSETS, _INBOX, _OWN},
        "ssm:GetParameter": {_ARN % "ssm" + "parameter/${AWS::StackName}/switches/*"},
    },
    "CheckFunction": _KEY,
    "FinalizeFunction": {**_KEY, **_BUS, **_COPY},
    "FailFunction": _BUS,
    "OnExecutionEndedFunction": _BUS,
    "RecordStatsFunction": {},
    "ThumbnailFunction": {
        "s3:GetObject": _OUTPUTS,
        "s3:PutObject": {"${AssetsBucket.Arn}/thumbnails/*"},
    },
    "CreateRowsFunction": _DOOR,
    "CollectBatchFunction": {**_BUS, "s3:GetObject": {_BATCHES}, "s3:PutObject": {_BATCHES}},
}
# What each may do with which items of the table: nobody but the authorizer touches a key.
JOB, QUEUE, CLAIM, BUDGET, KEYS = "JOB#*", "QUEUE", "CLAIM#*", "BUDGET#*", "KEYS"
BATCH = "BATCH#*"
STATS, DURATIONS = "STATS", "DURATIONS"
_CHANGE = {"GetItem", "UpdateItem"}
_MAKE = {"GetItem", "PutItem", "UpdateItem"}
_PAGE = ({"BatchGetItem"}, {JOB})
_PAGES = ({"BatchGetItem"}, {JOB, BATCH})
_MAKES_JOBS = (_MAKE, {JOB, BUDGET})
_ENDS_JOBS = (_CHANGE, {JOB, QUEUE, BUDGET})
ITEMS: dict[str, list[tuple[set[str], set[str]]]] = {
    "ApiFunction": [
        _MAKES_JOBS,
        _PAGES,
        (_MAKE, {BATCH}),
        _ENDS_JOBS,
        ({"Query"}, {STATS, DURATIONS, QUEUE}),
    ],
    "AuthorizerFunction": [(_CHANGE, {KEYS})],
    "OnUploadFunction": [_MAKES_JOBS],
    "OnRequestFunction": [_MAKES_JOBS],
    "OnWebhookFunction": [(_MAKE, {JOB, CLAIM})],
    "SweepFunction": [
        _PAGES,
        (_MAKE, {JOB, QUEUE, CLAIM, BUDGET}),
        ({"Query"}, {QUEUE}),
        (_CHANGE, {BATCH}),
    ],
    "ReconcileFunction": [({"BatchGetItem", "GetItem"}, {JOB, CLAIM})],
    "SubmitFunction": [(_MAKE, {JOB, QUEUE, CLAIM}), ({"Query"}, {DURATIONS, QUEUE})],
    "CheckFunction": [(_CHANGE, {JOB, QUEUE}), ({"Query"}, {QUEUE})],
    "FinalizeFunction": [_ENDS_JOBS],
    "FailFunction": [_ENDS_JOBS],
    "OnExecutionEndedFunction": [_ENDS_JOBS],
    "ThumbnailFunction": [],
    "RecordStatsFunction": [(_CHANGE, {JOB, STATS, DURATIONS})],
    "CreateRowsFunction": [_MAKES_JOBS, ({"GetItem", "PutItem"}, {BATCH}), ({"Query"}, {QUEUE})],
    "CollectBatchFunction": [_PAGE, _ENDS_JOBS, (_CHANGE | {"Query"}, {BATCH})],
}
# Every kind of item that there is.
PARTITIONS = {
    JOB: items.job_key("cmjb2hb7562g6nkk3rro3j6g5c"),
    QUEUE: items.queue_key(),
    CLAIM: items.claim_key("e6832d4abffb4d79bfbca19783fca133"),
    BUDGET: items.budget_key(date(2026, 11, 22), "key:shop"),
    STATS: stats_table.day_key(date(2026, 11, 22), "key:shop"),
    DURATIONS: stats_table.kind_key(date(2026, 11, 22), ImageKind("edit", "low", "1k")),
    BATCH: items.batch_key("cmjb2hb7562g6nkk3rro3j6g5c"),
    KEYS: key_table._key("digest"),
}
# What is written at once, by whom: to AWS, each of its actions may be about all of its items.
_ENDERS = [
    "ApiFunction",
    "SweepFunction",
    "FinalizeFunction",
    "FailFunction",
    "CollectBatchFunction",
]
TRANSACTIONS = [
    *[(function, {"PutItem", "UpdateItem"}, {JOB, BUDGET})
      for function in
      ("ApiFunction", "OnUploadFunction", "OnRequestFunction", "CreateRowsFunction")],
    *[(function, {"PutItem", "UpdateItem"}, {JOB, CLAIM})
      for function in ("SubmitFunction", "OnWebhookFunction", "SweepFunction")],
    ("SubmitFunction", {"UpdateItem"}, {JOB, QUEUE}),
    ("CheckFunction", {"UpdateItem"}, {JOB, QUEUE}),
    ("RecordStatsFunction", {"UpdateItem"}, {JOB, STATS, DURATIONS}),
    *[(function, {"UpdateItem"}, {JOB, QUEUE, BUDGET})
      for function in [*_ENDERS, "OnExecutionEndedFunction"]],
]  # fmt: skip
# These have no resource-level rights (the service authorization reference says so).
LOG_DELIVERY = {
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
}
WITHOUT_RESOURCE = LOG_DELIVERY | {"states:SendTaskSuccess"}
