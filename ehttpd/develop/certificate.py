"""A certificate for development, made on the spot by an authority that nobody trusts: browsers ask once."""

from __future__ import annotations

from ehttpd.settings import Settings
from ehttpd.testing.certificates import HOSTS, Authority, armoured, kept_in_file, written_key


def certified(settings: Settings) -> Settings:
    """Return ``settings`` with a certificate for this machine's names, unless they name one."""
    if settings.certfile:
        return settings
    authority = Authority("ehttpd dev")
    certificate, key = authority.issue(HOSTS)
    kept = kept_in_file(armoured("CERTIFICATE", certificate) + armoured("EC PRIVATE KEY", written_key(key)))
    return settings.replace(certfile=kept)
