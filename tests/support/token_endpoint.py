"""A provider with OAuth on one local TLS port: its token endpoint, and an API that takes only the
tokens it gave. Both count what they get. Standard library and openssl only.

    with TokenEndpoint(folder) as provider:
        provider.port, provider.cert        lead the hosts there and trust that
        provider.grants                     the refresh grants asked for, as dicts
        provider.requests                   every other request: method, path, token, body
        provider.revoke()                   the access tokens given so far are refused
        provider.refuse = True              the next grants are answered invalid_grant
        provider.hold()                     grants wait until release()

By itself: token_endpoint.py FOLDER prints one JSON line {"port":N,"cert":PATH,...} and serves
until it is ended; GET /_counters (with any token) answers the counters as JSON."""
import http.server
import json
import os
import ssl
import sys
import threading
import urllib.parse

from harness import make_certificate

HOSTS = ("api.anthropic.com", "platform.claude.com", "api.openai.com", "auth.openai.com",
         "chatgpt.com", "generativelanguage.googleapis.com", "localhost")
TOKEN_PATHS = ("/v1/oauth/token", "/oauth/token")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        self.request.settimeout(60)
        self.request.do_handshake()  # here, not in the accepting thread
        super().setup()

    def log_message(self, *_):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            content = b""
            while True:
                size = int(self.rfile.readline(), 16)
                content += self.rfile.read(size)
                self.rfile.readline()
                if size == 0:
                    return content
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def handle_any(self):
        path = self.path.split("?")[0]
        body = self.body()
        if self.command == "POST" and path in TOKEN_PATHS:
            self.answer(*self.server.owner.grant(self.headers, body))
        else:
            self.answer(*self.server.owner.api(self.command, self.path, self.headers, body))

    do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = handle_any


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a proxy that ends a connection is no news


class TokenEndpoint:
    handler = Handler
    token_paths = TOKEN_PATHS

    def __init__(self, folder, access="sk-ant-oat01-REAL-0", refresh="sk-ant-ort01-REAL-0",
                 lifetime=28800):
        self.cert, key = make_certificate(
            folder, ["DNS:" + n for n in HOSTS] + ["IP:127.0.0.1"])
        self.lock = threading.Lock()
        self.access, self.refresh, self.lifetime = access, refresh, lifetime
        self.valid = {access}
        self.grants, self.requests = [], []
        self.refuse = False
        self.free = threading.Event()
        self.free.set()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, key)
        self.server = Server(("127.0.0.1", 0), self.handler)
        self.server.owner = self
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.free.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def revoke(self):
        with self.lock:
            self.valid.clear()

    def hold(self):
        self.free.clear()

    def release(self):
        self.free.set()

    def grant(self, headers, body):
        if headers.get("Content-Type", "").startswith("application/json"):
            asked = json.loads(body)
        else:
            asked = dict(urllib.parse.parse_qsl(body.decode()))
        with self.lock:
            self.grants.append(asked)
        self.free.wait(60)
        with self.lock:
            if self.refuse or asked.get("refresh_token") != self.refresh or \
                    asked.get("grant_type") != "refresh_token":
                return 400, {"error": "invalid_grant"}
            n = len(self.grants)
            self.access, self.refresh = f"sk-ant-oat01-REAL-{n}", f"sk-ant-ort01-REAL-{n}"
            self.valid.add(self.access)
            return 200, {"access_token": self.access, "refresh_token": self.refresh,
                         "expires_in": self.lifetime, "token_type": "Bearer"}

    def api(self, method, path, headers, body):
        given = headers.get("Authorization") or headers.get("x-api-key")
        with self.lock:
            if path == "/_counters":
                return 200, {"grants": len(self.grants), "requests": len(self.requests)}
            self.requests.append({"method": method, "path": path, "token": given,
                                  "body": body, "headers": dict(headers)})
            if given is None or given.removeprefix("Bearer ") in self.valid:
                return 200, {"n": len(self.requests)}
            return 401, {"type": "error", "error": {"type": "authentication_error"}}


if __name__ == "__main__":
    with TokenEndpoint(sys.argv[1]) as endpoint:
        print(json.dumps({"port": endpoint.port, "cert": endpoint.cert,
                          "access": endpoint.access, "refresh": endpoint.refresh}), flush=True)
        threading.Event().wait()
