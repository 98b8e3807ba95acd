"""Headers of every response, whether a function or API Gateway itself sends it."""

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=31536000",
}
