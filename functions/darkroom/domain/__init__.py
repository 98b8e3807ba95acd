"""What a job is and what it may do: pure rules, no I/O."""
