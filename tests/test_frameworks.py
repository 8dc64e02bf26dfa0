"""The Flask and the Django example, behind ehttpd and behind gunicorn: every answer must be the same.

The same means: status, reason phrase, every field that the application sets, and the body, byte for byte. Fields of one
name keep their order; between names there is none (RFC 9110 §5.3).
What cannot be the same is named here: `THE_SERVERS_OWN` and `RANDOM_IN_FIELDS`, and the token of a form.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from tests.running import PATIENCE, ROOT, running

EHTTPD = (sys.executable, "-m", "ehttpd", "--bind", "fd:{fd}")
GUNICORN = (
    sys.executable, "-m", "gunicorn", "--bind", "fd://{fd}", "--threads", "4", "--no-control-socket",
)  # fmt: skip
PASSWORD = "as good as any"
FLASK_APP, DJANGO_APP = ROOT / "examples" / "flask_app", ROOT / "examples" / "django_app"

# Fields that are the server's to choose. So is Content-Length, where the application gave none: gunicorn never adds it.
THE_SERVERS_OWN = {"date", "server", "connection", "keep-alive", "transfer-encoding"}
# What is random by nature, or says when it was made, and the words that take its place before we compare.
RANDOM_IN_FIELDS = {
    r"^(Set-Cookie: (?:csrftoken|sessionid))=\w+": r"\1=RANDOM",
    r"^(Set-Cookie: (?:session|messages)=\.?[\w-]+)[.:][\w-]+[.:][\w-]+": r"\1 at TIME with SIGNATURE",
    r"^(Set-Cookie: .*expires)=[^;]+": r"\1=SOON",
    r"^(Expires: ).*": r"\1NOW",
}
TOKEN_IN_PAGE = re.compile(rb'(?<=name="csrfmiddlewaretoken" value=")\w+')
# Stands in the body of a form for the token that each server has given out.
TOKEN = "THE-TOKEN-OF-THE-LAST-FORM"


class Answer(NamedTuple):
    """What came back for one request."""

    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes

    def field(self, name: str) -> str:
        return next(value for known, value in self.fields if known.lower() == name.lower())


class Browser:
    """One client of one server: keeps its connection, its cookies and the token of the last form it was shown."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.connection = HTTPConnection(*address, timeout=PATIENCE)
        self.cookies: dict[str, str] = {}
        self.token = b""

    def ask(self, method: str, target: str, body: bytes | list[bytes] | None, fields: Mapping[str, str]) -> Answer:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        fields = {"Host": "localhost", **({"Cookie": cookies} if cookies else {}), **fields}
        if isinstance(body, bytes):
            body = body.replace(TOKEN.encode(), self.token)
        self.connection.request(method, target, body, fields, encode_chunked="Transfer-Encoding" in fields)
        with self.connection.getresponse() as response:
            answer = Answer(response.status, response.reason, response.getheaders(), response.read())
        self.remember(answer)
        return answer

    def remember(self, answer: Answer) -> None:
        for name, value in answer.fields:
            if name.lower() == "set-cookie":
                cookie, _, attributes = value.partition(";")
                cookie_name, _, self.cookies[cookie_name] = cookie.partition("=")
                if "max-age=0" in attributes.lower():
                    del self.cookies[cookie_name]
        if found := TOKEN_IN_PAGE.search(answer.body):
            self.token = found[0]


def without_randomness(name: str, value: str) -> str:
    line = f"{name}: {value}"
    for pattern, words in RANDOM_IN_FIELDS.items():
        line = re.sub(pattern, words, line)
    return line


def comparable(answer: Answer, differing: set[str]) -> tuple[int, str, list[str], bytes]:
    """Return what of an answer must be the same from every server."""
    body = TOKEN_IN_PAGE.sub(TOKEN.encode(), answer.body)
    if body != answer.body:
        differing = differing | {"etag"}  # It is a digest of the body.
    fields = sorted(answer.fields, key=lambda field: field[0].lower())
    lines = [without_randomness(name, value) for name, value in fields if name.lower() not in differing]
    return answer.status, answer.reason, lines, body


