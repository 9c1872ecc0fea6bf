"""A camera of Azure Spatial Analysis as one of storeflow: its address, and never its password."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_SECRET = re.compile(r"(?i)(?:user|login|pass|pwd|secret|token|auth|key)\w*=")
"""What a path says that has a password in it, as those of some recorders do."""


class Address(NamedTuple):
    """Where a camera is."""

    url: str
    """Without user name and password."""
    had_credentials: bool


def read_address(url: Any) -> Address:
    """Part `rtsp://user:password@host/path` into what may be shown and what may not.

    Raises:
        ValueError: it can't be taken over, with the reason; nothing of the address is in it.
    """
    if not isinstance(url, str) or not url:
        raise ValueError("VIDEO_URL is missing")
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in ("rtsp", "rtsps"):
        raise ValueError("VIDEO_URL is neither rtsp: nor rtsps:, but a clip, a placeholder or encrypted")
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    if "@" in path:
        raise ValueError("VIDEO_URL has an @ behind its first /: where the password ends is unclear")
    if _SECRET.search(host + slash + path):
        raise ValueError("VIDEO_URL has a password in its path: give the camera one before its host instead")
    return Address(f"{scheme.lower()}://{host}{slash}{path}", had_credentials=host != authority)


def camera_settings(camera_id: str, parameters: Mapping[str, Any]) -> tuple[dict[str, Any] | None, list[str]]:
    """The settings of one camera, or none, and what its owner has to know."""
    try:
        address = read_address(parameters.get("VIDEO_URL"))
    except ValueError as error:
        return None, [f"cameras.{camera_id}: left out: {error}; add it by hand, its lines and zones wait for it"]
    if not address.had_credentials:
        return {"url": address.url}, []
    message = (
        f"cameras.{camera_id}.credentials_ref: the user name and password of VIDEO_URL are not in the result; write "
        f"them as user:password into the secret {camera_id} on the device (docs/configuration.md, Secrets)"
    )
    return {"url": address.url, "credentials_ref": camera_id}, [message]
