"""The plugin as krew installs it: it brings its own Python and asks for nothing on the machine."""

from __future__ import annotations

import sys

from podman_checkpoint_operator.cli.plugin import completion, program

if __name__ == "__main__":
    # One program for both: each of its own would hold all of Python a second time.
    if sys.argv[1:2] == ["__complete"]:
        sys.exit(completion.main(sys.argv[2:]))
    sys.exit(program.main())
