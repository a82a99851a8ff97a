"""What `helm test` runs: whether each node that is to have an agent has one that works."""

import os
import sys

from kubernetes import client, config

config.load_config()
api = client.CustomObjectsApi()
hosts = api.list_cluster_custom_object("podman-checkpoint.dev", "v1alpha1", "podmanhosts")["items"]
silent = []
for host in hosts:
    conditions = host.get("status", {}).get("conditions", [])
    ready = next((each for each in conditions if each["type"] == "Ready"), {})
    print(host["metadata"]["name"], ready.get("reason", "Unknown"), ready.get("message", ""))
    if ready.get("status") != "True":
        silent.append(host["metadata"]["name"])
name = os.environ.get("DAEMON_SET")
if name:
    where = ("apps", "v1", os.environ["NAMESPACE"], "daemonsets", name)
    status = api.get_namespaced_custom_object(*where).get("status", {})
    wanted, ready = (status.get(key, 0) for key in ("desiredNumberScheduled", "numberReady"))
    print(f"agents ready: {ready} of {wanted}")
    if not wanted or ready < wanted or len(hosts) < wanted:
        sys.exit("not every node with Podman has an agent that works: see their logs")
if silent:
    sys.exit(f"not ready: {', '.join(silent)}")
