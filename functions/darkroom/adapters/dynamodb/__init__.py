"""The ports over one DynamoDB table."""
