"""What proxies say of the clients behind them, and when that is believed.

The authority is RFC 7239 for Forwarded, custom for X-Forwarded-*, and HAProxy's specification for the PROXY protocol.
Knows fields, addresses and octets; no socket is read here.
"""
