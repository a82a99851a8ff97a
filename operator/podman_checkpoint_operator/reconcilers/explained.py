"""Between a reconciler and the queue: whatever goes wrong gets through as an explanation."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError

from ..api.reasons import Cause
from ..api.remedies import Setting
from ..criu.catalogue import diagnose_podman
from ..decisions.failures import Interrupted, OperationFailed, from_os_error
from .podman_port import PodmanError, PodmanUnreachable
from .resource import StatusUnwritable
from .restore import WaitForCheckpoint

logger = logging.getLogger(__name__)

_A = TypeVar("_A")
_T = TypeVar("_T")


def explained(call: Callable[[_A], _T], argument: _A) -> _T:
    """Call, and let nothing through but what the queue knows how to deal with."""
    try:
        return call(argument)
    except (OperationFailed, PodmanUnreachable, WaitForCheckpoint, Interrupted, StatusUnwritable):
        raise
    except ValidationError as error:
        raise OperationFailed(
            Cause.INVALID_SPEC,
            "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()),
            Setting(
                "what this agent knows",
                rather="update the agent, which seems to be older than the API server's CRDs",
            ),
        ) from error
    except PodmanError as error:
        found = diagnose_podman(str(error))
        raise OperationFailed(found.cause, found.evidence, found.remedy) from error
    except OSError as error:
        logger.exception("unexpected")
        raise from_os_error(error, "go on") from error
    except Exception as error:
        # A defect of ours: the user gets an explained failure, the log gets the traceback.
        logger.exception("unexpected")
        raise OperationFailed(
            Cause.UNKNOWN,
            f"{type(error).__name__}: {error}",
            "See the agent's log on the host, and report it as a defect",
        ) from error
