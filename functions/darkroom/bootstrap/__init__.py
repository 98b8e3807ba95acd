"""Put together: the only place that makes clients and chooses adapters."""
