"""One module a Lambda function."""
