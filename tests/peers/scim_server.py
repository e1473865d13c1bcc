"""Users by SCIM (`scim2-server`), on any port. Its argument is the token that it asks for."""

import sys
from wsgiref.simple_server import make_server

from scim2_server.memory import InMemoryStorage
from scim2_server.testserver.application import BearerTokenApplication
from scim2_server.utils import load_default_provider

application = BearerTokenApplication(
    InMemoryStorage(), load_default_provider(), bearer_tokens=[sys.argv[1]]
)
with make_server("127.0.0.1", 0, application) as server:
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
