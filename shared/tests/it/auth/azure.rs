//! Shared Key, judged by `azurite`. These run if `GATEHOUSE_PEERS` is set.

use gatehouse::domain::AuthMethod;
use http::{HeaderName, HeaderValue, Method};
use serde_json::json;

use super::Caller;
use crate::peers::Peer;

const ACCOUNT: &str = "devstoreaccount1";
/// The key of that account, which everybody knows.
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

struct Azurite {
    peer: Peer,
}

impl Azurite {
    fn start() -> Option<Self> {
        Peer::azurite().map(|peer| Self { peer })
    }

    fn caller(&self, key: &str) -> Caller {
        let config = json!({"kind": "azure_shared_key"});
        let fields = [("accountName", ACCOUNT), ("accountKey", key)];
        let base_url = self.peer.url(&format!("/{ACCOUNT}/"));
        Caller::new(AuthMethod::Custom, &config, &fields, &base_url)
    }
}

async fn blob(caller: &Caller, method: Method, path: &str, body: &'static str) -> (u16, String) {
    let mut request = caller.request(method.clone(), &format!("/{ACCOUNT}{path}"));
    request.body = body.into();
    if method == Method::PUT && !body.is_empty() {
        for (name, value) in [
            ("content-type", "text/plain; charset=utf-8"),
            ("x-ms-blob-type", "BlockBlob"),
            ("x-ms-meta-note", "two  words"),
        ] {
            let name = HeaderName::from_static(name);
            request
                .headers
                .insert(name, HeaderValue::from_static(value));
        }
    }
    caller.send(request).await
}

#[tokio::test]
async fn azure_storage_accepts_what_is_signed_and_nothing_else() {
    let Some(azurite) = Azurite::start() else {
        return;
    };
    let caller = azurite.caller(KEY);
    let (status, body) = blob(&caller, Method::PUT, "/box?restype=container", "").await;
    assert_eq!(status, 201, "{body}");
    for name in [
        "plain.txt",
        "a%20b%2Bc/%C3%A4%3F.txt",
        "a+b.txt",
        "quotes'()!~$,;=@.txt",
    ] {
        let path = format!("/box/{name}");
        let (status, body) = blob(&caller, Method::PUT, &path, "hello").await;
        assert_eq!(status, 201, "{path}: {body}");
        let read = blob(&caller, Method::GET, &path, "").await;
        assert_eq!(read, (200, "hello".to_owned()), "{path}");
    }
    let query = "/box?restype=container&comp=list&prefix=a%20b%2Bc/&include=metadata";
    let (status, list) = blob(&caller, Method::GET, query, "").await;
    assert_eq!(status, 200, "{list}");
    assert!(list.contains("a b+c/\u{e4}?.txt"), "{list}");
    assert!(!list.contains("plain.txt"), "{list}");

    let wrong = azurite.caller("YW5vdGhlciBrZXk=");
    let (status, body) = blob(&wrong, Method::GET, "/box/plain.txt", "").await;
    assert_eq!(status, 403, "{body}");
}
