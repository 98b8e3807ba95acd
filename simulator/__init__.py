"""The provider simulator: an offline server with the HTTP contract of WaveSpeedAI."""
