"""Operation names of requests: `dynamodb UpdateItem`, `s3 PutObject`, `POST /api/v3/x`.

Ids in paths become `*`, so that the same request of two jobs has one name.
"""

import re
from urllib.parse import parse_qs, urlsplit

from reliability.proxy import Request

_SCOPE = re.compile(r"Credential=[^/,]+/\d{8}/[^/]+/([^/]+)/aws4_request")
_ID = re.compile(r"/[0-9a-f-]{16,}(?![^/])")
_CREDENTIAL_PARTS = 5  # key, date, region, service, aws4_request
# Services whose signing name differs from the name of their boto3 client.
_CLIENT_NAMES = {"states": "stepfunctions", "monitoring": "cloudwatch"}
_S3_OBJECT = {
    "GET": "GetObject",
    "HEAD": "HeadObject",
    "PUT": "PutObject",
    "DELETE": "DeleteObject",
}
_S3_BUCKET = {
    "GET": "ListObjects",
    "HEAD": "HeadBucket",
    "PUT": "CreateBucket",
    "DELETE": "DeleteBucket",
}


def name(request: Request) -> str:
    """Return boto3's service name and the operation, or method and path if this is not AWS."""
    path, query = urlsplit(request.target).path, _query(request)
    service = _service(request, query)
    if not service:
        return f"{request.method} {_ID.sub('/*', path)}"
    if service == "s3":
        return f"s3 {_s3_operation(request, path, query)}"
    operation = request.header("X-Amz-Target").rpartition(".")[2] or f"{request.method} {path}"
    return f"{_CLIENT_NAMES.get(service, service)} {operation}"


def _service(request: Request, query: dict[str, str]) -> str:
    if scope := _SCOPE.search(request.header("Authorization")):
        return scope[1]
    presigned = query.get("X-Amz-Credential", "").split("/")
    return presigned[3] if len(presigned) == _CREDENTIAL_PARTS else ""


def _query(request: Request) -> dict[str, str]:
    pairs = parse_qs(urlsplit(request.target).query, keep_blank_values=True)
    return {key: values[0] for key, values in pairs.items()}


def _s3_operation(request: Request, path: str, query: dict[str, str]) -> str:
    method, key = request.method, path.lstrip("/").partition("/")[2]
    if "tagging" in query:
        return f"{method.capitalize()}{'Object' if key else 'Bucket'}Tagging"
    if not key:
        if method == "GET" and "versions" in query:
            return "ListObjectVersions"
        if method == "GET" and query.get("list-type") == "2":
            return "ListObjectsV2"
        return "DeleteObjects" if method == "POST" else _S3_BUCKET.get(method, method)
    if method == "PUT" and "partNumber" in query:
        return "UploadPart"
    if method == "PUT" and request.header("x-amz-copy-source"):
        return "CopyObject"
    if method == "POST":
        return "CreateMultipartUpload" if "uploads" in query else "CompleteMultipartUpload"
    return _S3_OBJECT.get(method, method)
