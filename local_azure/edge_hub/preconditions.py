"""`If-Match`: a change is made only to what its author has seen.

Sources: learn.microsoft.com/rest/api/iothub/common-error-codes (412001) and RFC 7232. IoT Hub minds an ETag in double
quotes only: without them it is no condition at all (Azure/azure-iot-sdk-python, pull request 754).
"""


def is_quoted(condition: str) -> bool:
    """Say whether a header `If-Match` is one that IoT Hub minds."""
    tag = condition.removeprefix("W/")
    return condition == "*" or (len(tag) > 1 and tag.startswith('"') and tag.endswith('"'))


def etag_matches(condition: str, etag: str) -> bool:
    """Say whether a change may be made; without a condition it may."""
    if condition == "*" or not is_quoted(condition):
        return True
    return condition.removeprefix("W/").strip('"') == etag
