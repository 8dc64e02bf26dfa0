"""A Django view that returns JSON, in a project of one file."""

# mypy: disable-error-code="import-not-found, import-untyped"

from __future__ import annotations

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.urls import path


def product(request: HttpRequest, number: int = 0) -> JsonResponse:
    return JsonResponse({"hello": "world", "number": number})


urlpatterns = [path("", product), path("products/<int:number>", product)]

settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY="benchmark",
    ALLOWED_HOSTS=["*"],
    # Every new project has it; it sets Content-Length.
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)
django.setup()
application = WSGIHandler()
