"""Which partition a partition key lands on.

Source: Azure/azure-sdk-for-net, sdk/eventhub/Azure.Messaging.EventHubs/src/Core/PartitionResolver.cs, which says of
itself that it is a port of the service's code: Bob Jenkins's lookup3 (`hashlittle2`, burtleburtle.net/bob/c/lookup3.c)
with both seeds 0, the exclusive or of its two results cut to 16 bits with a sign, and the remainder's absolute value.

The Python SDK's buffered producer (`_buffered_producer/_partition_resolver.py` of azure-eventhub 5.15) has the same
hash for ASCII only, because it goes by characters, not by bytes of UTF-8; and of a negative one it takes Python's
remainder, which is another number. Nothing should rest on which partition it is: only that one key has one.
"""

_MASK = 0xFFFFFFFF
_BLOCK_BYTES = 12
_MIX_ROTATIONS = (4, 6, 8, 16, 19, 4)
_FINAL_ROTATIONS = (14, 11, 25, 16, 4, 14, 24)
_HASH_BITS = 16


def partition_of(key: str, partitions: int) -> int:
    """Return the index of the partition that takes events with this key."""
    return abs(key_hash(key)) % partitions


def key_hash(key: str) -> int:
    """Return the hash of a key: 16 bits with a sign."""
    data = key.encode()
    first = second = third = (0xDEADBEEF + len(data)) & _MASK
    while len(data) > _BLOCK_BYTES:
        first, second, third = _mix(*_add(first, second, third, data[:_BLOCK_BYTES]))
        data = data[_BLOCK_BYTES:]
    if data:
        second, third = _final(*_add(first, second, third, data.ljust(_BLOCK_BYTES, b"\0")))
    short = (second ^ third) & ((1 << _HASH_BITS) - 1)
    return short - (1 << _HASH_BITS) if short >> (_HASH_BITS - 1) else short


def _add(first: int, second: int, third: int, block: bytes) -> tuple[int, int, int]:
    words = (int.from_bytes(block[start : start + 4], "little") for start in (0, 4, 8))
    sums = ((value + word) & _MASK for value, word in zip((first, second, third), words, strict=True))
    return next(sums), next(sums), next(sums)


def _mix(first: int, second: int, third: int) -> tuple[int, int, int]:
    for rotation in _MIX_ROTATIONS:
        first = ((first - third) & _MASK) ^ _rotate(third, rotation)
        third = (third + second) & _MASK
        first, second, third = second, third, first
    return first, second, third


def _final(first: int, second: int, third: int) -> tuple[int, int]:
    before, turned, after = second, third, first
    for rotation in _FINAL_ROTATIONS:
        before, turned, after = ((turned ^ before) - _rotate(before, rotation)) & _MASK, after, before
    return after, before


def _rotate(word: int, bits: int) -> int:
    return ((word << bits) | (word >> (32 - bits))) & _MASK
