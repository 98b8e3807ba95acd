"""The ports over S3."""
