"""The composition root: settings, the wiring of all parts, and kopf's operator around them."""
