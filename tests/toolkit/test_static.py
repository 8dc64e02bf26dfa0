"""A folder of files: what is served, and that nobody is led out of it."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from errno import EACCES, EISDIR, EMFILE
from pathlib import Path

import pytest
import requests
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ehttpd.errors import HandlerError
from ehttpd.native import NotFound, Request, Response, Router, StaticFiles, basic_auth, safe_join
from tests.server.live import PATIENCE, serving
from tests.toolkit.asking import ask, asked, text_of
from tests.toolkit.test_files import octets_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with a secret beside it, and links that lead there."""
    root = tmp_path / "public"
    for folder in ("sub/empty", ".git", ".well-known", "has.dot"):
        (root / folder).mkdir(parents=True)
    for name, text in {
        "index.html": "<p>index", "a b.txt": "space", "é.css": "style", "100%.txt": "percent", "app.0a1b2c3d.js": "js",
        "sub/page.html": "page", "sub/.hidden": "hidden", ".git/config": "hidden", ".well-known/x": "known",
    }.items():  # fmt: skip
        (root / name).write_text(text)
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "public-not").mkdir()
    (tmp_path / "public-not" / "secret").write_text("secret")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "out-folder").symlink_to(tmp_path / "public-not")
    (root / "dangling").symlink_to(tmp_path / "not-there")
    (root / "inside").symlink_to("sub/page.html")
    return root


def got(handler: StaticFiles, target: str, *fields: str, method: str = "GET") -> tuple[int, str]:
    try:
        response = handler(asked(target, *fields, method=method))
    except NotFound:
        return 404, ""
    return response.status, octets_of(response).decode()


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("/", "<p>index"), ("/index.html", "<p>index"), ("/index.html?v=1", "<p>index"), ("/a%20b.txt", "space"),
        ("/%C3%A9.css", "style"), ("/100%25.txt", "percent"), ("/sub/page.html", "page"), ("/inside", "page"),
        ("/.well-known/x", "known"), ("http://here/sub/page.html", "page"),
    ],
)  # fmt: skip
def test_a_file_is_served_by_its_path(root: Path, target: str, text: str) -> None:
    assert got(StaticFiles(root), target) == (200, text)


@pytest.mark.parametrize(
    "target",
    [
        "/../secret", "/sub/../../secret", "/%2e%2e/secret", "/..%2fsecret", "/%2e%2e%2fsecret",
        "/%252e%252e/secret", "/%252e%252e%252fsecret", "/sub/%2e%2e/index.html", "/..\\secret", "/..%5csecret",
        "/sub%2fpage.html", "/sub%2f.hidden", "/sub\\page.html", "/%2fetc/passwd", "//etc/passwd", "/./index.html",
        "/sub//page.html", "/index.html%00", "/index.html%00.txt", "/%00", "/index.html/", "/index.html/x",
        "/out", "/out-folder/secret", "/dangling", "/.git/config", "/%2egit/config", "/sub/.hidden",
        "/sub/empty/", "/sub/", "/nothing", "/%c0%ae%c0%ae/secret", "/%uff0e%uff0e/secret", "/%ff",
        "/" + "x" * 300, "/~root", "/C:/secret",
    ],
)  # fmt: skip
def test_nothing_else_is_served(root: Path, target: str) -> None:
    assert got(StaticFiles(root), target)[0] == 404


