"""A Flask view that returns JSON: what a framework adds to every request."""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

from flask import Flask, Response, jsonify


def product(number: int = 0) -> Response:
    return jsonify(hello="world", number=number)


application = Flask(__name__)
application.add_url_rule("/", view_func=product)
application.add_url_rule("/products/<int:number>", view_func=product)