class Pair:
    """The same application behind both servers: what is asked of one is asked of the other, and compared."""

    def __init__(self, ours: Browser, theirs: Browser) -> None:
        self.ours = ours
        self.theirs = theirs

    def ask(
        self, method: str, target: str, body: bytes | list[bytes] | None = None, *,
        differing: Iterable[str] = (), **fields: str,
    ) -> Answer:  # fmt: skip
        """Ask both, assert that they agree, and return the answer. ``If_None_Match="…"`` is the field If-None-Match."""
        sent = {name.replace("_", "-"): value for name, value in fields.items()}
        ours, theirs = (browser.ask(method, target, body, sent) for browser in (self.ours, self.theirs))
        left_out = THE_SERVERS_OWN | set(differing)
        # Django counts the body that it leaves out of a 304; we do not pass that on (RFC 9110 §8.6).
        if "content-length" not in {name.lower() for name, _ in theirs.fields} or ours.status == 304:
            left_out.add("content-length")
        assert comparable(ours, left_out) == comparable(theirs, left_out)
        return ours

    def submit(self, target: str, **form: str) -> Answer:
        """Post a form, as a page of the application would."""
        body = urlencode({"csrfmiddlewaretoken": TOKEN, **form}).encode()
        return self.ask("POST", target, body, Content_Type="application/x-www-form-urlencoded")

    def upload(self, target: str, field: str, file: tuple[str, bytes], **form: str) -> Answer:
        """Post a form with a file in it, given by its name and its data."""
        parts = [
            f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()
            for name, value in {"csrfmiddlewaretoken": TOKEN, **form}.items()
        ]
        name, data = file
        parts.append(f'Content-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode() + data)
        body = b"".join(b"--frontier\r\n" + part + b"\r\n" for part in parts) + b"--frontier--\r\n"
        return self.ask("POST", target, body, Content_Type="multipart/form-data; boundary=frontier")


class Site(NamedTuple):
    """Where one application is served: by ehttpd, and by gunicorn."""

    ours: tuple[str, int]
    theirs: tuple[str, int]


def serve_twice(stack: ExitStack, directory: Path, application: str, environments: Iterable[Mapping[str, str]]) -> Site:
    # Flask's Allow field comes from a set: its order depends on how this process happens to hash.
    ours, theirs = ({**environment, "PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT)} for environment in environments)
    return Site(
        stack.enter_context(running(*EHTTPD, application, directory=directory, environment=ours)),
        stack.enter_context(running(*GUNICORN, application, directory=directory, environment=theirs)),
    )


@pytest.fixture(scope="module")
def flask_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folders = [tmp_path_factory.mktemp("attachments") for _ in range(2)]
    with ExitStack() as stack:
        environments = [{"GUEST_BOOK_ATTACHMENTS": str(folder)} for folder in folders]
        yield serve_twice(stack, FLASK_APP, "app:app", environments)


@pytest.fixture(scope="module")
def django_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two shelves with the same database: migrated, and with an administrator."""
    shelves = [tmp_path_factory.mktemp("shelf") / "data" for _ in range(2)]
    environments = [{"SHELF_DATA": str(shelf)} for shelf in shelves]
    for command in ("migrate", "createsuperuser --noinput --username anna --email anna@localhost"):
        subprocess.run(
            [sys.executable, "manage.py", *command.split()],
            cwd=DJANGO_APP,
            env={**os.environ, **environments[0], "DJANGO_SUPERUSER_PASSWORD": PASSWORD},
            check=True,
            timeout=PATIENCE,
        )
    shutil.copytree(shelves[0], shelves[1])
    with ExitStack() as stack:
        yield serve_twice(stack, DJANGO_APP, "shelf.wsgi:application", environments)


def browse(site: Site) -> Iterator[Pair]:
    ours, theirs = Browser(site.ours), Browser(site.theirs)
    with closing(ours.connection), closing(theirs.connection):
        yield Pair(ours, theirs)


@pytest.fixture
def guest_book(flask_site: Site) -> Iterator[Pair]:
    yield from browse(flask_site)


@pytest.fixture
def shelf(django_site: Site) -> Iterator[Pair]:
    yield from browse(django_site)


@pytest.fixture
def admin(shelf: Pair) -> Pair:
    """The shelf, after logging in to the admin."""
    shelf.ask("GET", "/admin/login/")
    answer = shelf.submit("/admin/login/?next=/admin/", username="anna", password=PASSWORD)
    assert (answer.status, answer.field("Location")) == (302, "/admin/")
    return shelf


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("OPTIONS", "/", 200),
        ("GET", "/?a=1&b=%C3%A9&b=", 200),
        ("DELETE", "/", 405),
        ("GET", "/nowhere", 404),
        ("HEAD", "/nowhere", 404),
        ("GET", "/caf%C3%A9/%3Cb%3E%2F%25", 404),
        ("GET", "/attachments/missing.txt", 404),
        ("GET", "/static/style.css", 200),
        ("HEAD", "/static/style.css", 200),
        ("GET", "/source", 200),
        ("HEAD", "/source", 200),
        ("GET", "/count", 200),
        ("HEAD", "/count", 200),
        ("GET", "/entries.json", 200),
        ("GET", "/leave", 302),
        ("GET", "/broken", 500),
    ],
)
def test_flask_page_is_the_same(guest_book: Pair, method: str, target: str, status: int) -> None:
    assert guest_book.ask(method, target).status == status


def test_flask_form_redirects_flashes_and_remembers_the_name(guest_book: Pair) -> None:
    answer = guest_book.submit("/sign", name="Zoë & friends", words="a\nb")
    assert (answer.status, answer.field("Location")) == (303, "/")
    assert "Thank you, Zoë &amp; friends." in guest_book.ask("GET", "/").body.decode()

    page = guest_book.ask("GET", "/").body.decode()
    assert "Thank you" not in page
    assert 'value="Zoë &amp; friends"' in page

    guest_book.ask("GET", "/leave")
    assert 'value=""' in guest_book.ask("GET", "/").body.decode()


def test_flask_form_without_its_fields_is_a_bad_request(guest_book: Pair) -> None:
    assert guest_book.ask("POST", "/sign").status == 400
    assert guest_book.ask("POST", "/attachments").status == 400


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_000])
def test_flask_gives_back_what_was_uploaded(guest_book: Pair, size: int) -> None:
    data = bytes(index % 253 for index in range(size))
    assert guest_book.upload("/attachments", "file", (f"{size}.bin", data)).status == 303
    # Both fields say when the file was uploaded, and the tag says where it lies.
    answer = guest_book.ask("GET", f"/attachments/{size}.bin", differing={"etag", "last-modified"})
    assert answer.body == data
    assert answer.field("Content-Disposition") == f"attachment; filename={size}.bin"


@pytest.mark.parametrize("data", [b"", b"one piece", bytes(2_000_000)], ids=len)
def test_flask_reads_a_body_of_known_length(guest_book: Pair, data: bytes) -> None:
    answer = guest_book.ask("PUT", "/digest", data)
    assert (answer.status, f'"size":{len(data)}' in answer.body.decode().replace(" ", "")) == (200, True)


@pytest.mark.parametrize("pieces", [[], [b"one"], [b"%d," % number for number in range(1000)]], ids=len)
def test_flask_reads_a_chunked_body(guest_book: Pair, pieces: list[bytes]) -> None:
    answer = guest_book.ask("PUT", "/digest", pieces, Transfer_Encoding="chunked")
    assert f'"size":{sum(map(len, pieces))}' in answer.body.decode().replace(" ", "")


@pytest.mark.parametrize("target", ["/source", "/static/style.css"])
def test_flask_file_is_sent_only_when_it_changed(guest_book: Pair, target: str) -> None:
    file = guest_book.ask("GET", target)
    answer = guest_book.ask("GET", target, If_None_Match=file.field("ETag"))
    assert (answer.status, answer.body) == (304, b"")
    answer = guest_book.ask("GET", target, If_Modified_Since=file.field("Last-Modified"))
    assert (answer.status, answer.body) == (304, b"")
    assert guest_book.ask("GET", target, If_None_Match='"another"').body == file.body


@pytest.mark.parametrize(
    ("wanted", "status"), [("bytes=0-9", 206), ("bytes=-5", 206), ("bytes=7-", 206), ("bytes=999999-", 416)]
)
def test_flask_file_is_sent_in_ranges(guest_book: Pair, wanted: str, status: int) -> None:
    assert guest_book.ask("GET", "/source", Range=wanted).status == status


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("OPTIONS", "/", 200),
        ("POST", "/", 403),
        ("GET", "/books/add", 200),
        ("HEAD", "/books/add", 200),
        ("GET", "/books.csv", 200),
        ("HEAD", "/books.csv", 200),
        ("GET", "/shelf", 301),
        ("GET", "/books/999", 404),
        ("GET", "/books/999/cover", 404),
        ("GET", "/caf%C3%A9/%3Cb%3E%2F%25?q=1", 404),
        ("GET", "/admin", 301),
        ("GET", "/admin/", 302),
        ("GET", "/admin/login/", 200),
        ("GET", "/static/admin/css/base.css", 200),
        ("HEAD", "/static/admin/css/base.css", 200),
        ("GET", "/static/admin/img/icon-yes.svg", 200),
        ("GET", "/static/admin/missing.css", 404),
    ],
)
def test_django_page_is_the_same(shelf: Pair, method: str, target: str, status: int) -> None:
    assert shelf.ask(method, target).status == status


def test_django_static_file_is_sent_only_when_it_changed(shelf: Pair) -> None:
    file = shelf.ask("GET", "/static/admin/css/base.css")
    answer = shelf.ask("GET", "/static/admin/css/base.css", If_Modified_Since=file.field("Last-Modified"))
    assert (answer.status, answer.body) == (304, b"")


def test_django_page_is_sent_only_when_it_changed(shelf: Pair) -> None:
    page = shelf.ask("GET", "/")
    answer = shelf.ask("GET", "/", If_None_Match=page.field("ETag"))
    assert (answer.status, answer.body) == (304, b"")


@pytest.mark.parametrize("size", [1, 100_000, 3_000_000])
def test_django_gives_back_what_was_uploaded(shelf: Pair, size: int) -> None:
    data = bytes(index % 253 for index in range(size))
    shelf.ask("GET", "/books/add")
    answer = shelf.upload("/books/add", "cover", (f"{size}.bin", data), title=f"Büro {size}", author="Anna")
    assert answer.status == 302

    page = answer.field("Location")
    assert f"“Büro {size}” is on the shelf." in shelf.ask("GET", page).body.decode()
    assert "is on the shelf" not in shelf.ask("GET", page).body.decode()
    cover = shelf.ask("GET", page + "/cover")
    assert (cover.status, cover.body) == (200, data)
    assert cover.field("Content-Disposition") == f'attachment; filename="{size}.bin"'
    assert f"Büro {size},Anna\r\n" in shelf.ask("GET", "/books.csv").body.decode()


def test_django_form_with_a_mistake_is_shown_again(shelf: Pair) -> None:
    shelf.ask("GET", "/books/add")
    answer = shelf.submit("/books/add", title="", author="Anna")
    assert (answer.status, b"This field is required." in answer.body) == (200, True)


def test_django_form_without_its_token_is_forbidden(shelf: Pair) -> None:
    assert shelf.submit("/books/add", title="a", author="b").status == 403


def test_django_admin_refuses_a_wrong_password(shelf: Pair) -> None:
    shelf.ask("GET", "/admin/login/")
    assert b"Please enter the correct username" in shelf.submit("/admin/login/", username="anna", password="no").body


def test_django_admin_adds_changes_finds_and_deletes_a_book(admin: Pair) -> None:
    admin.ask("GET", "/admin/books/book/add/")
    answer = admin.upload("/admin/books/book/add/", "cover", ("a.bin", b"abc"), title="Æon", author="Bo", _continue="1")
    page = answer.field("Location")
    assert "was added successfully" in admin.ask("GET", page).body.decode()
    answer = admin.submit(page, title="Eon", author="Bo")
    assert (answer.status, answer.field("Location")) == (302, "/admin/books/book/")
    assert b"Eon" in admin.ask("GET", "/admin/books/book/?q=eon").body

    confirmation = page.replace("/change/", "/delete/")
    admin.ask("GET", confirmation)
    assert admin.submit(confirmation, post="yes").status == 302
    assert b"Recent actions" in admin.ask("GET", "/admin/").body
    assert admin.submit("/admin/logout/").status == 200
    assert admin.ask("GET", "/admin/").status == 302
