"""In-memory implementations of the ports; the contract tests run against them as well."""
