"""What ``ehttpd dev`` and ``--reload`` need: never imported, and never started, by a server in production."""
