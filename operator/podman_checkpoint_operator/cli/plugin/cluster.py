"""The API server, as a kubeconfig names it: what the commands read from and write to it."""

from __future__ import annotations

import math
import os
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from kubernetes import client, config, watch
from kubernetes.config import kube_config
from urllib3.exceptions import HTTPError

from ...api.names import GROUP, HOSTS, VERSION, Resource
from .outcome import error
from .refusals import configured, in_kubectls_words, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Object = dict[str, Any]
Objects = list[Object]

_MANAGER: Final = "kubectl-podman_checkpoint"
_PATIENCE: Final = (10, 60)
"""Seconds to connect and to be answered."""
_WATCH_SECONDS: Final = 30
"""One request of a watch; after it the object is read anew, whatever was missed."""
_GONE: Final = 410
_BUSY: Final = 429
"""Also what an API server says that has just been started, until its caches are filled."""


class Cluster:
    """One cluster and namespace, by kubectl's rules."""

    def __init__(self, kubeconfig: str | None, context: str | None, namespace: str | None) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._namespace = namespace

    @cached_property
    def namespace(self) -> str:
        """The namespace that was asked for, else the context's, else ``default``."""
        if self._namespace:
            return self._namespace
        if self._in_a_pod:
            mounted = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
            return mounted.read_text(encoding="utf-8").strip()
        with configured():
            context = self._kubeconfig_loader.current_context["context"]
            return str(context.get("namespace") or "default")

    def get(self, resource: Resource, name: str) -> Object:
        """Return an object.

        Raises:
            Stop: there is none, or the request failed.
        """
        with self._asking(resource):
            return self._read(resource, name)

    def find(self, resource: Resource, name: str) -> Object | None:
        """Return an object if there is one.

        Raises:
            Stop: the request failed.
        """
        found = self.list(resource, fields=f"metadata.name={name}")
        return found[0] if found else None

    def list(
        self, resource: Resource, *, everywhere: bool = False, fields: str = "", labels: str = ""
    ) -> Objects:
        """Return all objects of a kind that the selectors choose, the oldest first.

        Raises:
            Stop: the request failed.
        """
        selectors = {"field_selector": fields, "label_selector": labels}
        with self._asking(resource):
            api: Any = self._objects
            if everywhere or resource is HOSTS:
                group = (GROUP, VERSION, resource.plural)
                answer = api.list_cluster_custom_object(
                    *group, **selectors, _request_timeout=_PATIENCE
                )
            else:
                answer = api.list_namespaced_custom_object(
                    *self._place(resource), **selectors, _request_timeout=_PATIENCE
                )
        kind = {"apiVersion": f"{GROUP}/{VERSION}", "kind": resource.kind}
        found = [{**kind, **each} for each in answer["items"]]
        return sorted(found, key=lambda each: str(each["metadata"]["creationTimestamp"]))

    def create(self, resource: Resource, body: Mapping[str, Any], *, dry_run: bool) -> Object:
        """Create an object and return it as the API server has stored it.

        Raises:
            Stop: it was refused, or the request failed.
        """
        with self._asking(resource):
            api: Any = self._objects
            made: Object = api.create_namespaced_custom_object(
                *self._place(resource),
                dict(body),
                field_manager=_MANAGER,
                field_validation="Strict",
                _request_timeout=_PATIENCE,
                **({"dry_run": "All"} if dry_run else {}),
            )
            return made

    def patch(self, resource: Resource, name: str, change: Mapping[str, Any]) -> Object:
        """Merge a change into an object of the cluster and return it as it is then.

        Raises:
            Stop: it was refused, or the request failed.
        """
        api: Any = self._objects
        with self._asking(resource):
            changed: Object = api.patch_cluster_custom_object(
                *self._place(resource),
                name,
                dict(change),
                field_manager=_MANAGER,
                _request_timeout=_PATIENCE,
                _content_type="application/merge-patch+json",
            )
            return changed

    def events(self, about: Object) -> Objects:
        """Return the events about an object, the oldest first.

        Raises:
            Stop: the request failed.
        """
        metadata = about["metadata"]
        core: Any = client.CoreV1Api(self._client)
        with self._asking(Resource("Event", "events", "event", "ev")):
            found = core.list_namespaced_event(
                metadata.get("namespace") or "default",
                field_selector=f"involvedObject.uid={metadata['uid']}",
                _request_timeout=_PATIENCE,
            ).items
        events: Objects = [self._client.sanitize_for_serialization(each) for each in found]
        return sorted(events, key=lambda each: str(each.get("eventTime") or each["lastTimestamp"]))

    def follow(self, resource: Resource, name: str, *, seconds: float) -> Iterator[Object | None]:
        """Yield each state of an object from now on; none while the API server is away.

        Args:
            resource: its kind.
            name: its name.
            seconds: when to give up; zero, never.

        Raises:
            Stop: it is gone.
        """
        deadline = time.monotonic() + seconds if seconds else math.inf
        while (left := deadline - time.monotonic()) > 0:
            try:
                yield from self._states(resource, name, min(left, _WATCH_SECONDS))
            except client.ApiException as refused:
                if refused.status not in (_GONE, _BUSY) and (refused.status or 0) < 500:
                    raise refusal(refused, resource) from refused
                yield None
                time.sleep(1)
            except (HTTPError, OSError):
                yield None
                time.sleep(1)

    def _states(self, resource: Resource, name: str, seconds: float) -> Iterator[Object]:
        api: Any = self._objects
        found = self._read(resource, name)
        yield found
        whole = max(1, math.ceil(seconds))
        everywhere = resource is HOSTS
        changes = watch.Watch().stream(
            api.list_cluster_custom_object if everywhere else api.list_namespaced_custom_object,
            *self._place(resource),
            field_selector=f"metadata.name={name}",
            resource_version=found["metadata"]["resourceVersion"],
            timeout_seconds=whole,
            _request_timeout=(_PATIENCE[0], whole + _PATIENCE[0]),
        )
        for change in cast("Iterator[Object]", changes):
            if change["type"] == "DELETED":
                raise error(f'{resource.singular} "{name}" was deleted')
            yield change["object"]

    @property
    def _in_a_pod(self) -> bool:
        """Whether there is nothing but the service account of the Pod that this runs in."""
        if self._kubeconfig or self._context or os.environ.get("KUBECONFIG"):
            return False
        default = Path(kube_config.KUBE_CONFIG_DEFAULT_LOCATION).expanduser()
        return bool(os.environ.get("KUBERNETES_SERVICE_HOST")) and not default.exists()

    @cached_property
    def _kubeconfig_loader(self) -> Any:
        files = self._kubeconfig or kube_config.KUBE_CONFIG_DEFAULT_LOCATION
        if self._kubeconfig and not Path(self._kubeconfig).exists():
            raise error(f"stat {self._kubeconfig}: no such file or directory")
        library: Any = kube_config
        with configured():
            merged = library.KubeConfigMerger(files).config
            if merged is None:
                raise error("there is no kubeconfig: set KUBECONFIG, or give --kubeconfig")
            contexts = [each["name"] for each in merged.safe_get("contexts") or ()]
            if self._context is not None and self._context not in contexts:
                raise error(f'context "{self._context}" does not exist')
            return library.KubeConfigLoader(config_dict=merged, active_context=self._context)

    @property
    def _address(self) -> str:
        api: Any = self._client
        return str(api.configuration.host)

    @cached_property
    def _client(self) -> client.ApiClient:
        settings = client.Configuration()
        settings.retries = False
        with configured():
            if self._in_a_pod:
                config.load_incluster_config(client_configuration=settings)
            else:
                self._kubeconfig_loader.load_and_set(settings)
        return client.ApiClient(settings)

    @cached_property
    def _objects(self) -> client.CustomObjectsApi:
        return client.CustomObjectsApi(self._client)

    def _read(self, resource: Resource, name: str) -> Object:
        api: Any = self._objects
        of_cluster = resource is HOSTS
        get = api.get_cluster_custom_object if of_cluster else api.get_namespaced_custom_object
        found: Object = get(*self._place(resource), name, _request_timeout=_PATIENCE)
        return found

    def _place(self, resource: Resource) -> tuple[str, ...]:
        where = () if resource is HOSTS else (self.namespace,)
        return GROUP, VERSION, *where, resource.plural

    def _asking(self, resource: Resource) -> Any:
        return in_kubectls_words(self._address, resource)
