"""A fake server of chat completions that can fail on demand."""

import json
import socket
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GOAL = '[{"label": "Goal", "team": "home", "confidence": 0.9, "details": "A shot."}]'


def completion(text="none", *, finish="stop", tokens=None, **changes) -> dict:
    """Return a chat completion. `tokens` are pairs of a token and its log probability."""
    choice = {"index": 0, "finish_reason": finish}
    choice["message"] = {"role": "assistant", "content": text}
    if tokens is not None:
        listed = [{"token": token, "logprob": p, "top_logprobs": []} for token, p in tokens]
        choice["logprobs"] = {"content": listed}
    answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "tiny-1"}
    usage = {"prompt_tokens": 100, "completion_tokens": 3, "total_tokens": 103}
    return answer | {"choices": [choice], "usage": usage} | changes


def error(message, code=None) -> dict:
    """Return the body of an error."""
    return {"error": {"message": message, "type": "error", "code": code}}


class FakeServer:
    """A server that answers each request with the result of `answer(body, number)`.

    The result can be a completion, or a tuple of status, body and optional headers. A text is sent
    unchanged. None closes the connection without an answer.

    Attributes:
        requests: body of each request, in order.
        headers: headers of each request, in order.
        most: largest number of simultaneous requests.
    """

    def __init__(self, answer=lambda body, number: completion(), port=0):
        self.answer, self.requests, self.headers = answer, [], []
        self.most = self._working = 0
        self._connections = []
        lock, fake = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                fake._connections.append(self.request)
                super().setup()

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with lock:
                    number = len(fake.requests)
                    fake.requests.append(body)
                    fake.headers.append({k.lower(): v for k, v in self.headers.items()})
                    fake._working += 1
                    fake.most = max(fake.most, fake._working)
                try:
                    self._send(fake.answer(body, number))
                finally:
                    with lock:
                        fake._working -= 1

            def _send(self, answer):
                if answer is None:
                    self.close_connection = True
                    return
                status, text, headers = 200, answer, {}
                if isinstance(answer, tuple):
                    status, text, headers = (*answer, {})[:3]
                data = (text if isinstance(text, str) else json.dumps(text)).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_port
        self.endpoint = f"http://127.0.0.1:{self.port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self):
        """Stop like a killed server. Running requests get no answer."""
        self._server.shutdown()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(answer=lambda body, number: completion(), port=0):
    """Run a fake server within a `with` statement."""
    fake = FakeServer(answer, port)
    try:
        yield fake
    finally:
        fake.stop()


def wait_until(condition, seconds=30):
    """Wait until a condition is true, and fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)
