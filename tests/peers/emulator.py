"""An emulator of AWS on 127.0.0.1 that answers one request after the other.

Run as `emulator.py <port>`.

moto answers each request in a thread of its own and locks nothing: it checks a condition and then
writes, and takes a transaction back by putting the whole table to what it was when it began. With
two requests at once, both of two conditional writes succeed now and then, and what is written
beside a cancelled transaction is lost. DynamoDB does neither.
"""

import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.server import MotoRequestHandler
from werkzeug.serving import run_simple

moto = DomainDispatcherApplication(create_backend_app)
turn = threading.Lock()


def one_at_a_time(environ, start_response):
    with turn:
        return moto(environ, start_response)


run_simple(
    "127.0.0.1",
    int(sys.argv[1]),
    one_at_a_time,
    threaded=True,
    request_handler=MotoRequestHandler,
)
