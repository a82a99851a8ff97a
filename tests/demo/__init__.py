"""``make demo`` and ``make demo-reboot``: the main job on real input, from nothing, step by step.

Each step shows what is done and what comes of it, and fails the whole when it is not what was
promised. The lab stays up afterwards, for looking around.
"""
