"""Implementations of the ports: WaveSpeed, DynamoDB, S3, EventBridge, Step Functions, secrets."""
