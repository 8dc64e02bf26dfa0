"""Rotation of log files. logrotate(8): on USR1 ehttpd opens them anew."""

from __future__ import annotations

from ehttpd.deploy.plan import Plan


def logrotate(plan: Plan) -> str:
    """Return a file for /etc/logrotate.d."""
    files = plan.log_files or [f"/var/log/{plan.name}/*.log"]
    return f"""\
# /etc/logrotate.d/{plan.name}
{" ".join(f'"{path}"' for path in files)} {{
    daily
    rotate 14
    missingok
    notifempty
    compress
    delaycompress
    sharedscripts
    postrotate
        systemctl kill --signal=USR1 --kill-whom=main {plan.name}.service
    endscript
}}
"""
