"""Small HTTP servers on 127.0.0.1, each on a port of its own."""

import http.server
import json
import threading
from dataclasses import dataclass, field


@dataclass
class Request:
    method: str
    target: str
    """Path and query, as sent."""
    headers: list
    """Pairs of names, in lower case, and values, as sent."""
    body: bytes
    peer: str

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def query(self):
        return self.target.partition("?")[2]

    def header(self, name):
        return next((value for key, value in self.headers if key == name), None)


@dataclass
class Answer:
    status: int
    body: bytes = b""
    headers: list = field(default_factory=list)

    @staticmethod
    def json(status, value):
        return Answer(status, json.dumps(value).encode(), [("content-type", "application/json")])


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer, tls, port):
        super().__init__(("127.0.0.1", port), Handler)
        self.answer = answer
        if tls is not None:
            # The handshake is made by the connection's own thread, at its first read.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """Whoever hung up has his reasons."""

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one go, or the peer's delayed acknowledgement holds up each answer.
    wbufsize = -1

    def read_body(self):
        if "chunked" not in (self.headers.get("transfer-encoding") or "").lower():
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def respond(self):
        headers = [(name.lower(), value) for name, value in self.headers.items()]
        request = Request(self.command, self.path, headers, self.read_body(), self.client_address[0])
        answer = self.server.answer(request)
        self.send_response(answer.status)
        for name, value in answer.headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        if answer.status >= 200 and answer.status not in (204, 304):
            self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD" and answer.status not in (204, 304):
            self.wfile.write(answer.body)

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.respond
        raise AttributeError(name)

    def log_message(self, *_):
        pass


def serve(answer, tls=None, port=0):
    """A server that has `answer` answer each request."""
    return Server(answer, tls, port)
