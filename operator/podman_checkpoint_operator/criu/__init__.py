"""What is known of CRIU and of the runtimes that drive it: logs, failures, options, statistics.

Pure knowledge, checked in the sources of CRIU 3.15 to 4.2, crun, runc and Podman: text goes in,
facts come out. Files are read and written by ``host/``.
"""
