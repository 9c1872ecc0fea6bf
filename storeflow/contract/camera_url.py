"""What a camera's url may say. Nothing is opened: whoever writes a twin and whoever reads it judge alike."""

import re
from urllib.parse import urlsplit

LIVE = ("rtsp", "rtsps")
PATTERNS = ("walker",)
"""What `pattern:NAME` may say."""

_USER = re.compile(r"[^/?#]*//[^/?#]*@")
_PASSWORD = re.compile(r"(?i)(?:password|passwd|pass|pwd)=[^&/]")


def fault(url: str) -> str | None:
    """What is wrong with a camera's url, without any password in it; none if nothing is."""
    scheme, _, name = url.partition(":")
    if _USER.match(url):
        return "a URL in a twin carries no user name or password: credentials_ref names the secret that has them"
    if scheme == "pattern":
        return None if name in PATTERNS else f"there is no pattern {name!r}, only {', '.join(PATTERNS)}"
    if scheme in LIVE:
        return _fault_of_live(url)
    if scheme == "file":
        return _fault_of_clip(name)
    return "begins with none of rtsp:, rtsps:, file:, pattern:"


def _fault_of_live(url: str) -> str | None:
    wanted = "wants rtsp://host/path or rtsp://host:port/path"
    try:
        parts = urlsplit(url)
        if not parts.hostname or parts.port == 0 or not url.isprintable() or " " in url:
            return wanted
    except ValueError:  # the port is no number, or too large
        return wanted
    if _PASSWORD.search(url):
        return "has a password in it: put user:password into a secret and name that in credentials_ref"
    return None


def _fault_of_clip(name: str) -> str | None:
    parts = name.split("/")
    if not name.isprintable() or not set(parts) - {"", "."}:
        return "file: wants the name of a clip in the media folder"
    if name.startswith("/") or ".." in parts:
        return f"{name!r} leads out of the media folder: file: wants a name or a path inside it"
    return None
