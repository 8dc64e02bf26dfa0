"""Signatures with the curve P-256, for certificates that live as long as a test.

FIPS 186-5 and RFC 6979. FOR TESTS ONLY: plain Python takes its time, and how much of it tells about the key.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

# FIPS 186-5 refers to SP 800-186 §3.2.1.3: y² = x³ - 3x + B modulo P; the base point has the order N.
P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
BASE = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)

Point: TypeAlias = tuple[int, int]
# x/z², y/z³: adding two of these needs no division.
Jacobian: TypeAlias = tuple[int, int, int]
INFINITY: Jacobian = (1, 1, 0)


def doubled(point: Jacobian) -> Jacobian:
    x, y, z = point
    if not z:
        return INFINITY
    square, y_square = z * z % P, y * y % P
    s = 4 * x * y_square % P
    m = 3 * (x - square) * (x + square) % P  # the curve's coefficient is -3
    x3 = (m * m - 2 * s) % P
    return x3, (m * (s - x3) - 8 * y_square * y_square) % P, 2 * y * z % P


def added(one: Jacobian, other: Jacobian) -> Jacobian:
    if not one[2]:
        return other
    if not other[2]:
        return one
    x1, y1, z1 = one
    x2, y2, z2 = other
    z1_square, z2_square = z1 * z1 % P, z2 * z2 % P
    u1, u2 = x1 * z2_square % P, x2 * z1_square % P
    s1, s2 = y1 * z2_square * z2 % P, y2 * z1_square * z1 % P
    h, r = (u2 - u1) % P, (s2 - s1) % P
    if not h:
        return INFINITY if r else doubled(one)
    h_square = h * h % P
    h_cube, v = h_square * h % P, u1 * h_square % P
    x3 = (r * r - h_cube - 2 * v) % P
    return x3, (r * (v - x3) - s1 * h_cube) % P, h * z1 * z2 % P


def multiplied(point: Point, factor: int) -> Point:
    """Return the point added to itself ``factor`` times, 0 < factor < N."""
    total, power = INFINITY, (*point, 1)
    while factor:
        if factor & 1:
            total = added(total, power)
        power = doubled(power)
        factor >>= 1
    x, y, z = total
    inverse = pow(z, -1, P)
    return x * inverse**2 % P, y * inverse**3 % P


class Key:
    """A private key and its public point."""

    def __init__(self, secret: int = 0) -> None:
        self.secret = secret or secrets.randbelow(N - 1) + 1
        self.public = multiplied(BASE, self.secret)

    @property
    def public_octets(self) -> bytes:
        """The public point, uncompressed (SEC 1 §2.3.3)."""
        return b"\x04" + self.public[0].to_bytes(32, "big") + self.public[1].to_bytes(32, "big")

    def sign(self, message: bytes) -> tuple[int, int]:
        """Return the signature of a message: ECDSA with SHA-256 (FIPS 186-5 §6.4.1)."""
        digest = hashlib.sha256(message).digest()
        nonces = Nonces(self.secret, digest)
        while True:
            nonce = nonces.draw()
            r = multiplied(BASE, nonce)[0] % N
            s = pow(nonce, -1, N) * (int.from_bytes(digest, "big") + r * self.secret) % N
            if r and s:
                return r, s


class Nonces:
    """The numbers that signatures need to be different, drawn from key and message (RFC 6979 §3.2)."""

    def __init__(self, secret: int, digest: bytes) -> None:
        reduced = (int.from_bytes(digest, "big") % N).to_bytes(32, "big")
        seed = secret.to_bytes(32, "big") + reduced
        self._value, self._key = b"\x01" * 32, b"\x00" * 32
        self._stir(b"\x00" + seed)
        self._stir(b"\x01" + seed)

    def _stir(self, seed: bytes) -> None:
        self._key = hmac.digest(self._key, self._value + seed, "sha256")
        self._value = hmac.digest(self._key, self._value, "sha256")

    def draw(self) -> int:
        """Return the next number, 0 < number < N."""
        while True:
            self._value = hmac.digest(self._key, self._value, "sha256")
            number = int.from_bytes(self._value, "big")
            if 0 < number < N:
                return number
            self._stir(b"\x00")


def verifies(public: Point, message: bytes, signature: tuple[int, int]) -> bool:
    """Tell whether a signature is that of a message (FIPS 186-5 §6.4.2)."""
    r, s = signature
    if not (0 < r < N and 0 < s < N):
        return False
    inverse = pow(s, -1, N)
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    ours, theirs = digest * inverse % N, r * inverse % N
    points = [(*multiplied(BASE, ours), 1)] if ours else []
    x, _, z = added((points or [INFINITY])[0], (*multiplied(public, theirs), 1))
    return bool(z) and x * pow(z * z, -1, P) % P % N == r
