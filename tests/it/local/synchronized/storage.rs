use serde_json::{Value, json};

use super::{PAGE, Source, called, encoded};
use crate::local::running::Running;
use crate::peers::Peer;

/// With this many calls a user, a policy and a key are made. All later ones are authenticated.
const SETUP_CALLS: u32 = 3;
const MAY_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const ACCOUNT: &str = "devstoreaccount1";
/// The key of that account, which everybody knows.
const ACCOUNT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// Names of objects, in all that makes signing and XML hard.
const KEYS: [&str; 7] = [
    "plain.txt",
    "a b+c/ä?.txt",
    "deep/er/☃.txt",
    "percent%25",
    "quotes'()*!~$,;=@:\".txt",
    "a&b<c>.txt",
    "last.txt",
];

fn element(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap();
    rest.split('<').next().unwrap().to_owned()
}

/// Makes a key for a user that may do anything: its id and its secret.
async fn access_key(peer: &Peer) -> [String; 2] {
    let folder = tempfile::tempdir().unwrap();
    let system = Running::start(folder.path());
    let nobody = json!({
        "name": "IAM", "type": "cloud_storage", "baseUrl": peer.url("/"), "authMethod": "custom",
        "authConfig": {"kind": "sigv4", "service": "iam", "region": "us-east-1"},
        "credentials": {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": "nothing-yet"},
    });
    let made = system.post("/portal/integrations", &nobody).await;
    let path = format!("/portal/integrations/{}", made["id"].as_str().unwrap());
    let policy = json!({"Action": "PutUserPolicy", "PolicyName": "all", "PolicyDocument": MAY_ALL});
    let mut key = String::new();
    for mut form in [
        json!({"Action": "CreateUser"}),
        policy,
        json!({"Action": "CreateAccessKey"}),
    ] {
        form["Version"] = "2010-05-08".into();
        form["UserName"] = "tester".into();
        let headers = json!({"Content-Type": "application/x-www-form-urlencoded"});
        let call = json!({"method": "POST", "endpoint": "/", "body": form, "headers": headers});
        let answer = called(&system, &path, call).await;
        key = answer["body"].as_str().unwrap().to_owned();
    }
    ["AccessKeyId", "SecretAccessKey"].map(|name| element(&key, name))
}

/// What the catalogue says of pages, but for how large they are.
fn pages(next: &str, [parameter, size]: [&str; 2]) -> Value {
    json!({"pagination": {"kind": "cursor", "next": next, "parameter": parameter,
        "size": {"parameter": size, "max": PAGE}}})
}

#[tokio::test]
async fn the_objects_of_a_bucket_are_kept_in_step_as_the_catalogue_knows_them() {
    let Some(peer) = Peer::moto(SETUP_CALLS) else {
        return;
    };
    let [key, secret] = access_key(&peer).await;
    let next = "ListBucketResult.NextContinuationToken[0]";
    let bucket = json!({
        "name": "S3", "type": "cloud_storage", "provider": "aws-s3",
        "variables": {"region": "us-east-1"}, "baseUrl": peer.url("/bucket"),
        "authMethod": "custom", "credentials": {"accessKeyId": key, "secretAccessKey": secret},
        "apiProfile": pages(next, ["continuation-token", "max-keys"]),
        "syncConfig": {"entities": {"objects": {
            "mapping": {"name": "Key[0]", "state": "ETag[0]"}
        }}},
    });
    let source = Source::new(bucket, "objects").await;
    source.call(json!({"method": "PUT", "endpoint": "/"})).await;
    // A bucket with nothing in it is no error.
    assert_eq!(source.counts().await, [0; 4]);
    let put = async |key: &str, text: &str| {
        let endpoint = format!("/{}", encoded(key));
        let call = json!({"method": "PUT", "endpoint": endpoint, "body": text});
        source.call(call).await;
    };
    let delete = async |key: &str| {
        let endpoint = format!("/{}", encoded(key));
        let call = json!({"method": "DELETE", "endpoint": endpoint});
        source.call(call).await;
    };
    source.is_kept_in_step(KEYS, 3, put, delete).await;
}

/// The catalogue's Azure Blob Storage, but for where it is and how large pages are.
fn azure(peer: &Peer, entities: &Value) -> Value {
    let next = "EnumerationResults.NextMarker[0]";
    json!({
        "name": "Azure", "type": "cloud_storage", "provider": "azure-blob",
        "variables": {"account": ACCOUNT}, "baseUrl": peer.url(&format!("/{ACCOUNT}")),
        "authMethod": "custom",
        "credentials": {"accountName": ACCOUNT, "accountKey": ACCOUNT_KEY},
        "gatewayConfig": {"allowedHeaders": ["x-ms-blob-*", "x-ms-meta-*"]},
        "apiProfile": pages(next, ["marker", "maxresults"]),
        "syncConfig": {"entities": entities},
    })
}

#[tokio::test]
async fn the_containers_of_an_account_are_kept_in_step_as_the_catalogue_knows_them() {
    let Some(peer) = Peer::azurite() else { return };
    let state = "Properties[0].Etag[0]";
    let entities = json!({"containers": {"mapping": {"name": "Name[0]", "state": state}}});
    let source = Source::new(azure(&peer, &entities), "containers").await;
    assert_eq!(source.counts().await, [0; 4]);
    let put = async |name: &str, text: &str| {
        let metadata = if text == "second" {
            "&comp=metadata"
        } else {
            ""
        };
        let endpoint = format!("/{name}?restype=container{metadata}");
        let headers = json!({"x-ms-meta-note": text});
        source
            .call(json!({"method": "PUT", "endpoint": endpoint, "headers": headers}))
            .await;
    };
    let delete = async |name: &str| {
        let endpoint = format!("/{name}?restype=container");
        source
            .call(json!({"method": "DELETE", "endpoint": endpoint}))
            .await;
    };
    let names = ["box-1", "box-2", "box-3", "crate", "drawer", "shelf", "zoo"];
    source.is_kept_in_step(names, 3, put, delete).await;
}

#[tokio::test]
async fn the_blobs_of_a_container_are_kept_in_step() {
    let Some(peer) = Peer::azurite() else { return };
    let blobs = json!({"blobs": {
        "source": {
            "listPath": "/box?restype=container&comp=list", "id": "Name[0]",
            "items": "EnumerationResults.Blobs[0].Blob || `[]`",
            "cursorField": "Properties[0].\"Last-Modified\"[0]",
        },
        "mapping": {"name": "Name[0]", "state": "Properties[0].Etag[0]"},
    }});
    let source = Source::new(azure(&peer, &blobs), "blobs").await;
    source
        .call(json!({"method": "PUT", "endpoint": "/box?restype=container"}))
        .await;
    assert_eq!(source.counts().await, [0; 4]);
    let put = async |name: &str, text: &str| {
        let endpoint = format!("/box/{}", encoded(name));
        let headers = json!({"x-ms-blob-type": "BlockBlob"});
        source
            .call(json!({"method": "PUT", "endpoint": endpoint, "headers": headers, "body": text}))
            .await;
    };
    let delete = async |name: &str| {
        let endpoint = format!("/box/{}", encoded(name));
        source
            .call(json!({"method": "DELETE", "endpoint": endpoint}))
            .await;
    };
    source.is_kept_in_step(KEYS, 3, put, delete).await;
}
