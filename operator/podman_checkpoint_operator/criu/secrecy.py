"""What of other programs' words is not repeated: passwords in addresses, options and variables.

CRIU's error lines name files, sockets and processes, and no variable or argument of a process. But
a file can have any name, and Podman and the runtimes quote image addresses and, where a command
cannot be started, commands. All of it ends in a status that many may read.
"""

from __future__ import annotations

import re
from typing import Final

HIDDEN: Final = "<hidden>"

_NAME: Final = (
    r"[\w.-]*(?:passw(?:or)?d|passphrase|(?<![a-z])pwd|secret|token|credential|api[_-]?key"
    r"|private[_-]?key|access[_-]?key)[\w.-]*"
)
_BEGINS: Final = r"(?<![\w.-])"
"""Where a name may begin; tried at every letter of a long word, a pattern takes for ever."""
_VALUE: Final = r"""(?:"[^"]*"?|'[^']*'?|[^\s"',;&)\]}]+)"""
_SECRETS: Final = (
    # scheme://user:password@host
    (re.compile(r"(://[^\s/:@]*:)[^\s/]+(?=@)"), rf"\g<1>{HIDDEN}"),
    # "NAME=a value"
    (re.compile(rf'(?i)("{_NAME}=)[^"]*'), rf"\g<1>{HIDDEN}"),
    # NAME=value, "name": "value", name: "value"
    (re.compile(rf"(?i){_BEGINS}({_NAME}[\"']?(?:=|:\s*(?=[\"'])))\s*{_VALUE}"), rf"\g<1>{HIDDEN}"),
    # --name value
    (re.compile(rf"(?i){_BEGINS}(--?{_NAME}[\"']?[\s,]+){_VALUE}"), rf"\g<1>{HIDDEN}"),
    (re.compile(r"(?i)(\b(?:bearer|basic) )[\w.~+/=-]{8,}"), rf"\g<1>{HIDDEN}"),
)


def without_secrets(text: str) -> str:
    """Return a text with the values taken out that look like secrets by their names."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text
