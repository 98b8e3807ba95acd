"""The provider ports over WaveSpeed's API."""
