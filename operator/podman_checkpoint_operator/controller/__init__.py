"""Composition root of the controller: what no host's agent can do, because it may be gone."""
