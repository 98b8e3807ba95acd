"""Pictures that the simulator hands out: painted from a prompt, or from a reference it fetched."""
