"""One operation from its resource to its end: observe, decide, act, report.

Checkpoint and restore are each a sequence of steps. A step is written to the host's journal before
it changes anything, so that an agent killed anywhere finds at its next start what was under way and
finishes it or gives up cleanly. The outside world is reached through the Protocols of the
``*_port`` modules; the agent wires them.
"""
