"""Lays the bind mounts of an archive down on the target, and takes them back when that fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..api.reasons import Cause, Reason
from ..api.remedies import Setting
from ..api.restore import BindMountsOnTarget, RestoreSpec
from ..decisions import bind_mounts as rules
from ..decisions.facts import PathKind, Target
from ..decisions.failures import OperationFailed, from_os_error
from ..decisions.preflight import Check, listed
from ..decisions.source import ArchivedState
from .archive_port import Archives, Manifest
from .bind_port import Place
from .machine_port import Machine
from .operation import Operation


class BindMounts:
    """The bind mounts of one restore from an archive."""

    def __init__(
        self, machine: Machine, archives: Archives, operation: Operation, spec: RestoreSpec
    ) -> None:
        self._machine = machine
        self._sources = machine.bind_sources()
        self._archives = archives
        self._operation = operation
        self._use_existing = spec.bind_mounts is BindMountsOnTarget.USE_EXISTING
        self._wanted: list[rules.SavedBind] = []

    def look(self, manifest: Manifest, target: Target) -> tuple[Target, list[Check]]:
        """Look at the sources; return the target as it will be, and what stands in the way."""
        kinds = self._kinds(manifest.bind_mounts)
        self._wanted = rules.to_lay_down(manifest.bind_mounts, kinds)
        needed: Counter[int] = Counter()
        for each in self._wanted:
            needed[self._sources.device(each.source)] += each.size_bytes
        spaces = [
            self._machine.space(
                "a bind mount",
                each.source,
                needed_bytes=needed[self._sources.device(each.source)],
            )
            for each in self._wanted
        ]
        checks = rules.source_checks(
            manifest.bind_mounts, kinds, spaces, use_existing=self._use_existing
        )
        missing = tuple(
            path
            for path in target.missing_mount_sources
            if not any(path.is_relative_to(each.source) for each in self._wanted)
        )
        return replace(target, missing_mount_sources=missing), list(checks)

    def plans(self) -> list[dict[str, object]]:
        """Return what will be made, for the journal."""
        uid = self._operation.entry.uid
        return [self._sources.plan(each.source, uid).to_json() for each in self._wanted]

    def lay_down(self, state: ArchivedState) -> None:
        """Lay down what was planned.

        Raises:
            OperationFailed: something is in the way, or the archive is not as it was.
        """
        places = self._places()
        if not places:
            return
        operation = self._operation
        operation.progress(Reason.LAYING_DOWN, f"Laying down {len(places)} bind mounts")
        try:
            for place in places:
                self._sources.begin(place)
            self._archives.lay_down(
                state.uri, state.digest, {place.source: place.content for place in places}
            )
            places = [self._sources.settle(place) for place in places]
            operation.note(laid=[place.to_json() for place in places])
            for place in places:
                self._put_in_place(place)
        except OSError as error:
            sources = listed(place.source for place in places)
            raise from_os_error(error, f"lay the content of {sources} down") from error

    def take_back(self) -> None:
        """Remove what was laid down for a restore that failed, and nothing else."""
        for place in self._places():
            self._sources.take_back(place)

    def end(self) -> None:
        """Leave what was laid down to the container."""
        for place in self._places():
            self._sources.end(place)

    def _put_in_place(self, place: Place) -> None:
        if self._sources.kind(place.source) not in (PathKind.ABSENT, PathKind.EMPTY_DIRECTORY):
            raise OperationFailed(
                Cause.BIND_MOUNT_SOURCE_IN_USE,
                f"something has come to {place.source} since the operation began",
                Setting("spec.bindMounts: UseExisting to use it", otherwise="move it away"),
            )
        self._sources.put_in_place(place)

    def _places(self) -> list[Place]:
        return [Place.from_json(each) for each in self._operation.entry.data.get("laid", [])]

    def _kinds(self, saved: Sequence[rules.SavedBind]) -> Mapping[Path, PathKind]:
        return {each.source: self._sources.kind(each.source) for each in saved}
