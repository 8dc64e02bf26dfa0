"""Who may see figures, and who may give commands.

The admin address is of this machine unless the operator says otherwise; but browsers of this machine show pages of
anybody. A page of another origin must neither command nor, by having its name resolve to this machine (DNS rebinding),
read. So what browsers say of the request is looked at: Host (RFC 9110 §7.2), Origin (RFC 6454 §7) and Sec-Fetch-Site.
"""

from __future__ import annotations

import ipaddress

from ehttpd.messages import Request, Response

# Fields by which a proxy on this machine gives itself away: whoever asks through it is somewhere else.
OF_PROXIES = ("forwarded", "x-forwarded-for", "x-forwarded-host", "via")
SAME_SITE = ("same-origin", "none")


def is_local(host: str) -> bool:
    """Tell whether an address is of this machine: of its loopback interface, or that of a Unix socket."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return not host or host.startswith(("/", "@", "unix:"))
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def refusal_of_reading(request: Request) -> Response | None:
    """Return why figures are not shown to whoever sent ``request``; None if they are.

    Where this machine only is listened to, a name that is not this machine's is one that a page has had resolve to it.
    """
    if is_local(request.client.local[0]) and not _names_no_other(request):
        return _forbidden("The Host field names another machine than this. Ask for localhost, or for an address.")
    return None


def refusal_of_command(request: Request, *, from_anywhere: bool) -> Response | None:
    """Return why whoever sent ``request`` may give no commands; None if they may."""
    if not from_anywhere and (
        not is_local(request.client.remote[0]) or any(name in request.headers for name in OF_PROXIES)
    ):
        return _forbidden("Commands are taken from this machine only; see --admin-remote-control.")
    if not _names_no_other(request):
        return _forbidden("The Host field names no address. Commands are taken where it is one, or localhost.")
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    own = f"http://{request.headers.get('host', '')}"
    if origin not in (None, own) or (site is not None and site not in SAME_SITE):
        return _forbidden("A page of another origin gives no commands.")
    return None


def _names_no_other(request: Request) -> bool:
    """Tell whether Host is an address or localhost: no page can be of these but one that is served there."""
    host = (request.headers.get("host") or "").strip()
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if not name or name.lower() == "localhost":
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _forbidden(why: str) -> Response:
    return Response.text(f"{why}\n", 403)
