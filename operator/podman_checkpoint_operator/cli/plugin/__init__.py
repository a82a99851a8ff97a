"""``kubectl podman-checkpoint``: the operator's work by hand, for people and their scripts.

It runs where kubectl runs, with kubectl's credentials, and nothing of it is in the agent's process.
"""
