"""The plugin, as the tests of others see it: run by pytest itself, alone, by several workers, in any order."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import entry_points
from urllib.request import urlopen

import pytest

pytest_plugins = ("pytester",)

# Others' plugins that this environment has are not part of what is tested, and take their time.
QUIET = ("-p", "no:cacheprovider", "-p", "ehttpd.testing.plugin")
IN_RANDOM_ORDER = ("-p", "random_order.plugin", "--random-order")


@pytest.fixture(autouse=True)
def no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


PASSING = """
    import pytest
    from ehttpd.testing import faults

    def application(environ, start_response):
        start_response("200 OK", [])
        return [b"served"]

    @pytest.fixture
    def app():
        return application

    @pytest.mark.parametrize("number", range(6))
    def test_retries_after_a_reset(ehttpd_server, number):
        ehttpd_server.on("GET /items/{id}").fail(faults.reset(at="response-body", after=10)).times(1)
        ehttpd_server.on("GET /items/{id}").reply(json={"id": 7})
        client = ehttpd_server.client()
        with pytest.raises(ConnectionResetError):
            client.get("/items/7")
        assert client.get("/items/7").json() == {"id": 7}
        assert len(ehttpd_server.requests) == 2

    def test_the_app_is_served(ehttpd_app):
        assert ehttpd_app.client().get("/").text == "served"

    def test_several_servers(ehttpd_factory, app, ehttpd_ca):
        with ehttpd_factory(app, tls=True) as server:
            assert server.url.startswith("https:")
            assert server.ca_pem == ehttpd_ca.pem
            assert server.client().get("/").text == "served"
        other = ehttpd_factory()
        other.on("/").reply(204)
        assert other.client().get("/").status == 204
"""


FAILING = """
    import pytest
    from ehttpd.testing import UnmetRule

    def test_unmet(ehttpd_server):
        ehttpd_server.on("GET /never")

    def test_unexpected(ehttpd_server):
        ehttpd_server.on("POST /hook", json={"event": "paid"}).optional()
        ehttpd_server.client().post("/hook", json={"event": "open"})

    def test_broken(ehttpd_factory):
        def breaks(request):
            raise KeyError("the handler's own")
        ehttpd_factory(breaks).client().get("/")
        ehttpd_factory().client().get("/nobody")

    def test_verified_by_its_block(ehttpd_factory):
        with pytest.raises(UnmetRule):
            with ehttpd_factory() as server:
                server.on("GET /never")

    @pytest.mark.ehttpd(strict=False)
    def test_relaxed(ehttpd_server):
        ehttpd_server.on("GET /never")
        assert ehttpd_server.client().get("/nobody").status == 500
"""


@pytest.mark.parametrize("options", [(), (*IN_RANDOM_ORDER, "--random-order-seed=3")], ids=["in order", "random"])
def test_fixtures_serve_each_test(pytester: pytest.Pytester, options: tuple[str, ...]) -> None:
    pytester.makepyfile(PASSING)
    run = pytester.runpytest_inprocess(*QUIET, "-Werror", "--strict-markers", *options)
    run.assert_outcomes(passed=8)


def test_a_test_fails_by_itself(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FAILING)
    run = pytester.runpytest_inprocess(*QUIET)
    run.assert_outcomes(passed=5, errors=3)
    tells_what_was_seen(run.stdout.str())


def test_workers_of_xdist_do_the_same_in_random_order(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_passing=PASSING, test_failing=FAILING)
    run = pytester.runpytest_subprocess(*QUIET, *IN_RANDOM_ORDER, "-p", "xdist", "-n", "2")
    run.assert_outcomes(passed=13, errors=3)
    tells_what_was_seen(run.stdout.str())


def tells_what_was_seen(output: str) -> None:
    assert re.search(r"GET /never \(test_\w+\.py:\d+\) was expected once, and came not at all", output)
    assert "json['event']: expected 'paid', received 'open'" in output
    assert "What the servers of test_broken have seen (2 sub-exceptions)" in output
    assert """raise KeyError("the handler's own")""" in output, "the traceback is the handler's"
    assert "No rule is for GET /nobody." in output


def test_a_failing_test_shows_every_exchange_and_no_second_failure(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        def test_fails(ehttpd_server):
            ehttpd_server.on("GET /never")
            ehttpd_server.on("POST /there").reply(201)
            ehttpd_server.client().post("/there", body=b"mail")
            assert False, "the test's own"
    """)
    run = pytester.runpytest_inprocess(*QUIET)
    run.assert_outcomes(failed=1)
    run.stdout.fnmatch_lines(
        ["*ehttpd exchanges (call)*", "http://127.0.0.1:*", "  POST /there -> 201*body b'mail'*", "  ! GET /never (*"]
    )


