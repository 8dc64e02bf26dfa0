"""Each file that ``ehttpd init`` prints works as it is: the programs that read it say so, where they are installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ehttpd.cli import main
from ehttpd.commands.init import FILES
from ehttpd.deploy.grafana import PANELS
from ehttpd.deploy.plan import Plan, named, words_of
from ehttpd.deploy.systemd import escaped, listened
from ehttpd.launch.arguments import arguments_of, make_parser
from ehttpd.settings import Settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project "shop", as the current folder."""
    project = tmp_path / "shop"
    project.mkdir()
    (project / "app.py").touch()
    (project / "requirements.txt").write_text("flask\n")
    monkeypatch.chdir(project)
    return project


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str], folder: Path) -> Printer:
    return Printer(capsys, folder)


class Printer:
    """Prints files, and keeps them where a program can read them."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self._capsys = capsys
        self._folder = folder

    def text(self, kind: str, *words: str) -> str:
        assert main(["init", kind, *words]) == 0
        return self._capsys.readouterr().out

    def file(self, name: str, kind: str, *words: str) -> str:
        path = self._folder / name
        path.write_text(self.text(kind, *words))
        return str(path)


def program(name: str) -> str:
    """Return the path of a program of this environment or of the system."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    return found or pytest.skip(f"there is no {name}")


def accepts(*command: str) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout + answer.stderr


def test_systemd_takes_the_service_and_its_socket(printed: Printer) -> None:
    flags = ("-b", ":80", "-b", "unix:/run/shop/a b.sock", "--env", "A=50% $HOME", "--access-log", "logs/a.log")
    service = printed.file("shop.service", "systemd", *flags)
    socket = printed.file("shop.socket", "systemd", "--socket", *flags)
    assert accepts(program("systemd-analyze"), "verify", service, socket) == ""


def test_a_service_is_run_as_it_would_be_here(printed: Printer) -> None:
    text = printed.text("systemd", "shop:app", "--threads", "2:4", "--env", "A=50% $HOME", "-b", ":80")
    assert f'\nExecStart={sys.executable} -m ehttpd shop:app --env "A=50%% $$HOME" --bind :80 --threads 2:4\n' in text
    assert "\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n" in text
    assert "\nTimeoutStopSec=35\n" in text
    assert "CAP_NET_BIND" not in printed.text("systemd", "shop:app", "-b", ":8000")


@pytest.mark.parametrize("flag", ["--app-dir", "--chdir"])
def test_a_service_finds_what_flags_name_from_the_folder_where_the_command_was_given(
    printed: Printer, folder: Path, flag: str
) -> None:
    (folder / "src").mkdir()
    text = printed.text("systemd", "shop:app", flag, "src")
    assert f"\nWorkingDirectory={folder}\n" in text
    assert f" -m ehttpd shop:app {flag} src\n" in text
    (folder / "app.py").rename(folder / "src" / "main.py")
    assert f" -m ehttpd main {flag} src\n" in printed.text("systemd", flag, "src")


