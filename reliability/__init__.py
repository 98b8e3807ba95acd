"""Breaks the running local stack on purpose: AWS faults, killed workers, wrong clocks, replays."""
