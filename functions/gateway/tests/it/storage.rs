//! Storage services that sign: S3 as `moto_server` has it, and Azure's blobs as `azurite` has them.
//! These run if `GATEHOUSE_PEERS` is set.

use serde_json::{Value, json};

use crate::peers::Peer;
use crate::world::World;

/// With this many calls a user, a policy and a key are made. All later ones are authenticated.
const SETUP_CALLS: u32 = 3;
const MAY_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const ACCOUNT: &str = "devstoreaccount1";
/// The key of that account, which everybody knows.
const ACCOUNT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// Of the right form.
const ANOTHER_KEY: &str =
    "YW5vdGhlciBrZXkgYW5vdGhlciBrZXkgYW5vdGhlciBrZXkgYW5vdGhlciBrZXkgYW5vdGhlciBrZXkgYW5vdGhl";
const ANOTHER_SECRET: &str = "canary/wJalrXUtnFEMI/K7MDENG/bPxRfiCYEX";

/// Keys as they stand in a path, in all that makes signing hard.
const KEYS: [&str; 6] = [
    "plain.txt",
    "a%20b+c/%C3%A4%3F.txt",
    "deep/er/%E2%98%83.txt",
    "percent%2525",
    "quotes'()*!~$&,;=@:.txt",
    "a%2Fb",
];

fn element(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).expect(name);
    rest.split('<').next().unwrap().to_owned()
}

fn said(answer: &Value) -> &str {
    answer["body"].as_str().unwrap_or_default()
}

/// A service of storage with an integration that may use it, and one whose secret is wrong.
struct Storage {
    world: World,
    good: String,
    wrong: String,
    /// What is in front of all paths that are called.
    prefix: &'static str,
}

