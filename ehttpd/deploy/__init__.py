"""Ready files for what is around a server in production: service managers, containers, proxies, dashboards.

The operator's room: it answers to the formats of other programs. Each module makes texts of a `Plan`, and writes none.
"""
