"""The pictures of docs/figures.md, made by ``make screenshots``."""
