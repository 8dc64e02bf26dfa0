"""Where CPython takes memory for small objects: from the C library, while a crowd grows.

CPython's own allocator takes memory by the mebibyte, and gives one back only when nothing at all is left in it; after a
crowd of connections one of a server's own values is left in most. The allocator of the C library gives back each page,
but takes more processor time. So the one is asked while a crowd grows, the other at all other times.

Whoever frees or resizes an object need not know whose it is: CPython takes those of more than 512 octets from the C
library at all times, and looks at each address. So only the functions that allocate are exchanged, and those that stay
can free what they allocate, as `PyMem_SetAllocator` asks of whoever calls it in a running interpreter. One thing is not
true any more: `sys.getallocatedblocks()` counts what is freed, but not what was allocated meanwhile.

Another allocator than CPython's own is left alone: PYTHONMALLOC, tracemalloc, a profiler or a build without the GIL has
put it there.

What is freed the C library keeps in a cache of the thread that frees it (glibc's tcache), a few chunks of each size,
and gives back none of their pages until that thread ends. One that goes on can allocate the chunks, and have another
thread free them at its end.

Who exchanges the functions is told of crowds by ``memory.py``. The GIL is held meanwhile.
"""

from __future__ import annotations

from _ctypes import FUNCFLAG_CDECL, FUNCFLAG_PYTHONAPI, CFuncPtr, Structure, _SimpleCData, byref

from ehttpd.forks import tell_after_fork
from ehttpd.server.symbols import address_of

# PyMemAllocatorDomain
RAW, MEM, OBJ = range(3)
# What glibc caches for a thread: so many chunks of each size, in octets, its own 8 and what they are rounded up to
# included. The smallest is that of an `object`; 33 are what CPython needs for octets.
CHUNKS_OF_EACH, SIZES = 7, range(48, 1041, 16)
LENGTHS = tuple(size - 8 - 33 for size in SIZES for _ in range(CHUNKS_OF_EACH))
OCTETS = bytes(max(LENGTHS))


class Pointer(_SimpleCData):  # type: ignore[type-arg]  # it takes none while it runs
    _type_ = "P"


class Call(CFuncPtr):
    """A function of CPython that returns nothing and raises nothing; called with the GIL held."""

    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_PYTHONAPI
    _restype_ = None


class Functions(Structure):
    """The functions of a domain, and what is passed to each of them: PyMemAllocatorEx."""

    _fields_ = [(name, Pointer) for name in ("context", "malloc", "calloc", "realloc", "free")]  # noqa: RUF012

    context: int | None
    malloc: int
    calloc: int
    realloc: int
    free: int


class SmallObjects:
    """Has CPython take memory for small objects from the C library, and then from its own allocator again."""

    def __init__(self) -> None:
        self._own: Functions | None = None
        self._lent: Functions | None = None
        tell_after_fork(self)

    def borrow(self) -> bool:
        """Take it from the C library from now on, unless another allocator is there than CPython's own: then return
        False.
        """
        raw, mem, obj = map(functions_of, (RAW, MEM, OBJ))
        own = is_cpythons_own(raw, mem, obj)
        if own:
            self._own, self._lent = obj, Functions(None, raw.malloc, raw.calloc, obj.realloc, obj.free)
            exchange(self._lent)
        return own

    def restore(self) -> None:
        """Take it from CPython's own allocator again, unless somebody has put another there meanwhile."""
        if self._own and self._lent and all(same(functions_of(domain), self._lent) for domain in (MEM, OBJ)):
            exchange(self._own)

    def forsake(self) -> None:
        """Restore it in a process that was just forked: nobody there looks whether a crowd grows."""
        self.restore()

    def take_thread_cache(self) -> list[object]:
        """Allocate what the C library caches for the calling thread. To be freed by a thread that ends."""
        borrowed = self.borrow()
        chunks: list[object] = [OCTETS[:length] for length in LENGTHS]  # `bytes(length)` asks for others
        chunks += [object() for _ in range(CHUNKS_OF_EACH)]
        if borrowed:  # else a crowd grows elsewhere in this process
            self.restore()
        return chunks


def is_cpythons_own(raw: Functions, mem: Functions, obj: Functions) -> bool:
    """Tell whether CPython's own allocator takes memory for small objects.

    It is one and the same for both domains, and another than the one that asks the C library. One that is put before it
    has something passed to it, to know whom it is put before.
    """
    return same(mem, obj) and not (mem.context or raw.context) and mem.malloc != raw.malloc


def functions_of(domain: int) -> Functions:
    found = Functions()
    function("PyMem_GetAllocator")(domain, byref(found))
    return found


def exchange(functions: Functions) -> None:
    for domain in (MEM, OBJ):
        function("PyMem_SetAllocator")(domain, byref(functions))


def same(some: Functions, others: Functions) -> bool:
    return bytes(some) == bytes(others)


def function(name: str) -> Call:
    return Call(address_of(name))
