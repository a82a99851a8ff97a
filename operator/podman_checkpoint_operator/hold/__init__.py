"""Holds a shutdown of the host until the agent has checkpointed the containers.

A program of its own, since an agent that is killed or replaced must not let the shutdown go on.
"""
