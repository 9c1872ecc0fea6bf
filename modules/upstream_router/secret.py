"""A secret of this module's: from a file that the shop's operator, or a service on the device, keeps up to date.

It is read again for every connection, so that a new token is taken up without a restart.
"""

from collections.abc import Mapping
from pathlib import Path

from storeflow.errors import TransportError

SECRETS_FOLDER = "/run/secrets"


def secret(ref: str, environment: Mapping[str, str]) -> str:
    """The text of the secret `ref`.

    The file `<ref>` in the folder that `STOREFLOW_SECRETS` names; where there is no such file, the variable
    `STOREFLOW_SECRET_<ref>`.

    Raises:
        TransportError: there is no such secret, or it can't be read.
    """
    path = Path(environment.get("STOREFLOW_SECRETS", SECRETS_FOLDER)) / ref
    try:
        text = path.read_text()
    except FileNotFoundError:
        text = environment.get("STOREFLOW_SECRET_" + ref, "")
    except (OSError, UnicodeDecodeError) as error:
        cause = getattr(error, "strerror", None) or "it is no text"
        raise TransportError(f"secret {ref} can't be read: {cause}: fix {path}") from None
    if not text.strip():
        raise TransportError(f"secret {ref} is missing: put a connection string into {path}")
    return text.strip()
