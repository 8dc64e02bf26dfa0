"""A threaded HTTP/1.1 server and toolkit in plain Python.

`ehttpd.wsgi` serves WSGI applications, `ehttpd.native` is for handlers of one's own, `ehttpd.http11` is the protocol
without a server.
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
