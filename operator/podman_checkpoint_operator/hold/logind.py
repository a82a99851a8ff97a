"""systemd-logind, as far as a program needs it that delays shutdowns.

Its delay lock is the one thing that holds a shutdown before any unit is stopped. Later, while units
stop, systemd starts none any more, Podman's service neither, and ends containers on its own.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from typing import Any, Final

from jeepney import DBusAddress, DBusErrorResponse, MatchRule, Properties, new_method_call
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import Proxy, open_dbus_connection
from jeepney.wrappers import unwrap_msg

_NAME: Final = "org.freedesktop.login1"
_MANAGER: Final = DBusAddress(
    "/org/freedesktop/login1", bus_name=_NAME, interface=f"{_NAME}.Manager"
)
_SECONDS: Final = 25.0
_MICROSECONDS: Final = 1e6


class Logind:
    """The host's login manager.

    Raises:
        OSError: there is no system bus.
        DBusErrorResponse: it does not know of a login manager.
    """

    def __init__(self) -> None:
        self._bus: Any = open_dbus_connection(bus="SYSTEM", enable_fds=True)
        self._lock: int | None = None
        signal = {"type": "signal", "interface": f"{_NAME}.Manager", "member": "PrepareForShutdown"}
        Proxy(message_bus, self._bus).AddMatch(MatchRule(**signal, sender=_NAME))
        self._heard: deque[Any] = deque(maxlen=1)
        # The sender is known to the bus by that name, but not to who receives.
        self._bus.filter(MatchRule(**signal), queue=self._heard)

    def wait(self, seconds: float | None) -> None:
        """Wait until a shutdown begins or is cancelled, or the time is over; None is for ever."""
        with suppress(TimeoutError):
            self._bus.recv_until_filtered(self._heard, timeout=seconds)

    def is_shutting_down(self) -> bool:
        """Whether a shutdown has begun; it may wait for locks."""
        return bool(self._property("PreparingForShutdown"))

    def longest_delay(self) -> float:
        """Return how long a shutdown waits for locks at most, in seconds."""
        return float(self._property("InhibitDelayMaxUSec")) / _MICROSECONDS

    def holds(self) -> bool:
        """Whether a shutdown would wait for us."""
        return self._lock is not None

    def hold(self, who: str, why: str) -> None:
        """Have shutdowns wait for us, unless one has begun."""
        if self._lock is not None:
            return
        try:
            (lock,) = self._call("Inhibit", "ssss", ("shutdown", who, why, "delay"))
        except DBusErrorResponse as error:
            if error.name != f"{_NAME}.OperationInProgress":
                raise
            return
        self._lock = lock.to_raw_fd()

    def release(self) -> None:
        """Let the shutdown go on."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _call(self, method: str, signature: str, arguments: tuple[str, ...]) -> Any:
        message = new_method_call(_MANAGER, method, signature, arguments)
        return unwrap_msg(self._bus.send_and_get_reply(message, timeout=_SECONDS))

    def _property(self, name: str) -> Any:
        message = Properties(_MANAGER).get(name)
        ((_, value),) = unwrap_msg(self._bus.send_and_get_reply(message, timeout=_SECONDS))
        return value
