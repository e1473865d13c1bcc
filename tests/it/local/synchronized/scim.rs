use std::process::Command;

use serde_json::{Value, json};

use super::{PAGE, Source, encoded, script};
use crate::peers::{Peer, folder};

const TOKEN: &str = "canary-of-scim";
const USERS: &str = "/Users";
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

fn server() -> Option<Peer> {
    let mut command = Command::new(folder()?.join("venv/bin/python"));
    command.arg(script("scim_server.py")).arg(TOKEN);
    Some(Peer::start(&mut command))
}

/// `startIndex` counts from 1 (RFC 7644 section 3.4.2.4).
fn integration(url: &str) -> Value {
    json!({
        "name": "Users", "type": "enterprise", "baseUrl": url,
        "authMethod": "api_key", "credentials": {"apiKey": TOKEN},
        "syncConfig": {"entities": {"users": {
            "source": {
                "listPath": USERS, "items": "Resources || `[]`", "id": "id",
                "cursorField": "meta.lastModified",
                "pagination": {
                    "kind": "offset", "parameter": "startIndex", "first": 1,
                    "size": {"parameter": "count", "max": PAGE},
                },
            },
            "mapping": {"name": "userName", "state": "displayName"},
        }}},
    })
}

/// The id of a user, if there is one of that name.
async fn id_of(source: &Source, name: &str) -> Option<String> {
    let params = json!({"filter": format!("userName eq \"{name}\"")});
    let list = json!({"method": "GET", "endpoint": USERS, "params": params});
    let answer = source.call(list).await;
    let id = answer["body"]["Resources"][0]["id"].as_str();
    id.map(str::to_owned)
}

#[tokio::test]
async fn users_of_scim_are_kept_in_step() {
    let Some(peer) = server() else { return };
    let source = Source::new(integration(&peer.url("/v2/")), "users").await;
    let put = async |name: &str, text: &str| {
        let user = json!({"schemas": [USER], "userName": name, "displayName": text});
        let (method, endpoint) = match id_of(&source, name).await {
            Some(id) => ("PUT", format!("{USERS}/{}", encoded(&id))),
            None => ("POST", USERS.to_owned()),
        };
        let call = json!({"method": method, "endpoint": endpoint, "body": user});
        source.call(call).await;
    };
    let delete = async |name: &str| {
        let id = id_of(&source, name).await.unwrap();
        let endpoint = format!("{USERS}/{}", encoded(&id));
        let call = json!({"method": "DELETE", "endpoint": endpoint});
        source.call(call).await;
    };
    let names = [
        "ada",
        "bob",
        "cläre",
        "dan@example.com",
        "e f",
        "fay",
        "gil",
    ];
    // A list whose items are counted ends with a page that has none.
    source.is_kept_in_step(names, 4, put, delete).await;
}
