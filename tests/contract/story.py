"""A client in Python, made from the description, goes through one story: a provider is slow, an incident is
opened, the provider is called, somebody writes down what happened, and the incident is over.

    story.py BASE_URL TOKEN INTEGRATION
"""

import sys

from client import AuthenticatedClient
from client.api.incidents import (
    acknowledge_incident,
    add_to_timeline,
    get_incident,
    list_timeline,
    open_incident,
    resolve_incident,
)
from client.api.requests import create_request, get_request, list_requests
from client.models import (
    IncidentType,
    NewEntry,
    NewIncident,
    NewRequest,
    Problem,
    Remark,
    Severity,
)


def done(answer):
    """What was answered, if it is no problem."""
    if answer is None or isinstance(answer, Problem):
        sys.exit(f"a step failed: {answer}")
    return answer


def call_the_provider(client, integration):
    call = NewRequest(method="GET", endpoint="/people")
    answer = done(create_request.sync(integration, client=client, body=call))
    assert answer.status == 200, answer
    newest = done(list_requests.sync(integration, client=client, limit=1)).items[0]
    detail = done(get_request.sync(integration, newest.id, client=client))
    assert (detail.method, detail.path) == ("GET", "/people"), detail


def go_through_an_incident(client, integration):
    new = NewIncident(
        title="People come slowly",
        type_=IncidentType.AVAILABILITY,
        severity=Severity.MEDIUM,
        integration_id=integration,
    )
    incident = done(open_incident.sync(client=client, body=new)).id
    done(acknowledge_incident.sync(incident, client=client, body=Remark(text="I look")))
    call_the_provider(client, integration)
    done(add_to_timeline.sync(incident, client=client, body=NewEntry(text="It answers again")))
    done(resolve_incident.sync(incident, client=client, body=None))
    assert done(get_incident.sync(incident, client=client)).status == "resolved"
    texts = [entry.text for entry in done(list_timeline.sync(incident, client=client)).items]
    assert "It answers again" in texts, texts
    return incident


def main():
    base_url, token, integration = sys.argv[1:]
    with AuthenticatedClient(base_url=base_url, token=token) as client:
        incident = go_through_an_incident(client, integration)
        missing = get_incident.sync("inc_00000000000000000000000000", client=client)
        assert isinstance(missing, Problem) and missing.code == "not_found", missing
    print(f"Python: {incident} came and went")


main()
