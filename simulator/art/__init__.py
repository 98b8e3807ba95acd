"""Images that the simulator serves: painted from a prompt or derived from a fetched reference."""
