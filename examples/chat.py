"""A chat over WebSockets: what one says, everybody reads. Needs the extra ehttpd[ws].

Open http://127.0.0.1:8000/ in two windows.
"""

from contextlib import suppress

from ehttpd.errors import ConnectionLost
from ehttpd.native import Request, Response, Router, WebSocket, serve

PAGE = """<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Chat</title>
<style>body { font: 1em/1.5 sans-serif; max-width: 40em; margin: 2em auto; } input { font: inherit }</style>
<h1>Chat</h1><ul aria-live="polite"></ul>
<form><input placeholder="Say something" aria-label="Say something" maxlength="500" autofocus></form><script>
const [list, form, input] = ["ul", "form", "input"].map(name => document.querySelector(name))
const show = text => list.append(Object.assign(document.createElement("li"), {textContent: text}))
const chat = new WebSocket(location.origin.replace("http", "ws") + "/talk")
chat.onmessage = event => show(event.data)
chat.onclose = () => show("The chat has ended. Reload the page to come back.")
form.onsubmit = event => { event.preventDefault(); chat.send(input.value); input.value = "" }
</script>
"""

app, talkers = Router(), set[WebSocket]()


def talk(websocket: WebSocket) -> None:
    talkers.add(websocket)
    try:
        for message in websocket:
            for each in list(talkers):
                with suppress(ConnectionLost):  # it has left, and its own talk will notice
                    each.send(message)
    finally:
        talkers.discard(websocket)


@app.get("/{$}")
def page(request: Request) -> Response:
    return Response.html(PAGE)


@app.get("/talk")
def chat(request: Request) -> Response:
    return Response.websocket(talk, max_message_size=2000)


if __name__ == "__main__":
    serve(app, "127.0.0.1:8000")
