"""What a callable is written for, told by its signature: two parameters are WSGI, one is a native handler. A second one
that need not be given makes it WSGI if it is called ``start_response``.

The authority is PEP 3333 for two parameters, ``native.py`` for one, the ASGI specification for three. Calls nothing.
"""

from __future__ import annotations

from enum import Enum
from functools import partial
from types import FunctionType, MethodType

VARIADIC = 0x04  # inspect.CO_VARARGS; importing inspect takes longer than all that is done here
ASYNCHRONOUS = 0x80 | 0x200  # inspect.CO_COROUTINE, inspect.CO_ASYNC_GENERATOR
UNBOUNDED = 1000  # parameters of a callable that takes *arguments


class Kind(Enum):
    """What something is written for."""

    WSGI = "WSGI"
    NATIVE = "native handler"
    CONNECTION = "connection handler"
    ASGI = "ASGI"
    ASYNCHRONOUS = "asynchronous"
    FACTORY = "factory"
    OTHER = "other"


SERVABLE = (Kind.WSGI, Kind.NATIVE, Kind.CONNECTION)


def kind_of(target: object) -> Kind:
    """Return what ``target`` is written for. A class is judged by what it takes to make an instance (PEP 3333)."""
    if not callable(target):
        return Kind.OTHER
    if getattr(target, "handles_connections", False) is True:
        return Kind.CONNECTION
    required, most = positional_parameters(target)
    if is_asynchronous(target):
        return Kind.ASGI if most >= 3 else Kind.ASYNCHRONOUS
    if required == 0 and most < 2:
        return Kind.FACTORY
    if required <= 2 <= most and (required != 1 or second_parameter(target) == "start_response"):
        return Kind.WSGI
    if required == 1:
        return Kind.NATIVE
    return Kind.ASGI if required == 3 else Kind.OTHER


def positional_parameters(target: object) -> tuple[int, int]:
    """Return how many positional arguments ``target`` needs, and how many it takes."""
    function, bound = underlying(target)
    if not isinstance(function, FunctionType):
        return inspected_parameters(target)
    code = function.__code__
    most = code.co_argcount - bound
    required = most - len(function.__defaults__ or ())
    return max(required, 0), UNBOUNDED if code.co_flags & VARIADIC else most


def second_parameter(target: object) -> str:
    """Return what the second positional parameter of ``target`` is called; nothing if it does not say."""
    function, bound = underlying(target)
    if isinstance(function, FunctionType):
        names = function.__code__.co_varnames[bound : function.__code__.co_argcount]
    else:
        from inspect import signature

        names = tuple(signature(target).parameters)  # type: ignore[arg-type]  # `positional_parameters` has asked it
    return names[1] if len(names) > 1 else ""


def underlying(target: object) -> tuple[object, int]:
    """Return the function that runs when ``target`` is called, and how many arguments it is given before ours."""
    if isinstance(target, MethodType):
        return unwrapped(target.__func__), 1
    if isinstance(target, FunctionType):
        return unwrapped(target), 0
    if isinstance(target, type):
        return defined(target, "__init__"), 1
    return unwrapped(defined(type(target), "__call__")), 1


def defined(owner: type, name: str) -> object:
    """Return a method as it was defined, not bound to anything."""
    return next((vars(base)[name] for base in owner.__mro__ if name in vars(base)), None)


def unwrapped(function: object) -> object:
    """Return what ``functools.wraps`` decorators were put around."""
    while isinstance(function, FunctionType) and hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def inspected_parameters(target: object) -> tuple[int, int]:
    """Return the same for a callable that is not plain Python: a partial, a compiled function, a class without init."""
    from inspect import signature

    try:
        parameters = signature(target).parameters.values()  # type: ignore[arg-type]  # it is callable
    except (TypeError, ValueError):
        return 2, 2  # A compiled callable that does not say: most servable ones are WSGI.
    positional = [entry for entry in parameters if entry.kind in (entry.POSITIONAL_ONLY, entry.POSITIONAL_OR_KEYWORD)]
    required = [entry for entry in positional if entry.default is entry.empty]
    variadic = any(entry.kind is entry.VAR_POSITIONAL for entry in parameters)
    return len(required), UNBOUNDED if variadic else len(positional)


def is_asynchronous(target: object) -> bool:
    """Return whether a call of ``target`` returns something to be awaited."""
    while isinstance(target, partial):
        target = target.func
    function, _ = underlying(target)
    return isinstance(function, FunctionType) and bool(function.__code__.co_flags & ASYNCHRONOUS)
