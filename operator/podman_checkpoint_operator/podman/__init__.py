"""The only code that speaks libpod, Podman's REST API.

podman-py has no call for checkpoint and restore, so its API client is used for the requests, with a
time limit on each, and its answers become the plain facts of :mod:`..decisions.facts`.
"""
