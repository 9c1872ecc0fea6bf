"""A camera's user name and password: from a file that the shop's operator puts on the device.

They are read again for every connection, so that a changed password is taken up without a restart, and handed to
nobody but the connection.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from modules.video_capture.camera_error import CameraError

SECRETS_FOLDER = "/run/secrets"


def userinfo(ref: str, environment: Mapping[str, str]) -> str:
    """`user:password` of the secret `ref`, ready for the front of a URL's host.

    The file `<ref>` in the folder that `STOREFLOW_SECRETS` names; where there is no such file, the variable
    `STOREFLOW_SECRET_<ref>`.

    Raises:
        CameraError: there is no such secret, or it is not of that form. What it says instead is not repeated.
    """
    path = _folder(environment) / ref
    try:
        text = path.read_text()
    except FileNotFoundError:
        text = environment.get("STOREFLOW_SECRET_" + ref, "")
        if not text:
            raise CameraError("credentials", f"secret {ref} is missing: put user:password into {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        cause = getattr(error, "strerror", None) or "it is no text"
        raise CameraError("credentials", f"secret {ref} can't be read: {cause}: fix {path}") from None
    user, separator, password = text.rstrip("\r\n").partition(":")
    if not (user and separator) or not (user + password).isprintable():
        raise CameraError("credentials", f"secret {ref} is not of the form user:password, on one line: fix {path}")
    return f"{quote(user, safe='')}:{quote(password, safe='')}"


def certificate(ref: str, environment: Mapping[str, str]) -> Path | None:
    """`<ref>.pem` beside the secret, if it is there: what an `rtsps` camera's certificate has to be or be signed by."""
    path = _folder(environment) / f"{ref}.pem"
    return path if path.is_file() else None


def _folder(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("STOREFLOW_SECRETS", SECRETS_FOLDER))
