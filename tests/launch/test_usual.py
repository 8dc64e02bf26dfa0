"""Where nobody names an application, the folder says what is usually served."""

from __future__ import annotations

from pathlib import Path

import pytest

from ehttpd.errors import SettingsError
from ehttpd.launch.usual import usual_application

MANAGE = '''
import os
def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site.settings")
'''


@pytest.mark.parametrize(
    ("files", "named"), [(["app.py", "main.py"], "app"), (["wsgi.py"], "wsgi"), (["main.py", "shop.py"], "main")]
)
def test_a_file_that_is_called_like_an_application_is_one(tmp_path: Path, files: list[str], named: str) -> None:
    for file in files:
        (tmp_path / file).touch()
    assert usual_application(str(tmp_path)) == named


def test_a_django_project_names_its_own(tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text(MANAGE)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "settings.py").write_text("raise SystemExit\nWSGI_APPLICATION = 'site.wsgi.application'")
    assert usual_application(str(tmp_path)) == "site.wsgi:application"


@pytest.mark.parametrize("text", ["", "not Python", MANAGE])
def test_nothing_is_told_with_what_was_looked_for(tmp_path: Path, text: str) -> None:
    (tmp_path / "manage.py").write_text(text)
    with pytest.raises(SettingsError, match=r"^name the application to serve") as caught:
        usual_application(str(tmp_path))
    assert "app.py, wsgi.py, main.py" in caught.value.cure
