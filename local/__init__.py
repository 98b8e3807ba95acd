"""One machine: an AWS emulator, a simulated provider, the real build and deploy, and a demo."""
