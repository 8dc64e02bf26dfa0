"""Proxies in front: nginx and Caddy. ngx_http_proxy_module, and the Caddyfile."""

from __future__ import annotations

from ehttpd.deploy.plan import Plan


def nginx(plan: Plan, *, site: bool = False) -> str:
    """Return a whole nginx.conf, or with ``site`` the part of it for conf.d or sites-enabled."""
    server = nginx_site(plan)
    if site:
        return server
    indented = "".join(f"    {line}\n" if line else "\n" for line in server.splitlines())
    return (
        "# /etc/nginx/nginx.conf, whole. For a file of conf.d or sites-enabled: ehttpd init nginx --site\n"
        "worker_processes auto;\nevents {\n    worker_connections 4096;\n}\n\n"
        "http {\n    include /etc/nginx/mime.types;\n    default_type application/octet-stream;\n    sendfile on;\n\n"
        f"{indented}}}\n"
    )


def nginx_site(plan: Plan) -> str:
    """Return the server and its upstream."""
    upstream = plan.name.replace("-", "_")
    body = plan.settings.limit_request_body
    return f"""\
map $http_upgrade ${upstream}_connection {{
    default upgrade;
    "" "";
}}

upstream {upstream} {{
    server {quoted(plan.upstream)};
    # ehttpd closes a connection that rests for {plan.settings.keep_alive_timeout:g} s, nginx must before.
    keepalive 32;
    keepalive_timeout {max(1, round(float(plan.settings.keep_alive_timeout)) - 1)}s;
}}

server {{
    listen 80;
    listen [::]:80;
    server_name _;

    # ehttpd has the last word: 413 beyond limit_request_body.
    client_max_body_size {int(body) or 0};

    location / {{
        proxy_pass {"https" if plan.secure else "http"}://{upstream};
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        # What nginx does not set it passes on, and ehttpd would believe the client. Nothing: remove it.
        proxy_set_header X-Forwarded-Host "";
        proxy_set_header X-Forwarded-Port "";
        proxy_set_header X-Forwarded-Prefix "";
        proxy_set_header Forwarded "";
        # WebSockets; for all else the connection is kept.
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection ${upstream}_connection;
        # ehttpd holds slow uploads and downloads without a thread, and streams reach clients at once.
        proxy_request_buffering off;
        proxy_buffering off;
        proxy_read_timeout 75s;
    }}
}}
"""


def caddy(plan: Plan) -> str:
    """Return a Caddyfile. Caddy gets certificates by itself for names of hosts."""
    place = plan.upstream if not plan.upstream.startswith("unix:") else f"unix/{plan.upstream.removeprefix('unix:')}"
    secure = "\n\t\t\t# Its certificate is for clients, and has another name than this.\n\t\t\ttls_insecure_skip_verify"
    return f"""\
# /etc/caddy/Caddyfile. Put the name of the host in place of :80, and Caddy serves it over HTTPS.
:80 {{
	encode zstd gzip
	reverse_proxy {quoted(place)} {{
		# What Caddy does not set it passes on, and ehttpd would believe the client.
		header_up -Forwarded
		header_up -X-Forwarded-Port
		header_up -X-Forwarded-Prefix
		# ehttpd closes a connection that rests for {plan.settings.keep_alive_timeout:g} s, Caddy must before.
		transport http {{
			keepalive {max(1, round(float(plan.settings.keep_alive_timeout)) - 1)}s{secure if plan.secure else ""}
		}}
	}}
}}
"""


def quoted(place: str) -> str:
    """Return an address as both read it: in quotes if it is a path with blanks."""
    return f'"{place}"' if " " in place else place
