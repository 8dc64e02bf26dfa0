"""A middleware that believes the proxies in front: who asked, by which scheme, for which host.

What is believed of whom is proxies/'s. ehttpd's own server asks there before any handler is called, and leaves out what
others say; a handler may believe more than the operator has named.
"""

from __future__ import annotations

from collections.abc import Iterable

from ehttpd.fields import Fields
from ehttpd.messages import Handler, Request, Response, streaming_as
from ehttpd.proxies.hearing import Hearing, as_received
from ehttpd.proxies.trust import Trusted
from ehttpd.settings import Settings
from ehttpd.toolkit.answers import Answer, View, answer_of
from ehttpd.toolkit.pipeline import Middleware


def trust_proxy(addresses: Iterable[str] = ("127.0.0.1", "::1"), hops: int = 0) -> Middleware:
    """Take client, scheme and host from what trusted proxies say in Forwarded (RFC 7239) or X-Forwarded-*; leave it
    out where others say it.

    ``addresses`` are those of the proxies, or networks such as ``10.0.0.0/8``; ``hops`` how many proxies there are,
    whatever their addresses. Under ehttpd's own server those that the setting ``forwarded_allow_ips`` names are
    believed before, and that stands.

    Raises:
        SettingsError: an address is none.
    """
    settings = Settings(forwarded_allow_ips=list(addresses), forwarded_hops=hops)
    hearing = Hearing(Trusted(settings.forwarded_allow_ips), settings.forwarded_hops, settings.forwarded_fields)

    def middleware(view: View) -> Handler:
        def heard(request: Request) -> Answer:
            if not request.client.by_proxy:
                received = Fields(list(as_received(request.headers)))
                request.headers, request.client = hearing.hear(request.client, received)
            return view(request)

        def handler(request: Request) -> Response:
            return answer_of(heard, request)

        return streaming_as(view, handler)

    return middleware
