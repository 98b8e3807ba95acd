"""Wiring: creates the clients and selects the adapters of each use case."""
