"""Use cases of the deployment's settings."""
