"""The host itself: cgroups, processes, files and programs, seen from the agent.

Every path is as the host sees it and is read below a root, since in a DaemonSet the host's file
system is mounted at a prefix.
"""