def test_what_a_test_that_did_not_run_to_its_end_has_left_undone_is_no_failure(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        def test_is_skipped(ehttpd_server):
            ehttpd_server.on("GET /never")
            pytest.skip("nobody is there")

        def test_is_known_to_fail(ehttpd_server):
            ehttpd_server.on("GET /never")
            pytest.xfail("a known bug")

        @pytest.mark.xfail(raises=KeyError)
        def test_is_known_to_raise(ehttpd_server):
            ehttpd_server.on("GET /never")
            raise KeyError
    """)
    run = pytester.runpytest_inprocess(*QUIET)
    run.assert_outcomes(skipped=1, xfailed=2)


def test_what_is_left_behind_is_a_failure_unless_it_is_meant(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ehttpd.testing.leaks.LAST_CALL", 0.05)
    pytester.makepyfile("""
        import socket, threading
        import pytest

        @pytest.fixture(scope="module")
        def kept():
            ends = threading.Event()
            thread = threading.Thread(target=ends.wait, name="forgotten")
            sockets = []
            yield sockets, thread
            for each in sockets:
                each.close()
            ends.set()
            thread.join()

        @pytest.fixture
        def before():
            with socket.socket() as connected:
                yield connected

        def test_leaves_something(ehttpd_server, kept):
            kept[0].append(socket.create_connection(("127.0.0.1", ehttpd_server.port)))
            kept[1].start()

        def test_leaves_something_and_more(ehttpd_server, kept):
            ehttpd_server.on("GET /never")
            kept[0].append(socket.socket())

        @pytest.mark.ehttpd(leaks=False)
        def test_means_it(ehttpd_server, kept):
            kept[0].append(socket.create_connection(("127.0.0.1", ehttpd_server.port)))

        def test_leaves_nothing(before, ehttpd_server):
            ehttpd_server.on("/")
            ehttpd_server.client().get("/")
            before.connect(("127.0.0.1", ehttpd_server.port))  # closed after the server has ended

        @pytest.fixture(scope="module")
        def elsewhere():
            with socket.create_server(("127.0.0.1", 0)) as listening:
                yield listening

        def test_others_may_stay_connected(elsewhere, ehttpd_server, kept):
            kept[0].append(socket.create_connection(elsewhere.getsockname()))
            kept[0].append(elsewhere.accept()[0])
    """)
    run = pytester.runpytest_inprocess(*QUIET)
    run.assert_outcomes(passed=5, errors=2)
    run.stdout.fnmatch_lines(
        [
            "*The thread 'forgotten' still runs: wait (*). If that is meant: @pytest.mark.ehttpd(leaks=False).",
            "*The socket with descriptor *, connected to http://127.0.0.1:*, is still open. Close the client *",
            "*ExceptionGroup: What the servers of test_leaves_something_and_more have seen (2 sub-exceptions)*",
            "*UnmetRule: GET /never *",
            "*The socket with descriptor * is still open.*",
        ]
    )


def test_events_that_nobody_ends_are_left_behind(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ehttpd.testing.leaks.LAST_CALL", 0.05)
    pytester.makepyfile("""
        import queue, socket, threading
        import pytest
        from ehttpd.native import Response

        @pytest.fixture(scope="module")
        def inboxes():
            inboxes = {False: queue.Queue(), True: queue.Queue()}
            yield inboxes
            inboxes[False].put(None)
            for thread in threading.enumerate():
                if thread.name == "ehttpd-events":
                    thread.join()

        @pytest.mark.parametrize("woken", [False, True])
        def test_events(ehttpd_factory, inboxes, woken):
            inbox = inboxes[woken]

            def listen(request):
                if woken:
                    request.disconnected.add_callback(lambda: inbox.put(None))
                return Response.sse(iter(inbox.get, None))

            server = ehttpd_factory(listen)
            inbox.put("news")
            with socket.create_connection(("127.0.0.1", server.port), 10) as client:
                client.sendall(b"GET / HTTP/1.1\\r\\nHost: here\\r\\n\\r\\n")
                while b"news" not in client.recv(1000):
                    pass
    """)
    run = pytester.runpytest_inprocess(*QUIET)
    run.assert_outcomes(passed=2, errors=1)
    run.stdout.fnmatch_lines(["*ERROR at teardown of test_events?False?*", "*The thread 'ehttpd-events' still runs: *"])


def test_a_mark_relaxes_what_it_names_and_nothing_else(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        def breaks(request):
            raise KeyError("meant")

        @pytest.mark.ehttpd(exceptions=False)
        def test_of_what_breaks(ehttpd_factory):
            assert ehttpd_factory(breaks).client().get("/").status == 500

        @pytest.mark.ehttpd(exceptions=False)
        def test_of_what_is_not_met(ehttpd_server):
            ehttpd_server.on("/never")

        @pytest.mark.ehttpd(stict=False)
        def test_of_a_mark_that_is_none(ehttpd_server): ...

        @pytest.mark.ehttpd(False)
        def test_of_a_mark_without_names(ehttpd_server): ...
    """)
    run = pytester.runpytest_inprocess(*QUIET)
    run.assert_outcomes(passed=2, errors=3)
    run.stdout.fnmatch_lines(["*The mark of *test_of_a_mark_that_is_none is none of: ehttpd(strict=*Found *stict*"])
    run.stdout.fnmatch_lines(["*The mark of *test_of_a_mark_without_names is none of: ehttpd(strict=*Found *False*"])


