"""An authority of one's own, and a certificate for a server on this machine."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

_EXTENSIONS = """[server]
subjectAltName = DNS:localhost, IP:127.0.0.1
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
"""
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


async def _openssl(*words: str | Path) -> None:
    process = await asyncio.create_subprocess_exec("openssl", *words, stdout=DEVNULL, stderr=PIPE)
    _, told = await process.communicate()
    assert process.returncode == 0, told.decode()


async def secure_listener(folder: Path) -> tuple[Path, Path]:
    """Writes an authority, a certificate and settings: the files of the first and the last."""
    ca, config = folder / "ca.pem", folder / "tickcast.toml"
    await _openssl(
        "req", "-x509", *_KEY, "-keyout", folder / "ca.key", "-out", ca, "-days", "2",
        "-subj", "/CN=Tickcast test authority", "-addext", "basicConstraints=critical,CA:TRUE",
    )  # fmt: skip
    request, certificate = folder / "server.csr", folder / "server.pem"
    key = folder / "server.key"
    await _openssl("req", *_KEY, "-keyout", key, "-out", request, "-subj", "/CN=localhost")
    extensions = folder / "extensions"
    extensions.write_text(_EXTENSIONS, encoding="ascii")
    await _openssl(
        "x509", "-req", "-in", request, "-CA", ca, "-CAkey", folder / "ca.key", "-days", "2",
        "-extfile", extensions, "-extensions", "server", "-out", certificate,
    )  # fmt: skip
    config.write_text(
        f'[[listen]]\naddress = "127.0.0.1:0"\ntls_cert = {json.dumps(str(certificate))}\n'
        f"tls_key = {json.dumps(str(key))}\n",
        encoding="utf-8",
    )
    return ca, config
