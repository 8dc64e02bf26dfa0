"""Leaving HTTP: a client that upgrades to ``line/1`` gets each of its lines back in capitals.

Try ``python -m asyncio`` or any program that can upgrade; a browser cannot.
"""

from ehttpd.native import HTTPError, Request, Response, Router, Tunnel, serve

app = Router()


def talk(tunnel: Tunnel) -> None:
    for line in tunnel:  # on a thread that takes no place of handlers; what was read ahead is not lost
        tunnel.send(line.upper())


@app.get("/echo")
def echo(request: Request) -> Response:
    if (request.headers.get("upgrade") or "").lower() != "line/1":
        raise HTTPError(426, headers={"Upgrade": "line/1"})
    return Response.upgrade("line/1", talk, idle_timeout=60)


if __name__ == "__main__":
    serve(app, "127.0.0.1:8000")