impl Storage {
    async fn call(&self, body: Value) -> Value {
        let answer = self.world.request(&self.good, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    async fn proxied(&self, method: &str, path: &str, body: &'static str) -> (u16, String) {
        let path = format!("{}/proxy{}{path}", self.good, self.prefix);
        let headers = [
            ("content-type", "text/plain; charset=utf-8"),
            ("x-ms-blob-type", "BlockBlob"),
        ];
        let answer = self.world.call((method, &path), &headers, body).await;
        (answer.status.as_u16(), answer.text())
    }

    /// Writes, reads and deletes each key, in both ways.
    async fn keeps(&self, folder: &str) {
        for key in KEYS {
            let endpoint = format!("{}{folder}/{key}", self.prefix);
            let put = self.call(json!({
                "method": "PUT", "endpoint": endpoint, "body": "hello",
                "headers": {"Content-Type": "text/plain", "x-ms-blob-type": "BlockBlob"},
            }));
            assert!([200, 201].contains(&put.await["status"].as_u64().unwrap()));
            let get = json!({"method": "GET", "endpoint": endpoint});
            assert_eq!(said(&self.call(get).await), "hello", "{key}");
            let path = format!("{folder}/{key}");
            let read = self.proxied("GET", &path, "").await;
            assert_eq!(read, (200, "hello".to_owned()), "{key}");
            let (status, text) = self.proxied("PUT", &path, "again").await;
            assert!([200, 201].contains(&status), "{key}: {text}");
            let get = json!({"method": "GET", "endpoint": endpoint});
            assert_eq!(said(&self.call(get).await), "again", "{key}");
            let (status, text) = self.proxied("DELETE", &path, "").await;
            assert!([202, 204].contains(&status), "{key}: {text}");
            let (status, _) = self.proxied("HEAD", &path, "").await;
            assert_eq!(status, 404, "{key}");
        }
    }

    /// What is said of the wrong secret: to who calls, in the log, and by the test of credentials.
    async fn refuses(&self, endpoint: &str, code: &str) {
        let get = json!({"method": "GET", "endpoint": endpoint});
        let answer = self.world.request(&self.wrong, get).await;
        let expected = (502, "upstream_authentication".to_owned());
        assert_eq!(answer.problem(), expected, "{}", answer.text());
        let upstream = &answer.json()["upstream"];
        assert_eq!(
            (&upstream["status"], &upstream["code"]),
            (&json!(403), &json!(code))
        );
        let log = self.world.log(&self.wrong).await.remove(0);
        assert_eq!(log["upstreamCode"], code);
        let shown = answer.text() + &log.to_string();
        assert!(
            !shown.contains(ANOTHER_SECRET) && !shown.contains(ANOTHER_KEY),
            "{shown}"
        );
        // A `HEAD` has no body that could say it.
        let head = json!({"method": "HEAD", "endpoint": endpoint});
        let answer = self.world.request(&self.wrong, head).await;
        assert_eq!(answer.problem(), expected);
    }

    async fn test(&self, integration: &str, body: Value) -> Value {
        let path = format!("{integration}/test");
        let answer = self.world.post(&path, &[], body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// The catalogue's verification call tells good credentials from others.
    async fn verifies(&self, call: &str, candidate: Value) {
        let good = self
            .test(&self.good, json!({"credentials": candidate}))
            .await;
        assert_eq!(good["success"], true, "{good}");
        assert_eq!(good["details"]["call"], call);
        assert_eq!(good["details"]["verifiesCredentials"], true);
        let path = format!("{}/test", self.good);
        let own = self.world.call(("POST", &path), &[], "").await.json();
        assert_eq!(own["success"], true, "{own}");
        let path = format!("{}/test", self.wrong);
        let wrong = self.world.call(("POST", &path), &[], "").await.json();
        assert_eq!(wrong["success"], false, "{wrong}");
        assert_eq!(wrong["details"]["status"], 403);
        let problem = &wrong["details"]["problem"];
        assert_eq!(problem["code"], "upstream_authentication");
        // A candidate that is good helps one whose own are not.
        let good = self
            .test(&self.wrong, json!({"credentials": candidate}))
            .await;
        assert_eq!(good["success"], true, "{good}");
    }
}

async fn iam(world: &World, peer: &Peer, action: &[(&str, &str)]) -> String {
    let config = json!({"kind": "sigv4", "service": "iam", "region": "us-east-1"});
    let fields = json!({"authMethod": "custom", "authConfig": config});
    let nobody = [
        ("accessKeyId", "AKIAIOSFODNN7EXAMPLE"),
        ("secretAccessKey", "nothing-yet"),
    ];
    let integration = world
        .integration_with(&peer.url("/"), fields, &nobody)
        .await;
    let mut form: serde_json::Map<_, _> = action
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    form.insert("Version".to_owned(), json!("2010-05-08"));
    let body = json!({
        "method": "POST", "endpoint": "/", "body": form,
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    });
    let answer = world.request(&integration, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    said(&answer.json()).to_owned()
}

/// An integration with the catalogue's Amazon S3, but for where it is.
async fn s3(peer: &Peer) -> (Storage, String, String) {
    let world = World::new().await;
    iam(
        &world,
        peer,
        &[("Action", "CreateUser"), ("UserName", "tester")],
    )
    .await;
    let policy = [
        ("Action", "PutUserPolicy"),
        ("UserName", "tester"),
        ("PolicyName", "all"),
        ("PolicyDocument", MAY_ALL),
    ];
    iam(&world, peer, &policy).await;
    let made = iam(
        &world,
        peer,
        &[("Action", "CreateAccessKey"), ("UserName", "tester")],
    )
    .await;
    let [key, secret] = ["AccessKeyId", "SecretAccessKey"].map(|name| element(&made, name));
    let fields = json!({
        "type": "cloud_storage", "provider": "aws-s3", "variables": {"region": "us-east-1"},
        "authMethod": "custom",
        "authConfig": {"kind": "sigv4", "service": "s3", "region": "us-east-1"},
    });
    let with = async |secret: &str| {
        let credentials = [("accessKeyId", &*key), ("secretAccessKey", secret)];
        let url = peer.url("/");
        world
            .integration_with(&url, fields.clone(), &credentials)
            .await
    };
    let (good, wrong) = (with(&secret).await, with(ANOTHER_SECRET).await);
    let storage = Storage {
        good,
        wrong,
        world,
        prefix: "",
    };
    (storage, key, secret)
}

#[tokio::test]
async fn amazon_s3_is_called_as_the_catalogue_knows_it() {
    let Some(peer) = Peer::moto(SETUP_CALLS) else {
        return;
    };
    let (storage, key, secret) = s3(&peer).await;
    storage
        .call(json!({"method": "PUT", "endpoint": "/bucket"}))
        .await;
    storage.keeps("/bucket").await;
    for key in ["/bucket/a%20b/1", "/bucket/a%20b/2", "/bucket/other"] {
        storage
            .call(json!({"method": "PUT", "endpoint": key, "body": "x"}))
            .await;
    }
    let params = json!({"list-type": 2, "prefix": "a b/", "max-keys": 1});
    let list = json!({"method": "GET", "endpoint": "/bucket", "params": params});
    let list = storage.call(list).await;
    assert!(said(&list).contains("<Key>a b/1</Key>"), "{list}");
    assert!(!said(&list).contains("<Key>other</Key>"), "{list}");
    let next = element(said(&list), "NextContinuationToken");
    let params = json!({"list-type": 2, "prefix": "a b/", "continuation-token": next});
    let list = json!({"method": "GET", "endpoint": "/bucket", "params": params});
    let list = storage.call(list).await;
    assert!(said(&list).contains("<Key>a b/2</Key>"), "{list}");
    storage
        .refuses("/bucket/other", "SignatureDoesNotMatch")
        .await;
    let candidate = json!({"accessKeyId": key, "secretAccessKey": secret});
    storage.verifies("GET /", candidate).await;
    let missing = json!({"method": "GET", "endpoint": "/bucket/missing"});
    let answer = storage.world.request(&storage.good, missing).await;
    assert_eq!(answer.problem(), (422, "upstream_business".to_owned()));
    let upstream = &answer.json()["upstream"];
    assert_eq!(upstream["code"], "NoSuchKey");
    assert!(!answer.text().contains(&secret));
    let stored = storage.world.stack.contents().await.unwrap();
    assert!(!stored.contains(&secret) && !stored.contains(ANOTHER_SECRET));
}

/// An integration with the catalogue's Azure Blob Storage, but for where it is.
async fn azure(peer: &Peer) -> Storage {
    let world = World::new().await;
    let fields = json!({
        "type": "cloud_storage", "provider": "azure-blob", "variables": {"account": ACCOUNT},
        "authMethod": "custom", "authConfig": {"kind": "azure_shared_key", "version": "2021-12-02"},
        "gatewayConfig": {"allowedHeaders": ["x-ms-blob-*", "x-ms-meta-*"]},
    });
    let base_url = peer.url(&format!("/{ACCOUNT}"));
    let with = async |key: &str| {
        let credentials = [("accountName", ACCOUNT), ("accountKey", key)];
        world
            .integration_with(&base_url, fields.clone(), &credentials)
            .await
    };
    let (good, wrong) = (with(ACCOUNT_KEY).await, with(ANOTHER_KEY).await);
    Storage {
        good,
        wrong,
        world,
        prefix: "",
    }
}

#[tokio::test]
async fn azure_blob_storage_is_called_as_the_catalogue_knows_it() {
    let Some(peer) = Peer::azurite() else { return };
    let storage = azure(&peer).await;
    let made = storage.call(json!({"method": "PUT", "endpoint": "/box?restype=container"}));
    assert_eq!(made.await["status"], 201);
    storage.keeps("/box").await;
    for name in ["/box/a%20b/1", "/box/a%20b/2", "/box/other"] {
        storage
            .call(json!({
                "method": "PUT", "endpoint": name, "body": "x",
                "headers": {"x-ms-blob-type": "BlockBlob", "x-ms-meta-note": "two  words"},
            }))
            .await;
    }
    let params = json!({"restype": "container", "comp": "list", "prefix": "a b/", "maxresults": 1});
    let list = json!({"method": "GET", "endpoint": "/box", "params": params});
    let list = storage.call(list).await;
    assert!(said(&list).contains("<Name>a b/1</Name>"), "{list}");
    // The account's name is a field of the credentials, and no secret.
    assert!(said(&list).contains(&format!("/{ACCOUNT}\"")), "{list}");
    let mut params = params;
    params["marker"] = json!(element(said(&list), "NextMarker"));
    let list = json!({"method": "GET", "endpoint": "/box", "params": params});
    let list = storage.call(list).await;
    assert!(said(&list).contains("<Name>a b/2</Name>"), "{list}");
    storage.refuses("/box/other", "AuthorizationFailure").await;
    let candidate = json!({"accountName": ACCOUNT, "accountKey": ACCOUNT_KEY});
    storage.verifies("GET /", candidate).await;
    // What is wrong is in a header where there is no body.
    for (method, endpoint) in [("GET", "/box/missing"), ("HEAD", "/box/missing")] {
        let missing = json!({"method": method, "endpoint": endpoint});
        let answer = storage.world.request(&storage.good, missing).await;
        assert_eq!(answer.problem(), (422, "upstream_business".to_owned()));
        let upstream = &answer.json()["upstream"];
        assert_eq!(upstream["code"], "BlobNotFound", "{method}: {upstream}");
    }
    let stored = storage.world.stack.contents().await.unwrap();
    assert!(!stored.contains(ACCOUNT_KEY) && !stored.contains(ANOTHER_KEY));
}
