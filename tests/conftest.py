"""What all tests share: properties are tried on the same examples in every run.

A change is judged by what it changes, not by what chance finds; ``SOAK=1`` lets chance look.
"""

from __future__ import annotations

from hypothesis import settings

from tests.e2e.soak import SOAKING

# No deadline: how long an example takes says more of the machine than of the code.
settings.register_profile("project", derandomize=not SOAKING, deadline=None)
settings.load_profile("project")
