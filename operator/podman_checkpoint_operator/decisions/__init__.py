"""Pure rules: given a spec, a status and what was observed, what next. No I/O.

:mod:`.facts` holds the observations that the rules judge; the adapters in ``podman/`` and ``host/``
make them.
"""
