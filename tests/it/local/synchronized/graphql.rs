use std::process::Command;

use serde_json::{Value, json};

use super::{PAGE, Source, script};
use crate::peers::{Peer, folder};

const TOKEN: &str = "canary-of-graphql";
const LIST: &str = "query($first: Int, $after: String) { people(first: $first, after: $after) {
    edges { node { id name } } pageInfo { hasNextPage endCursor } } }";

fn server() -> Option<Peer> {
    let modules = folder()?.join("node");
    let mut command = Command::new("node");
    command.arg(script("graphql-server.mjs")).arg(TOKEN);
    Some(Peer::start(command.current_dir(modules)))
}

/// A list by POST, whose variables say where it goes on.
fn integration(url: &str, query: &str) -> Value {
    json!({
        "name": "People", "type": "enterprise", "baseUrl": url,
        "authMethod": "api_key", "credentials": {"apiKey": TOKEN},
        "syncConfig": {"entities": {"people": {
            "source": {
                "method": "POST", "listPath": "/graphql",
                "body": {"query": query, "variables": {}},
                "items": "data.people.edges[].node", "id": "id",
                "pagination": {
                    "kind": "cursor", "parameter": "/variables/after",
                    "next": "data.people.pageInfo.endCursor",
                    "more": "data.people.pageInfo.hasNextPage",
                    "size": {"parameter": "/variables/first", "max": PAGE},
                },
            },
            "mapping": {"name": "id", "state": "name"},
        }}},
    })
}

#[tokio::test]
async fn a_connection_of_graphql_is_kept_in_step() {
    let Some(peer) = server() else { return };
    let source = Source::new(integration(&peer.url("/"), LIST), "people").await;
    let ask = async |query: &str, id: &str, name: Option<&str>| {
        let body = json!({"query": query, "variables": {"id": id, "name": name}});
        let call = json!({"method": "POST", "endpoint": "/graphql", "body": body});
        let answer = source.call(call).await;
        assert_eq!(answer["body"]["errors"], Value::Null, "{answer}");
    };
    let put = "mutation($id: ID!, $name: String) { put(id: $id, name: $name) { id } }";
    let names = ["1", "2", "Ada \"L\"", "é", "a/b", "6", "7"];
    let put = async |id: &str, name: &str| ask(put, id, Some(name)).await;
    let remove = "mutation($id: ID!) { remove(id: $id) }";
    let delete = async |id: &str| ask(remove, id, None).await;
    source.is_kept_in_step(names, 3, put, delete).await;
}

/// GraphQL says so with the status 200 and no list: what is here stays.
#[tokio::test]
async fn a_query_that_fails_deletes_nothing() {
    let Some(peer) = server() else { return };
    let query = LIST.replace("name }", "nobodyKnows }");
    let source = Source::new(integration(&peer.url("/"), &query), "people").await;
    let job = source.run().await;
    assert_eq!(job["status"], "failed", "{job}");
    let (records, _) = source.changes(None).await;
    assert_eq!(records, [Value::Null; 0]);
}
