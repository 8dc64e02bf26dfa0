"""The one application of the project."""

from django.apps import AppConfig


class BooksConfig(AppConfig):
    name = "books"
