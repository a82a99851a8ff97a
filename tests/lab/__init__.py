"""The lab: a real kube-apiserver and real Podman hosts on one machine.

``./lab`` and ``make lab-up`` drive it for people; the end-to-end tests import it.
"""