def test_a_stop_that_took_long_is_a_warning(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        def test_stops_slowly(ehttpd_server):
            ehttpd_server.slowness = "It waits for: connection 0"
    """)
    run = pytester.runpytest_inprocess(*QUIET, "-Wdefault")
    run.assert_outcomes(passed=1, warnings=1)
    run.stdout.fnmatch_lines(["*SlowStop: It waits for: connection 0"])


def test_what_was_seen_is_told_beside_the_failure_of_another_fixture(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        @pytest.fixture
        def broken():
            yield
            raise KeyError("the fixture's own")

        def test_unmet(broken, ehttpd):
            ehttpd.on("GET /never").times(range(1, 3))
    """)
    run = pytester.runpytest_inprocess(*QUIET)
    run.assert_outcomes(passed=1, errors=1)
    run.stdout.fnmatch_lines(["E *KeyError: \"the fixture's own\"", "E *ehttpd has seen: UnmetRule('GET /never *"])


def test_a_shared_server_begins_anew_for_each_test_and_tells_of_what_is_late(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import threading
        from urllib.request import urlopen
        from urllib.error import HTTPError
        import pytest

        urls = set()

        def test_first(ehttpd_session):
            urls.add(ehttpd_session.url)
            ehttpd_session.on("GET /a").reply(text="first")
            assert ehttpd_session.client().get("/a").text == "first"

        def test_between():
            with pytest.raises(HTTPError, match="503"):
                urlopen(f"{next(iter(urls))}/late")

        def test_second(ehttpd_session):
            urls.add(ehttpd_session.url)
            assert ehttpd_session.requests == []
            ehttpd_session.on("GET /a").reply(text="second")
            ehttpd_session.on("GET /never")
            assert ehttpd_session.client().get("/a").text == "second"

        def test_third(ehttpd_session):
            urls.add(ehttpd_session.url)
            assert len(urls) == 1
    """)
    run = pytester.runpytest_inprocess(*QUIET, "-W", "default::ehttpd.testing.StrayRequest")
    run.assert_outcomes(passed=4, errors=1)
    run.stdout.fnmatch_lines(["*UnmetRule: GET /never *"])
    run = pytester.runpytest_inprocess(*QUIET, "-W", "error::ehttpd.testing.StrayRequest")
    run.assert_outcomes(passed=3, errors=1)
    run.stdout.fnmatch_lines(["*StrayRequest: After the test that it was for had ended, there came GET /late."])


def test_a_report_shows_the_octets_if_it_is_asked_to(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        def test_fails(ehttpd, ehttpd_factory):
            ehttpd.on("POST /there").reply(201)
            ehttpd.client().post("/there", body=b"mail")
            secure = ehttpd_factory(tls=True)
            secure.on("/secret").reply(text="whisper")
            secure.client().get("/secret")
            assert False
    """)
    run = pytester.runpytest_inprocess(*QUIET, "--ehttpd-log=wire")
    run.assert_outcomes(failed=1)
    run.stdout.fnmatch_lines(
        ["  0 > b'POST /there *mail'", "  0 < b'HTTP/1.1 201 Created*", "  0 > b'GET /secret *", "  0 < b'*whisper'"]
    )


