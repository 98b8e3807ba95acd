"""One file a verb: what each step of a job does, in terms of the ports."""
