"""The provider simulator: WaveSpeedAI's contract on the wire, offline."""
