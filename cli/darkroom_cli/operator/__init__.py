"""Operator's tools, which need AWS credentials instead of an API key: keys and dead letters.

The commands import this package on first use: boto3 would double the start-up time of the others.
"""