def test_the_app_of_pytest_flask_is_served(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest
        from flask import Flask, url_for

        @pytest.fixture
        def app():
            flask = Flask(__name__)
            flask.config["TESTING"] = True

            @flask.get("/where")
            def where():
                return {"url": url_for("where", _external=True)}

            @flask.get("/broken")
            def broken():
                raise KeyError("the view's own")

            return flask

        def test_both_ways(ehttpd_app, client, accept_json):
            assert client.get("/where").json == {"url": "http://localhost/where"}
            assert ehttpd_app.client().get("/where").json() == {"url": f"{ehttpd_app.url}/where"}

        def test_a_view_that_fails(ehttpd_app):
            assert ehttpd_app.client().get("/broken").status == 500
    """)
    run = pytester.runpytest_inprocess(*QUIET, "-p", "pytest_flask.plugin")
    run.assert_outcomes(passed=2, errors=1)
    run.stdout.fnmatch_lines(["*KeyError: \"the view's own\""])


HELD = """
    import pytest

    def test_fails(ehttpd_server, ehttpd_factory):
        ehttpd_server.on("GET /held").optional().reply(text="still here")
        ehttpd_factory()
        assert False

    def test_is_about_to_fail(ehttpd_server):
        ehttpd_server.on("GET /never")

    def test_passes(ehttpd_server):
        ehttpd_server.on("GET /").reply()
        ehttpd_server.client().get("/")

    def test_is_skipped(ehttpd_server):
        ehttpd_server.on("GET /never")
        pytest.skip("nobody is there")
"""


def urls_held_up(lines: Iterable[str], test: str) -> list[str]:
    """Return what is listed once it is said that a test's servers are held up; the lines up to there are read."""
    for line in lines:
        if f"{test} has failed" in line:
            break
    found = []
    for line in lines:
        found.append(line.strip())
        if line.startswith("  press Enter"):
            return found[:-1]
    return found


@pytest.mark.parametrize(
    ("options", "addresses"), [(("--ehttpd-hold", "test_held.py"), 0), (("--ehttpd-hold=127.0.0.1:0",), 1)]
)
def test_the_servers_of_a_failed_test_are_held_up(
    pytester: pytest.Pytester, options: tuple[str, ...], addresses: int
) -> None:
    pytester.makepyfile(test_held=HELD)
    command = [sys.executable, "-m", "pytest", *QUIET, *options]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    environment = {**os.environ, "no_proxy": "*"}
    with subprocess.Popen(command, cwd=pytester.path, env=environment, **pipes) as run:  # type: ignore[call-overload]
        urls = urls_held_up(run.stdout, "test_fails")
        assert len(urls) == 2 + addresses
        for url in urls[: 1 + addresses]:
            with urlopen(f"{url}/held", timeout=10) as answer:
                assert answer.read() == b"still here"
        run.stdin.write("\n")
        run.stdin.flush()
        assert len(urls_held_up(run.stdout, "test_is_about_to_fail")) == 1 + addresses
        output, _ = run.communicate("\n", timeout=20)
    assert "1 failed, 2 passed, 1 skipped, 1 error" in output
    assert "held up" not in output


def test_an_address_that_cannot_be_held_is_told_and_the_rest_is_held(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(HELD)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        run = pytester.run(sys.executable, "-m", "pytest", *QUIET, f"--ehttpd-hold={address}", stdin=b"\n\n")
    run.stdout.fnmatch_lines(["ehttpd: test_fails has failed. *", "  http://127.0.0.1:*", "  not 127.0.0.1:*in use*"])
    run.assert_outcomes(failed=1, passed=2, errors=1, skipped=1)


def test_the_fixture_of_pytest_django_is_not_needed_by_others(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_live(ehttpd_live): ...")
    run = pytester.runpytest_inprocess(*QUIET)
    run.assert_outcomes(errors=1)
    run.stdout.fnmatch_lines(["*fixture 'transactional_db' not found*"])


def test_neither_pytest_nor_a_server_is_imported_before_it_is_needed() -> None:
    code = "import sys, ehttpd.testing; assert 'pytest' not in sys.modules; assert 'unittest' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import sys, ehttpd.testing.plugin; assert 'ehttpd.server.server' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pytest_finds_the_plugin() -> None:
    (found,) = [each for each in entry_points(group="pytest11") if each.name == "ehttpd"]
    assert found.value == "ehttpd.testing.plugin"
