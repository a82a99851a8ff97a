"""Resources of earlier drains are deleted when they are needed no more."""

from __future__ import annotations

import logging
from typing import Protocol

from ..api.host import DrainStatus
from ..decisions.drain.history import Superfluous, superfluous
from ..decisions.drain.view import View
from .resource import StatusUnwritable

logger = logging.getLogger(__name__)


class Bin(Protocol):
    """Where resources that drains have made are deleted."""

    def delete(self, what: Superfluous) -> None:
        """Delete a resource, unless it is gone or another one.

        Raises:
            StatusUnwritable: the API server is out of reach, or refuses.
        """


def tidy(bin_: Bin, view: View, told: DrainStatus, *, limit: int) -> None:
    """Delete what is superfluous; what cannot be deleted now does not hold up a drain."""
    try:
        for each in superfluous(view, told, limit=limit):
            bin_.delete(each)
            what = f"{each.resource.kind} {each.namespace}/{each.name}"
            logger.info("deleted", extra={"resource": what})
    except StatusUnwritable as error:
        logger.warning("history of drains not deleted", extra={"error": str(error)})