@hypothesis_settings(
    max_examples=200, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(
    st.lists(
        st.sampled_from(
            ["..", ".", "%2e", "%2E%2e", "/", "%2f", "\\", "%5c", "secret", "sub", "out-folder", "%00", "%25"]
        )
    )
)
def test_whatever_a_path_is_made_of_the_secret_stays_secret(root: Path, pieces: list[str]) -> None:
    assert "secret" not in got(StaticFiles(root, index=None), "/" + "".join(pieces))[1]


def test_a_device_or_a_pipe_is_not_served(root: Path) -> None:
    os.mkfifo(root / "pipe")
    assert got(StaticFiles(root), "/pipe")[0] == 404
    assert got(StaticFiles("/dev"), "/zero")[0] == 404


def test_a_folder_is_asked_for_with_a_slash_wherever_it_is_mounted(root: Path) -> None:
    handler = StaticFiles(root)
    for target, location in (("/sub", "./sub/"), ("/sub?a=b", "./sub/?a=b"), ("/sub/empty", "./empty/")):
        response = handler(asked(target))
        assert (response.status, response.headers["location"]) == (302, location)
    assert got(handler, "//here.example")[0] == 404


def test_only_reading_is_allowed(root: Path) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        response = StaticFiles(root)(asked("/", method=method))
        assert (response.status, response.headers["allow"]) == (405, "GET, HEAD")
    assert StaticFiles(root)(asked("/", method="STIR")).status == 501
    assert got(StaticFiles(root), "/index.html", method="HEAD") == (200, "")


def test_a_folder_without_an_index_is_listed_if_that_is_wanted(root: Path) -> None:
    (root / "sub" / "<b>&'\".txt").write_text("")
    (root / "sub" / "javascript:x").write_text("")
    (Path(os.fsdecode(os.fsencode(root / "sub")) + "/\udcff")).write_text("")
    status, page = got(StaticFiles(root, listing=True), "/sub/")
    assert status == 200
    assert "<title>/sub/</title>" in page
    assert '<a href="./empty/">empty/</a>' in page
    assert '<a href="./%3Cb%3E%26%27%22.txt">&lt;b&gt;&amp;&#x27;&quot;.txt</a>' in page
    assert '<a href="./javascript%3Ax">' in page
    assert '<a href="./%FF">?</a>' in page
    assert ".hidden" not in page
    assert got(StaticFiles(root, listing=True), "/sub/%FF")[0] == 200
    assert got(StaticFiles(root, listing=True), "/") == (200, "<p>index")
    assert "a b.txt" in got(StaticFiles(root, index=None, listing=True), "/")[1]


def test_caches_are_told_how_long_a_file_stays_what_it_is(root: Path) -> None:
    handler = StaticFiles(root, immutable=r"\.[0-9a-f]{8}\.", max_age=60)
    found = {}
    for target in ("/app.0a1b2c3d.js", "/index.html", "/"):
        response = handler(asked(target))
        octets_of(response)
        found[target] = response.headers["cache-control"]
    assert found == {
        "/app.0a1b2c3d.js": "max-age=31536000, immutable",
        "/index.html": "max-age=60",
        "/": "max-age=60",
    }
    response = StaticFiles(root)(asked("/"))
    octets_of(response)
    assert "cache-control" not in response.headers


def test_a_file_behind_a_password_is_not_for_caches_that_many_share(root: Path) -> None:
    """RFC 9111 §3.5: public, must-revalidate and s-maxage would let them keep it."""
    handler = basic_auth({"anna": "secret"})(StaticFiles(root, immutable="app", max_age=60))
    for target in ("/index.html", "/app.0a1b2c3d.js"):
        response = handler(asked(target, f"Authorization: Basic {b64encode(b'anna:secret').decode()}"))
        octets_of(response)
        directives = {each.partition("=")[0].strip() for each in response.headers["cache-control"].split(",")}
        assert response.status == 200 and "max-age" in directives
        assert not directives & {"public", "must-revalidate", "s-maxage"}


def test_what_lies_compressed_beside_a_file_is_sent(root: Path) -> None:
    (root / "index.html.gz").write_text("zipped")
    (root / "index.html.br").symlink_to(root.parent / "secret")
    response = StaticFiles(root)(asked("/", "Accept-Encoding: gzip, br"))
    assert (octets_of(response), response.headers["content-encoding"]) == (b"zipped", "gzip")
    assert response.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(("error", "status"), [(PermissionError, 403), (IsADirectoryError, 404)])
def test_what_may_not_be_read_is_forbidden(
    root: Path, monkeypatch: pytest.MonkeyPatch, error: type[OSError], status: int
) -> None:
    def refuse(*arguments: object) -> int:
        raise error(EACCES if error is PermissionError else EISDIR, "no")

    monkeypatch.setattr("ehttpd.toolkit.files.os.open", refuse)
    assert got(StaticFiles(root), "/sub/page.html")[0] == status


def test_a_machine_that_fails_is_not_the_client_s_mistake(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> int:
        raise OSError(EMFILE, "too many open files")

    monkeypatch.setattr("ehttpd.toolkit.files.os.open", fail)
    with pytest.raises(OSError, match="too many"):
        StaticFiles(root)(asked("/sub/page.html"))


def test_static_files_need_a_folder(root: Path) -> None:
    for path in (root / "nothing", root / "index.html"):
        with pytest.raises(HandlerError, match="is none"):
            StaticFiles(path)


def test_a_link_may_be_the_root(root: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(root)
    assert got(StaticFiles(tmp_path / "current"), "/sub/page.html") == (200, "page")


def test_joining_gives_a_path_below_the_root(root: Path) -> None:
    real = Path(os.path.realpath(root))
    assert safe_join(root, "sub", "page.html") == safe_join(root, "sub/page.html") == real / "sub/page.html"
    assert safe_join(root, "new") == real / "new"
    assert safe_join(root, ".hidden", "...", "a..b") == real / ".hidden/.../a..b"
    assert safe_join(root, "inside") == real / "sub/page.html"
    assert safe_join("/", "etc") == Path("/etc")


@pytest.mark.parametrize(
    "parts",
    [
        [".."], ["sub", ".."], ["sub/../x"], ["/etc/passwd"], [""], ["a", ""], ["a/"], ["."], ["%2e%2e"], ["%2E."],
        ["a%2fb"], ["a%5Cb"], ["a\\b"], ["a\0"], ["a%00"], ["out"], ["out-folder", "secret"], ["dangling"],
        ["\ud800"],
    ],
)  # fmt: skip
def test_joining_leads_nobody_out(root: Path, parts: list[str]) -> None:
    with pytest.raises(NotFound):
        safe_join(root, *parts)


def test_a_site_with_pages_and_files_is_browsed(root: Path) -> None:
    site = Router()
    site.mount("/files", StaticFiles(root))

    @site.get("/page")
    def page(request: Request) -> Response:
        return Response.text("page")

    with serving(site) as server, requests.Session() as session:
        session.trust_env = False
        for target, status, text in (
            ("/page", 200, "page"), ("/files/sub/page.html", 200, "page"), ("/files/", 200, "<p>index"),
            ("/files/nothing", 404, None), ("/files/sub", 404, None),  # redirected to /files/sub/, which is not shown
            ("/files/%2e%2e/secret", 404, None), ("/files/..%2fsecret", 404, None),
        ):  # fmt: skip
            answer = session.get(server.url + target, timeout=PATIENCE)
            assert answer.status_code == status
            assert text is None or answer.text == text
        assert session.get(f"{server.url}/files/sub", timeout=PATIENCE).url == f"{server.url}/files/sub/"


@pytest.mark.skipif(os.sep != "/", reason="there are no such names")
def test_what_is_refused_because_of_its_name_is_not_listed(tmp_path: Path) -> None:
    for name in "a%2fb", "%2e%2e", "a\\b", "a%00", "100%", "50%25", "%41":
        (tmp_path / name).touch()
    handler = StaticFiles(tmp_path, listing=True)
    links = re.findall('href="([^"]*)"', text_of(ask(handler)))
    assert links == ["./%2541", "./100%25", "./50%2525"]
    assert [got(handler, link[1:])[0] for link in links] == [200, 200, 200]


def test_a_link_that_leads_to_itself_hides_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    page = text_of(ask(StaticFiles(tmp_path, listing=True)))
    assert "./file" in page
    assert "./loop" in page
    with pytest.raises(NotFound):
        StaticFiles(tmp_path)(asked("/loop"))
