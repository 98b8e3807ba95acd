"""Expected permissions of each function, which test_permissions.py compares with the template."""

from datetime import date

from darkroom.adapters.dynamodb import items
from darkroom.adapters.dynamodb import keys as key_table
from darkroom.adapters.dynamodb import stats as stats_table
from darkroom.domain.stats import ImageKind
from tests.infra.policies import Grants

_ASSETS, _INBOX = "${AssetsBucket.Arn}/*", "${InboxBucket.Arn}/*"
_REFERENCES, _REFERENCE_OBJECTS = "${AssetsBucket.Arn}/references/*", "ReferenceObjectArns"
_BATCHES = "${AssetsBucket.Arn}/batches/*"
_OUTPUTS = {"${AssetsBucket.Arn}/jobs/*", "${AssetsBucket.Arn}/edits/*"}
_ARN = "arn:${AWS::Partition}:%s:${AWS::Region}:${AWS::AccountId}:"
_READ_PROVIDER_KEY: Grants = {"secretsmanager:GetSecretValue": {"ProviderKey.Id"}}
_PUBLISH: Grants = {"events:PutEvents": {"EventBus.Arn"}}
_START_EXECUTION: Grants = {"states:StartExecution": {"ImageJobStateMachine"}}
_COPY_OUTPUTS: Grants = {"s3:GetObject": _OUTPUTS, "s3:PutObject": _OUTPUTS}
# Permissions to create a job, the same for all entry points.
_CREATE_JOB: Grants = {
    "s3:PutObject": {_REFERENCES},
    "s3:GetObject": {_ASSETS, _REFERENCE_OBJECTS},
    **_READ_PROVIDER_KEY,
    **_START_EXECUTION,
    **_PUBLISH,
}
# DynamoDB item permissions are in ITEMS.
GRANTS: dict[str, Grants] = {
    "ApiFunction": {
        **_CREATE_JOB,
        "dynamodb:Query": {"${Table.Arn}/index/by-caller", "${Table.Arn}/index/by-time"},
        "s3:PutObject": {_REFERENCES, "${AssetsBucket.Arn}/uploads/*", _BATCHES},
        "states:StartExecution": {"ImageJobStateMachine", "BatchStateMachine"},
        "s3:GetObjectVersion": {"${AssetsBucket.Arn}/*"},
        "s3:ListBucket": {"AssetsBucket.Arn"},
        "s3:ListBucketVersions": {"AssetsBucket.Arn"},
    },
    "AuthorizerFunction": {},
    "OnUploadFunction": {
        **_CREATE_JOB,
        "s3:PutObject": {_REFERENCES, "${AssetsBucket.Arn}/errors/*"},
        "s3:DeleteObject": {"${AssetsBucket.Arn}/errors/*"},
        "s3:GetObject": {_ASSETS, _REFERENCE_OBJECTS, _INBOX},
        "s3:GetObjectVersion": {"${AssetsBucket.Arn}/config/*", _INBOX},
        "s3:ListBucket": {"AssetsBucket.Arn", "InboxBucket.Arn"},
        "s3:ListBucketVersions": {"AssetsBucket.Arn", "InboxBucket.Arn"},
    },
    "OnRequestFunction": _CREATE_JOB,
    "OnWebhookFunction": {**_READ_PROVIDER_KEY, "states:SendTaskSuccess": {"*"}},
    "SweepFunction": {
        **_READ_PROVIDER_KEY,
        **_PUBLISH,
        **_COPY_OUTPUTS,
        "dynamodb:Query": {"${Table.Arn}/index/by-sweep"},
        "states:StartExecution": {"ImageJobStateMachine", "BatchStateMachine"},
        "states:DescribeExecution": {
            _ARN % "states" + "execution:${AWS::StackName}-image-job:*",
            _ARN % "states" + "execution:${AWS::StackName}-batch:*",
        },
    },
    "ReconcileFunction": {
        **_READ_PROVIDER_KEY,
        "dynamodb:Query": {"${Table.Arn}/index/by-time"},
        "s3:PutObject": {"${AssetsBucket.Arn}/reports/*"},
    },
    "SubmitFunction": {
        **_READ_PROVIDER_KEY,
        **_PUBLISH,
        "s3:GetObject": {_ASSETS, _INBOX, _REFERENCE_OBJECTS},
        "s3:GetObjectVersion": {_ASSETS, _INBOX, _REFERENCE_OBJECTS},
        "ssm:GetParameter": {_ARN % "ssm" + "parameter/${AWS::StackName}/switches/*"},
    },
    "CheckFunction": _READ_PROVIDER_KEY,
    "FinalizeFunction": {**_READ_PROVIDER_KEY, **_PUBLISH, **_COPY_OUTPUTS},
    "FailFunction": _PUBLISH,
    "OnExecutionEndedFunction": _PUBLISH,
    "RecordStatsFunction": {},
    "ThumbnailFunction": {
        "s3:GetObject": _OUTPUTS,
        "s3:PutObject": {"${AssetsBucket.Arn}/thumbnails/*"},
    },
    "CreateRowsFunction": _CREATE_JOB,
    "CollectBatchFunction": {**_PUBLISH, "s3:GetObject": {_BATCHES}, "s3:PutObject": {_BATCHES}},
}
# Table permissions per function: actions and partitions. Only the authorizer accesses API keys.
JOB, QUEUE, CLAIM, BUDGET, KEYS = "JOB#*", "QUEUE", "CLAIM#*", "BUDGET#*", "KEYS"
BATCH = "BATCH#*"
STATS, DURATIONS = "STATS", "DURATIONS"
_UPDATE = {"GetItem", "UpdateItem"}
_CREATE = {"GetItem", "PutItem", "UpdateItem"}
_READ_JOBS = ({"BatchGetItem"}, {JOB})
_READ_JOBS_AND_BATCHES = ({"BatchGetItem"}, {JOB, BATCH})
_CREATES_JOBS = (_CREATE, {JOB, BUDGET})
_ENDS_JOBS = (_UPDATE, {JOB, QUEUE, BUDGET})
ITEMS: dict[str, list[tuple[set[str], set[str]]]] = {
    "ApiFunction": [
        _CREATES_JOBS,
        _READ_JOBS_AND_BATCHES,
        (_CREATE, {BATCH}),
        _ENDS_JOBS,
        ({"Query"}, {STATS, DURATIONS, QUEUE}),
    ],
    "AuthorizerFunction": [(_UPDATE, {KEYS})],
    "OnUploadFunction": [_CREATES_JOBS],
    "OnRequestFunction": [_CREATES_JOBS],
    "OnWebhookFunction": [(_CREATE, {JOB, CLAIM})],
    "SweepFunction": [
        _READ_JOBS_AND_BATCHES,
        (_CREATE, {JOB, QUEUE, CLAIM, BUDGET}),
        ({"Query"}, {QUEUE}),
        (_UPDATE, {BATCH}),
    ],
    "ReconcileFunction": [({"BatchGetItem", "GetItem"}, {JOB, CLAIM})],
    "SubmitFunction": [(_CREATE, {JOB, QUEUE, CLAIM}), ({"Query"}, {DURATIONS, QUEUE})],
    "CheckFunction": [(_UPDATE, {JOB, QUEUE}), ({"Query"}, {QUEUE})],
    "FinalizeFunction": [_ENDS_JOBS],
    "FailFunction": [_ENDS_JOBS],
    "OnExecutionEndedFunction": [_ENDS_JOBS],
    "ThumbnailFunction": [],
    "RecordStatsFunction": [(_UPDATE, {JOB, STATS, DURATIONS})],
    "CreateRowsFunction": [_CREATES_JOBS, ({"GetItem", "PutItem"}, {BATCH}), ({"Query"}, {QUEUE})],
    "CollectBatchFunction": [_READ_JOBS, _ENDS_JOBS, (_UPDATE | {"Query"}, {BATCH})],
}
# All item types, with an example key.
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
# Transactions per function. AWS may check each action against all items of a transaction.
_ENDING_FUNCTIONS = [
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
      for function in [*_ENDING_FUNCTIONS, "OnExecutionEndedFunction"]],
]  # fmt: skip
# These actions have no resource-level permissions (AWS service authorization reference).
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
