"""HTTP: routes, what goes over the wire, and how errors look there."""
