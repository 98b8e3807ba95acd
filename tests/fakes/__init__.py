"""The ports in memory: small enough to be read, and held to the same contract as the adapters."""
