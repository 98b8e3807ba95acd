"""Fault injection for the local stack: AWS faults, killed workers, clock skew, repeated events."""
