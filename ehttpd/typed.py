"""What the house needs of `typing` while it runs, which is nothing: importing that takes 2 ms, a twentieth of a start.

The cellar's. Type checkers read the real things; names that stand in annotations alone are imported for them alone.
"""

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Protocol as Protocol
    from typing import overload as overload
else:

    class Protocol:
        """A base class that asks for nothing."""

        __slots__ = ()

    def overload(function):
        """Leave it as it is: the last definition of that name counts."""
        return function
