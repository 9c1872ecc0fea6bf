r"""Shared access signatures, and what they allow. Pure.

Source: event-hubs/authenticate-shared-access-signature: a token is `SharedAccessSignature sr={URI}&sig={signature}
&se={expiry}&skn={policy}` with `signature = base64(HMAC-SHA256(key, "{URI}\n{expiry}"))`, the URI encoded and the key
as it is written, not decoded. It opens the URI and what lies below it: a namespace, an event hub, a publisher. The put-
token request that brings it is that of AMQP Claims-Based Security (oasis-open.org, amqp-cbs-v1.0, working draft 5).

Of a URI only the path counts here: a stand-in goes by whatever host name its clients reach it under.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote_plus

from local_azure.event_hubs.addresses import lies_under, segments
from local_azure.event_hubs.config import AuthorizationRule, NamespaceConfig, Right
from storeflow.errors import StoreflowError

SCHEME = "SharedAccessSignature "
TOKEN_TYPE = "servicebus.windows.net:sastoken"  # noqa: S105 - the name of a kind, no secret


class TokenRefusedError(StoreflowError):
    """A token opens nothing; the text goes to whoever brought it."""


@dataclass(frozen=True)
class Grant:
    """What a token opened for a connection.

    Attributes:
        scope: segments of the path; what lies below it is open too.
        expires_at: seconds since the epoch.
    """

    scope: tuple[str, ...]
    rights: frozenset[Right]
    expires_at: float

    def allows(self, path: list[str], right: Right, now: float) -> bool:
        """Say whether a link to a path may be attached, or stay."""
        return right in self.rights and now < self.expires_at and lies_under(path, list(self.scope))


def sign(uri: str, policy: str, key: str, expires_at: int) -> str:
    """Return a token for a URI such as `sb://localhost/telemetry`."""
    resource = quote_plus(uri)
    signature = quote_plus(_signature(resource, expires_at, key))
    return f"{SCHEME}sr={resource}&sig={signature}&se={expires_at}&skn={quote_plus(policy)}"


def check(token: str, audience: str, rules: Mapping[str, Iterable[AuthorizationRule]], now: float) -> Grant:
    """Check a token that was put for an audience.

    Args:
        token: as it came.
        audience: the URI that it is to open.
        rules: policies, by the event hub in lower case whose they are; the namespace's under an empty name.
        now: seconds since the epoch.

    Raises:
        TokenRefusedError: it opens nothing.
    """
    fields = dict(parse_qsl(token.removeprefix(SCHEME)))
    raw = dict(part.partition("=")[::2] for part in token.removeprefix(SCHEME).split("&"))
    if not token.startswith(SCHEME) or not {"sr", "sig", "se", "skn"} <= fields.keys() or not fields["se"].isdecimal():
        raise TokenRefusedError("MalformedToken: The token is not SharedAccessSignature sr=…&sig=…&se=…&skn=….")
    scope, expires_at = segments(fields["sr"]), int(fields["se"])
    hub = scope[0].lower() if scope else ""
    known = {rule.name.lower(): rule for owner in ("", hub) for rule in rules.get(owner, ())}
    rule = known.get(fields["skn"].lower())
    expected = _signature(raw["sr"], expires_at, rule.key) if rule else ""
    if rule is None or not hmac.compare_digest(expected.encode(), fields["sig"].encode()):
        raise TokenRefusedError("InvalidSignature: The token has an invalid signature.")
    if expires_at <= now:
        ended = datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        raise TokenRefusedError(f"ExpiredToken: The token is expired. Expiration time: '{ended}'")
    if not lies_under(segments(audience), scope):
        raise TokenRefusedError(f"InvalidAudience: The authorization header contains a token for '{fields['sr']}'.")
    return Grant(tuple(segments(audience)), frozenset(rule.rights), expires_at)


def rules_of(namespace: NamespaceConfig) -> dict[str, tuple[AuthorizationRule, ...]]:
    """Return the policies of a namespace as `check` wants them."""
    return {"": namespace.authorization_rules} | {
        hub.name.lower(): hub.authorization_rules for hub in namespace.entities
    }


def _signature(resource: str, expires_at: int, key: str) -> str:
    return base64.b64encode(
        hmac.new(key.encode(), f"{resource}\n{expires_at}".encode(), hashlib.sha256).digest()
    ).decode()
