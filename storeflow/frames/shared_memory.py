"""Memory without a name that one process writes and others can only read.

A memfd belongs to the processes that hold it and to nobody else: when the last of them goes, however it goes, the
kernel frees the memory. Two seals make it safe to hand out: it can't shrink (a reader would die of SIGBUS), and
nobody can map it writable any more. The writer's own mapping is older than the seal.
"""

import fcntl
import mmap
import os

import numpy as np
from numpy.typing import NDArray

from storeflow.errors import TransportError

# Of <linux/fcntl.h>, since Linux 5.1; Python names it from 3.13 on.
_F_SEAL_FUTURE_WRITE = 0x10
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL | _F_SEAL_FUTURE_WRITE


def create(size: int) -> tuple[int, NDArray[np.uint8]]:
    """A descriptor to hand out, and the memory as a flat writable array.

    The memory stays as long as the array or any reader's mapping of it; closing the descriptor is the caller's.

    Raises:
        TransportError: the kernel gives no such memory.
    """
    descriptor = -1
    try:
        descriptor = os.memfd_create("storeflow-frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(descriptor, size)
        memory = mmap.mmap(descriptor, size)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    except OSError as error:
        if descriptor >= 0:
            os.close(descriptor)
        raise TransportError(f"no shared memory of {size} bytes: {error.strerror}") from error
    return descriptor, np.frombuffer(memory, np.uint8)


def view(descriptor: int, size: int) -> NDArray[np.uint8]:
    """The memory behind a descriptor as a flat read-only array; the descriptor is closed, the memory stays.

    Raises:
        TransportError: it is not memory of that size that is safe to read.
    """
    try:
        if not fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK:
            raise TransportError("the shared memory that was handed over could shrink under its reader")
        memory = mmap.mmap(descriptor, size, prot=mmap.PROT_READ)
    except (OSError, ValueError) as error:
        raise TransportError(f"what was handed over is no shared memory of {size} bytes: {error}") from error
    finally:
        os.close(descriptor)
    return np.frombuffer(memory, np.uint8)
