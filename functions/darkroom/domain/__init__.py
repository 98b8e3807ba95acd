"""The rules of jobs, batches and the submit queue: pure functions, no I/O."""
