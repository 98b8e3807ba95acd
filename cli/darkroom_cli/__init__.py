"""The `darkroom` command line. It uses only the HTTP API of a deployment."""
