"""A mix-in for unittest: a server for each test, which verifies itself when the test ends.

unittest's. What a test author may change are attributes of the class.
"""

from __future__ import annotations

from ehttpd.testing.mock import MockServer
from ehttpd.testing.server import TestServer
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


class ServerMixin:
    """To be mixed into a `unittest.TestCase`, before it: ``class MyTest(ServerMixin, TestCase)``.

    ``self.server`` is a `MockServer`, or a `TestServer` of what ``app`` returns. What went wrong is raised at the end.
    """

    server_options: dict[str, Any] = {}  # noqa: RUF012 - replaced by who wants others, not changed
    server: Any  # MockServer or TestServer, as the author of the test knows

    def app(self) -> Any:
        """Return a WSGI application or a native handler to serve; None: there is a mock server."""

    def setUp(self) -> None:
        super().setUp()  # type: ignore[misc]
        app = self.app()
        server: TestServer = (
            MockServer(**self.server_options) if app is None else TestServer(app, **self.server_options)
        )
        self.server = server.start()
        # Cleanups run in reverse: stop first, and then look.
        self.addCleanup(server.verify)  # type: ignore[attr-defined]
        self.addCleanup(server.stop)  # type: ignore[attr-defined]
