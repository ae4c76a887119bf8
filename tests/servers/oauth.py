"""An OAuth 2 server: gives tokens as Microsoft and Google do, and says whose they are."""

import base64
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs

from tests.servers.certificate import Certificate

Form = dict[str, str]


class OAuth:
    """A server; `with OAuth() as server: ... server.url`.

    Args:
        certificate: Makes it speak TLS.
        user: Whom its tokens stand for.

    Attributes:
        asked: The path and form of each request for a token.
        lifetime: Of tokens given from now on, in seconds.
        good: Tokens that are still good.
        error: Said instead of a token, where it is not empty.
    """

    def __init__(self, certificate: Certificate | None = None, user: str = "") -> None:
        self.asked: list[tuple[str, Form]] = []
        self.lifetime = 3600
        self.good: set[str] = set()
        self.error: dict[str, str] = {}
        self.user = user
        self.pending = 0
        self._scope = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.both)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token(self) -> dict[str, object]:
        """Give a new token, as the answer to a request for one."""
        token = f"token-{len(self.asked)}"
        self.good.add(token)
        return {
            "token_type": "Bearer",
            "access_token": token,
            "expires_in": self.lifetime,
            "refresh_token": f"refresh-{len(self.asked)}",
        }

    def person(self) -> dict[str, object]:
        """Say who has logged in, as Microsoft does to who asks for `client_info`."""
        now = int(time.time())
        claims = {"iss": f"{self.url}/tenant/v2.0", "aud": "id", "iat": now, "exp": now + 3600}
        named = claims | {"sub": "1", "oid": "1", "tid": "2", "preferred_username": self.user}
        token = ".".join([_encoded({"alg": "none"}), _encoded(named), "x"])
        client = _encoded({"uid": "1", "utid": "2"})
        return {"client_info": client, "id_token": token, "scope": self._scope}

    def answer(self, path: str, form: Form) -> tuple[int, dict[str, object]]:
        """Answer one request."""
        if path.endswith("/openid-configuration"):
            base = f"{self.url}/tenant/oauth2/v2.0"
            return 200, {
                "issuer": f"{self.url}/tenant/v2.0",
                "authorization_endpoint": f"{base}/authorize",
                "token_endpoint": f"{base}/token",
                "device_authorization_endpoint": f"{base}/devicecode",
            }
        if path.endswith("/devicecode"):
            self._scope = form["scope"]
            return 200, {
                "device_code": "device",
                "user_code": "ABCD",
                "verification_uri": "https://example.org/device",
                "expires_in": 60,
                "interval": 0,
                "message": "go to https://example.org/device and enter ABCD",
            }
        self.asked.append((path, form))
        if self.error:
            return 400, dict(self.error)
        if self.pending and "device_code" in form:
            self.pending -= 1
            return 400, {"error": "authorization_pending"}
        personal = form.get("grant_type") != "client_credentials" and "client_info" in form
        return 200, self.token() | (self.person() if personal else {})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _say(self, status: int, value: dict[str, object]) -> None:
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                if self.path.startswith("/introspect"):
                    token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                    active = token in outer.good
                    self._say(200 if active else 401, {"active": active, "username": outer.user})
                else:
                    self._say(*outer.answer(self.path, {}))

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                form = parse_qs(self.rfile.read(length).decode())
                self._say(*outer.answer(self.path, {key: each[0] for key, each in form.items()}))

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def _encoded(value: object) -> str:
    """Write a part of a JSON web token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
