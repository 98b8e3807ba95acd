"""`darkroom`, the command line: speaks to a deployment by its HTTP API, and by nothing else."""
