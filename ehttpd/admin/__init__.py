"""The operator's window: what servers count and do, as metrics, pages and values; and what may be told to them.

    Source -> Snapshot of each worker -> merged -> metrics, status, JSON -> the admin's own server

`source` is where figures come from, and the only thing here that knows servers.
"""
