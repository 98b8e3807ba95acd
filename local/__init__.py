"""The local stack: an AWS emulator, a simulated provider, the real build and deploy, a demo."""