def test_folders_of_any_name_are_systemds(
    printed: Printer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "50%h a"
    odd.mkdir()
    monkeypatch.chdir(odd)
    service = printed.file("shop.service", "systemd", "shop:app", "--access-log", "/var/log/a b/x.log")
    assert accepts(program("systemd-analyze"), "verify", service) == ""
    assert f"\nWorkingDirectory={tmp_path}/50%%h a\n" in Path(service).read_text()
    assert '\nReadWritePaths="/var/log/a b"\n' in Path(service).read_text()


def test_a_service_may_make_its_sockets_and_the_file_of_its_number(printed: Printer, folder: Path) -> None:
    addresses = ("-b", "unix:/run/tea/a.sock", "-b", "unix:b.sock", "-b", "unix:@c", "-b", ":80")
    files = ("--admin", "unix:/run/shop/d", "--pid", "/run/tea shop/pid")
    service = printed.file("shop.service", "systemd", *addresses, *files)
    assert accepts(program("systemd-analyze"), "verify", service) == ""
    text = Path(service).read_text()
    assert '\nRuntimeDirectory=shop tea "tea shop"\n' in text
    assert re.findall("ReadWritePaths=(.*)", text) == [str(folder)]


def test_a_unix_socket_is_found_whatever_the_folder_of_who_asks_is(printed: Printer, folder: Path) -> None:
    flags = ("-b", "unix:run/50%.sock", "--chdir", "src")
    assert f"\nListenStream={folder}/src/run/50%%.sock\n" in printed.text("systemd", "app%", "--socket", *flags)
    assert f" server unix:{folder}/src/run/50%.sock;" in printed.text("nginx", "app", *flags)
    assert f"reverse_proxy unix/{folder}/src/run/50%.sock " in printed.text("caddy", "app", *flags)
    assert "\nDescription=app%% on ehttpd\n" in printed.text("systemd", "app%", *flags)


def test_the_log_of_the_system_is_no_file(printed: Printer) -> None:
    assert "ReadWritePaths" not in printed.text("systemd", "--access-log", "syslog:")
    assert "syslog:" not in printed.text("logrotate", "--access-log", "syslog:")


def test_what_containers_replace_is_escaped_and_their_user_is_the_image_s(printed: Printer) -> None:
    flags = ("--env", "A=$HOME $(B)", "--user", "nobody", "--group", "nogroup", "--umask", "027")
    expected = '"app", "--env", "A={}", "--umask", "0027", "--bind",'
    assert expected.format("$HOME $(B)") in printed.text("docker", *flags)
    assert expected.format("$$HOME $$(B)") in printed.text("compose", *flags)
    assert expected.format("$HOME $$(B)") in printed.text("k8s", *flags)


def test_what_systemd_replaces_is_escaped() -> None:
    assert [escaped(word) for word in ("plain", "a b", '"', "100%", "")] == ["plain", '"a b"', '"\\""', "100%%", '""']
    plan = Plan(Settings(), "app", "/srv")
    addresses = (":80", "*:80", "[::1]:80", "unix:/a", "https://:443", "http://localhost:80")
    expected = ["80", "80", "[::1]:80", "/a", "443", "127.0.0.1:80"]
    assert [listened(address, plan) for address in addresses] == expected


@pytest.mark.parametrize("file", ["requirements.txt", "pyproject.toml", None])
def test_a_linter_finds_nothing_in_the_dockerfile(printed: Printer, folder: Path, file: str | None) -> None:
    (folder / "requirements.txt").unlink()
    if file:
        (folder / file).write_text("")
    accepts(program("hadolint"), printed.file("Dockerfile", "docker", "--threads", "4"))


def test_the_file_for_compose_is_valid(printed: Printer) -> None:
    file = printed.file("compose.yaml", "compose", "--header", 'X-Quoted:"yes"')
    accepts(program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", file)


def test_the_manifests_are_valid(printed: Printer) -> None:
    validate = pytest.importorskip("kubernetes_validate")
    yaml = pytest.importorskip("yaml")
    manifests = list(yaml.safe_load_all(printed.text("k8s", "--header", "X-A: 'b\"")))
    assert [each["kind"] for each in manifests] == ["Deployment", "Service", "PodDisruptionBudget"]
    for each in manifests:
        validate.validate(each, validate.latest_version(), strict=True)
    container = manifests[0]["spec"]["template"]["spec"]["containers"][0]
    assert container["command"][:2] == ["ehttpd", "app"]
    settings = Settings.from_sources(arguments_of(make_parser("", {}), container["command"][1:]).given)
    assert settings.bind == ("0.0.0.0:8000",)
    assert settings.header == ("X-A: 'b\"",)


@pytest.mark.parametrize("bind", [":8000", "unix:/run/shop.sock", "unix:/run/tea shop/a.sock", "https://:8443"])
def test_nginx_takes_its_configuration(printed: Printer, folder: Path, bind: str) -> None:
    whole = printed.file("nginx.conf", "nginx", "-b", bind)
    nginx = (program("nginx"), "-t", "-e", "stderr", "-g", f"pid {folder}/nginx.pid;")
    accepts(*nginx, "-c", whole)
    site = printed.file("site.conf", "nginx", "-b", bind, "--site")
    (folder / "around.conf").write_text(f"events {{}}\nhttp {{ include {site}; }}\n")
    accepts(*nginx, "-c", str(folder / "around.conf"))


@pytest.mark.parametrize("bind", [":8000", "unix:/run/shop.sock", "unix:/run/tea shop/a.sock", "https://:8443"])
def test_caddy_takes_its_configuration(
    printed: Printer, folder: Path, bind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    file = printed.file("Caddyfile", "caddy", "-b", bind)
    accepts(program("caddy"), "validate", "--adapter", "caddyfile", "--config", file)


@pytest.mark.parametrize(
    ("bind", "secure"), [(":1", True), ("https://:1", True), ("http://:1", False), ("https://unix:/a", True)]
)
def test_a_proxy_speaks_tls_where_the_server_does(printed: Printer, bind: str, secure: bool) -> None:
    flags = ("-b", bind, "--certfile", "a.pem")
    assert (" https://shop;" in printed.text("nginx", *flags)) == secure
    assert ("tls_insecure_skip_verify" in printed.text("caddy", *flags)) == secure
    assert " http://shop;" in printed.text("nginx", "-b", ":1")
    assert "tls_" not in printed.text("caddy", "-b", ":1")


def test_logrotate_takes_its_configuration(printed: Printer) -> None:
    file = printed.file("rotated", "logrotate", "--access-log", "a.log")
    Path(file).chmod(0o644)
    assert "error" not in accepts(program("logrotate"), "--debug", "--state", f"{file}.state", file)


@pytest.mark.parametrize(
    ("folder_name", "name"),
    [("Shop_2", "shop-2"), ("2024 shop", "site-2024-shop"), ("лавка", "site"), ("a" * 62 + "-b", "a" * 62)],
)
def test_a_service_is_called_as_all_of_them_allow(folder_name: str, name: str) -> None:
    assert named(f"/srv/{folder_name}") == name


def test_grafana_understands_the_dashboard(printed: Printer) -> None:
    models = pytest.importorskip("grafana_foundation_sdk.models.dashboard")
    text = printed.text("grafana")
    read = models.Dashboard.from_json(json.loads(text))
    assert [panel.title for panel in read.panels] == [panel.title for panel in PANELS]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in json.loads(text)["panels"]]
    assert len(set(places)) == len(PANELS)


def test_every_metric_of_the_dashboard_is_one_of_ours() -> None:
    metrics = pytest.importorskip("ehttpd.admin.metrics").METRICS
    known = {f"{each.full_name}_bucket" if each.kind == "histogram" else each.full_name for each in metrics}
    asked = {name for panel in PANELS for query, _ in panel.queries for name in re.findall(r"ehttpd_\w+", query)}
    assert asked <= known


def test_a_file_of_settings_is_left_to_be_read_where_the_server_is_started(printed: Printer, folder: Path) -> None:
    (folder / "ehttpd.toml").write_text("threads = 9\nbacklog = 99\n")
    text = printed.text("systemd", "--backlog", "77")
    assert "--backlog 77" in text
    assert "--threads" not in text


def test_settings_become_the_words_that_they_are_read_from() -> None:
    settings = Settings(env=["A=1", "B=2"], reload=True, date_header=False, access_log="", bind=[":1", ":2"], threads=4)
    plan = Plan(settings, "app", ".")
    words = [word for name, value in settings for word in words_of(name, value)]
    assert Settings.from_sources(arguments_of(make_parser("", {}), words).given) == settings
    assert plan.given == {}, "arguments of a program are no flags"


@pytest.mark.parametrize("words", [[], ["--help-me"], ["system"], ["docker", "--socket"]])
def test_what_is_no_file_is_exit_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", *words]) == 2
    assert capsys.readouterr().err.startswith("ehttpd: ")


def test_every_file_ends_as_files_do(printed: Printer) -> None:
    for kind in FILES:
        text = printed.text(kind)
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
