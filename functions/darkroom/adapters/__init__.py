"""The ports made real: the provider, DynamoDB, S3, EventBridge, Step Functions, secrets."""
