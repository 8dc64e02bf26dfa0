"""Where development listens."""

from __future__ import annotations

from contextlib import closing

import pytest

from ehttpd.develop.ports import opened, urls
from ehttpd.errors import ListenError
from ehttpd.settings import Settings


def test_an_address_for_tls_wants_a_certificate() -> None:
    with pytest.raises(ListenError, match=r"cannot speak TLS on 127\.0\.0\.1:\d+ without a certificate") as caught:
        opened(Settings(bind=["127.0.0.1:0", "https://127.0.0.1:0"]), next_free=True)
    assert "--tls" in caught.value.cure


@pytest.mark.parametrize(
    ("address", "certfile", "scheme"),
    [("127.0.0.1:0", [], "http"), ("127.0.0.1:0", ["a.pem"], "https"), ("http://127.0.0.1:0", ["a.pem"], "http")],
)
def test_browsers_and_processes_learn_what_is_spoken_where(address: str, certfile: list[str], scheme: str) -> None:
    settings = Settings(bind=[address], certfile=certfile)
    (listener,) = opened(settings, next_free=False)
    with closing(listener):
        assert urls([listener], settings) == [f"{scheme}://127.0.0.1:{listener.local[1]}"]
        assert listener.passed_as(7) == address.replace("127.0.0.1:0", "fd:7")
