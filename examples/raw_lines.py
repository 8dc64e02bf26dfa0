"""No HTTP at all: a handler of connections answers each line in capitals, until it reads ``bye``.

Try ``nc 127.0.0.1 8000``.
"""

from ehttpd.native import Sink, Source, connection_handler, serve


@connection_handler
def app(source: Source, sink: Sink) -> bool:
    line = source.readline()
    sink.write(line.upper())
    sink.flush()
    return line not in (b"", b"bye\n")  # True: keep the connection, and call again when there is more to read.


if __name__ == "__main__":
    serve(app, "127.0.0.1:8000")
