"""Every address of the site."""

from django.contrib import admin
from django.contrib.staticfiles.views import serve as serve_static
from django.urls import include, path

urlpatterns = [
    path("", include("books.urls")),
    path("admin/", admin.site.urls),
    # "insecure" is Django's word for slow: a busy site lets a web server or a cache send these.
    path("static/<path:path>", serve_static, {"insecure": True}),
]
