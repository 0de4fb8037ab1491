"""A file of identities for the real server, with listed and signed tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path

_SECRET = b"a secret of at least thirty-two bytes"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Identities:
    """Writes a file that the server reads at its start and after `reload`."""

    def __init__(self, folder: Path, roles: str) -> None:
        self.path = folder / "identities.toml"
        self._listed = ""
        (folder / "secret").write_bytes(base64.b64encode(_SECRET))
        self.write(roles)

    def list(self, token: str, subject: str, role: str) -> str:
        """Lists a token. Call `write` after it."""
        sha256 = hashlib.sha256(token.encode()).hexdigest()
        self._listed += (
            f'[[tokens]]\nid = "{sha256[:12]}"\nsubject = "{subject}"\n'
            f'role = "{role}"\nsha256 = "{sha256}"\n'
        )
        return token

    def write(self, roles: str) -> None:
        """`roles` are tables of TOML."""
        jwt = '[jwt]\naudience = "tickcast"\nleeway_s = 0\n[[jwt.keys]]\nkid = "k"\n'
        jwt += 'algorithm = "HS256"\nfile = "secret"\n'
        self.path.write_text(f"{roles}\n{self._listed}\n{jwt}", encoding="utf-8")

    @staticmethod
    def sign(subject: str, role: str, seconds: int) -> str:
        """A signed token that lasts for some seconds."""
        header = {"alg": "HS256", "kid": "k"}
        expires = int(time.time()) + seconds
        claims = {"sub": subject, "role": role, "aud": "tickcast", "exp": expires}
        parts = [_base64url(json.dumps(part).encode()) for part in (header, claims)]
        signed = ".".join(parts)
        digest = hmac.new(_SECRET, signed.encode(), hashlib.sha256).digest()
        return f"{signed}.{_base64url(digest)}"
