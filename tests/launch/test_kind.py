"""What a callable is written for is told by its signature."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ehttpd.launch.kind import Kind, kind_of


def wsgi(environ: Any, start_response: Any) -> Any: ...


def wsgi_with_option(environ: Any, start_response: Any, debug: bool = False) -> Any: ...


def wsgi_with_default(environ: Any, start_response: Any = None, debug: bool = False) -> Any: ...


def anything(*arguments: Any) -> Any: ...


def native(request: Any) -> Any: ...


def native_with_option(request: Any, greeting: str = "Hello") -> Any: ...


def factory() -> Any: ...


def factory_with_option(name: str = "site") -> Any: ...


def four(a: Any, b: Any, c: Any, d: Any) -> Any: ...


async def asgi(scope: Any, receive: Any, send: Any) -> Any: ...


async def asynchronous(request: Any) -> Any: ...


def asgi_behind_a_decorator(scope: Any, receive: Any, send: Any) -> Any: ...


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        return function(*arguments, **options)

    return wrapper


class WSGIObject:
    def __call__(self, environ: Any, start_response: Any) -> Any: ...

    def answer(self, request: Any) -> Any: ...

    @classmethod
    def answer_as_class(cls, request: Any) -> Any: ...

    @staticmethod
    def answer_as_function(request: Any) -> Any: ...


class WSGIObjectWithDefault:
    def __call__(self, environ: Any, start_response: Any = None) -> Any: ...


class ASGIObject:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any: ...


class Inherited(WSGIObject):
    pass


class ApplicationClass:
    """An application as PEP 3333 shows one: the instance is the iterable."""

    def __init__(self, environ: Any, start_response: Any) -> None: ...

    def __iter__(self) -> Iterator[bytes]:
        return iter(())


def raw(source: Any, sink: Any) -> bool:
    return False


raw.handles_connections = True  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (wsgi, Kind.WSGI),
        (wsgi_with_option, Kind.WSGI),
        (wsgi_with_default, Kind.WSGI),
        (functools.partial(wsgi_with_default, debug=True), Kind.WSGI),
        (decorated(wsgi_with_default), Kind.WSGI),
        (WSGIObjectWithDefault(), Kind.WSGI),
        (anything, Kind.WSGI),
        (WSGIObject(), Kind.WSGI),
        (Inherited(), Kind.WSGI),
        (ApplicationClass, Kind.WSGI),
        (functools.partial(wsgi), Kind.WSGI),
        (functools.partial(wsgi_with_option, debug=True), Kind.WSGI),
        (decorated(wsgi), Kind.WSGI),
        (native, Kind.NATIVE),
        (native_with_option, Kind.NATIVE),
        (functools.partial(native_with_option, greeting="Ahoy"), Kind.NATIVE),
        (decorated(native), Kind.NATIVE),
        (WSGIObject().answer, Kind.NATIVE),
        (WSGIObject.answer_as_class, Kind.NATIVE),
        (WSGIObject.answer_as_function, Kind.NATIVE),
        (raw, Kind.CONNECTION),
        (asgi, Kind.ASGI),
        (ASGIObject(), Kind.ASGI),
        (functools.partial(asgi), Kind.ASGI),
        (decorated(asgi), Kind.ASGI),
        (asgi_behind_a_decorator, Kind.ASGI),
        (asynchronous, Kind.ASYNCHRONOUS),
        (factory, Kind.FACTORY),
        (factory_with_option, Kind.FACTORY),
        (WSGIObject, Kind.FACTORY),
        (ASGIObject, Kind.FACTORY),
        (four, Kind.OTHER),
        (3, Kind.OTHER),
        (None, Kind.OTHER),
    ],
)
def test_the_kind_follows_from_the_parameters(target: object, kind: Kind) -> None:
    assert kind_of(target) is kind


def test_a_flask_application_is_wsgi() -> None:
    flask = pytest.importorskip("flask")
    assert kind_of(flask.Flask("site")) is Kind.WSGI


def test_django_handlers_are_told_apart() -> None:
    wsgi_handler = pytest.importorskip("django.core.handlers.wsgi").WSGIHandler
    asgi_handler = pytest.importorskip("django.core.handlers.asgi").ASGIHandler
    assert kind_of(wsgi_handler.__new__(wsgi_handler)) is Kind.WSGI
    assert kind_of(asgi_handler.__new__(asgi_handler)) is Kind.ASGI
