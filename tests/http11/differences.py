"""Where h11 reads what we refuse, or refuses what we read: the cases of the corpus, by the reason.

The tests hold that no other case differs; docs/http.md shows the lists.
"""

from __future__ import annotations

ONLY_OURS = {
    "RFC 9112 §2.2 asks a server to ignore an empty line before a request": [
        "empty-line-before-request-line", "empty-line-after-body",
    ],
    "RFC 9112 §7.1.1 has optional whitespace before the semicolon": ["chunk-extension-behind-whitespace"],
    "RFC 9110 §8.6 and RFC 9112 §7.1 have no end of leading zeros; h11 takes twenty digits": [
        "content-length-with-thirty-zeros", "chunk-size-with-thirty-zeros",
    ],
}  # fmt: skip

ONLY_THEIRS = {
    "h11 leaves the request target and the method to its caller": [
        "absolute-form-https", "absolute-form-of-another-scheme", "absolute-form-with-backslash",
        "absolute-form-with-broken-host",
        "absolute-form-with-broken-ipv6", "absolute-form-with-empty-host", "absolute-form-with-empty-user-information",
        "absolute-form-with-fragment", "absolute-form-with-one-slash", "absolute-form-with-port-in-letters",
        "absolute-form-with-port-only", "absolute-form-with-user-information", "absolute-form-without-slashes",
        "asterisk-form-with-get", "asterisk-form-with-path", "authority-form-with-get", "connect", "connect-with-path",
        "connect-without-port", "target-in-angle-brackets", "target-query-only", "target-with-backslash-first",
        "target-with-fragment", "target-with-fragment-in-query", "target-without-slash",
    ],
    "h11 leaves the version to its caller": ["version-0.9", "version-2.0", "version-3.0"],
    "h11 leaves the expectation to its caller": [
        "expectation-almost", "expectation-and-another", "expectation-quoted", "expectation-unknown",
        "expectation-with-parameter", "expectation-with-value",
    ],
    "h11 does not look into Host": [
        "absolute-form-with-broken-host-field", "host-beyond-ascii", "host-broken-http-1.0", "host-ipv4-in-brackets",
        "host-ipv6-broken", "host-ipv6-empty", "host-ipv6-with-letters-behind", "host-ipv6-with-zone",
        "host-ipv6-without-brackets", "host-ipvfuture-broken", "host-list", "host-quoted", "host-with-angle-brackets",
        "host-of-port-only", "host-with-backslash", "host-with-broken-percent-encoding", "host-with-caret",
        "host-with-fragment", "host-with-negative-port", "host-with-open-bracket", "host-with-path",
        "host-with-port-beyond-65535", "host-with-port-beyond-ascii", "host-with-port-in-letters",
        "host-with-port-of-2-to-the-32-and-80", "host-with-query", "host-with-scheme", "host-with-space",
        "host-with-tab-inside", "host-with-two-ports", "host-with-user-information",
    ],
    "h11 asks for Host in HTTP/1.1 only, and not in later versions": ["host-missing-http-1.2"],
    "h11 takes LF for the end of a line": [
        "chunk-last-and-section-end-with-lf", "field-hidden-behind-bare-lf", "field-line-ends-with-lf",
        "field-value-with-bare-lf", "lines-end-with-lf", "section-ends-with-lf-alone",
        "request-line-bare-lf", "request-line-ends-with-lf", "trailer-bare-lf",
        "trailer-line-and-section-end-with-lf",
    ],
    "h11 unfolds folded lines": [
        "field-folded", "field-folded-before-its-value", "field-folded-content-length",
        "field-folded-transfer-encoding", "field-folded-with-nothing", "field-folded-with-tab", "host-folded",
        "trailer-folded",
    ],
    "h11 allows control characters in values": [
        "field-value-with-backspace", "field-value-with-bell", "field-value-with-delete", "field-value-with-escape",
        "field-value-with-unit-separator",
    ],
    "h11 lets Transfer-Encoding win over Content-Length, and takes it in HTTP/1.0": [
        "content-length-and-transfer-encoding", "transfer-encoding-and-content-length",
        "transfer-encoding-and-content-length-zero", "transfer-encoding-http-1.0",
        "transfer-encoding-http-1.0-after-http-1.1", "transfer-encoding-http-1.0-and-content-length",
        "transfer-encoding-on-get-and-content-length",
    ],
    "h11 takes one length given more than once": ["content-length-list", "content-length-twice-the-same"],
    "h11 does not look into chunk extensions": [
        "chunk-extension-behind-a-quote", "chunk-extension-beyond-ascii", "chunk-extension-of-value-only",
        "chunk-extension-quoted-with-escaped-cr", "chunk-extension-unclosed-quote", "chunk-extension-with-bare-cr",
        "chunk-extension-with-nul", "chunk-extension-with-two-equals", "chunk-extension-with-whitespace-at-the-end",
        "chunk-extension-without-name", "chunk-extension-without-value", "chunk-last-without-name-of-extension",
        "chunk-size-with-trailing-space", "chunk-size-with-trailing-tab",
    ],
    "h11 does not look into trailers": [
        "trailer-authorization", "trailer-cache-control", "trailer-connection", "trailer-content-encoding",
        "trailer-content-type", "trailer-cookie", "trailer-expect", "trailer-forwarded", "trailer-framing",
        "trailer-host", "trailer-if-match", "trailer-if-none-match", "trailer-if-range", "trailer-max-forwards",
        "trailer-range", "trailer-set-cookie", "trailer-upgrade",
    ],
    "h11 has one limit, for the whole head": [
        "chunk-line-too-long", "field-line-too-long", "fields-too-many", "head-too-large", "method-too-long",
        "request-line-too-long", "trailer-line-too-long", "trailers-too-many",
    ],
    "h11 closes after a request of HTTP/1.0, so the second is not read": ["host-missing-after-http-1.0"],
    "h11 waits for the end of a line before it judges its beginning": ["surplus-behind-a-body"],
}  # fmt: skip


def listed(differences: dict[str, list[str]]) -> list[str]:
    """Return the names of the cases that a table has."""
    return sorted(name for names in differences.values() for name in names)
