"""The checkpoint archive: capture a container's files, write the archive, read and verify it.

An archive is an ordinary Podman checkpoint archive: ``podman container restore --import`` and
checkpointctl accept it. :mod:`.capture` runs while the container is frozen and copies what it may
change; :mod:`.writer` streams that copy and CRIU's images into one file afterwards; :mod:`.reader`
is the other direction.
"""
