"""TLS towards a broker: whose certificate counts, and in one line why a connection did not come about."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import Any

NOT_YET_VALID = 9
_IN_WORDS = {
    10: "it has expired, or this machine's clock is ahead",
    18: "it is signed by itself and not known here",
    19: "no certificate authority that is known here has signed it",
    20: "no certificate authority that is known here has signed it",
}
_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python does not name."""


class ClientContext(ssl.SSLContext):
    """Verifies chain and host name, and takes TLS 1.2 or newer. One context serves one connection.

    `abandon` may be called from another thread: a handshake with somebody who is silent ends at once.
    """

    _socket: ssl.SSLSocket | None = None
    _abandoned = False

    def wrap_socket(self, sock: socket.socket, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        if self._abandoned:
            raise ConnectionAbortedError("given up")
        self._socket = super().wrap_socket(sock, *arguments, **options)
        return self._socket

    def abandon(self) -> None:
        """End the connection, whatever it is doing."""
        self._abandoned = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def failed(self, error: OSError) -> OSError:
        """Give the connection's socket back, in the thread that uses it. Returns what to tell."""
        if self._socket is None:
            return error
        self._socket.close()
        if isinstance(error, ConnectionError | ssl.SSLEOFError):
            return ConnectionError("the broker breaks off: does this port of it speak TLS 1.2 or newer?")
        return error


def client_context(ca: str | None, *, dates: bool = True) -> ClientContext:
    """Trust the authorities of the file `ca`, or the machine's own. Blocking. Raises OSError that names the file.

    Without `dates` a certificate counts though it has not begun, or has ended.
    """
    context = ClientContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not dates:
        context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
    if ca is None:
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(cafile=ca)
    except ssl.SSLError as error:
        raise OSError(f"the file of certificate authorities {ca} holds no certificate in PEM form") from error
    except OSError as error:
        raise OSError(f"the file of certificate authorities {ca} cannot be read: {error.strerror}") from error
    return context


def why(error: Exception) -> str:
    """One line on why there is no connection."""
    if isinstance(error, ssl.SSLCertVerificationError):
        words = _IN_WORDS.get(error.verify_code, error.verify_message)
        return f"the broker's certificate is not accepted: {words}"
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return "this port of the broker does not speak TLS"
    if isinstance(error, ssl.SSLError) and error.reason:
        return f"no TLS with the broker: {error.reason.lower().replace('_', ' ')}"
    return str(error) or type(error).__name__
