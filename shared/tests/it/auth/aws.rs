//! Signature Version 4, judged by `moto_server`. These run if `GATEHOUSE_PEERS` is set.

use gatehouse::domain::AuthMethod;
use http::{Method, header};
use serde_json::json;

use super::Caller;
use crate::peers::Peer;

/// With this many calls a user, a key and a policy are made. All later ones are authenticated.
const SETUP_CALLS: u32 = 3;
const MAY_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

struct Moto {
    peer: Peer,
    key: String,
    secret: String,
}

impl Moto {
    async fn start() -> Option<Self> {
        let peer = Peer::moto(SETUP_CALLS)?;
        let nobody = caller(&peer, "iam", "AKIAIOSFODNN7EXAMPLE", "nothing-yet");
        iam(&nobody, &[("Action", "CreateUser"), ("UserName", "tester")]).await;
        let policy = [
            ("Action", "PutUserPolicy"),
            ("UserName", "tester"),
            ("PolicyName", "all"),
            ("PolicyDocument", MAY_ALL),
        ];
        iam(&nobody, &policy).await;
        let key = iam(
            &nobody,
            &[("Action", "CreateAccessKey"), ("UserName", "tester")],
        )
        .await;
        let (secret, key) = (
            element(&key, "SecretAccessKey"),
            element(&key, "AccessKeyId"),
        );
        Some(Self { peer, key, secret })
    }

    fn caller(&self, service: &str) -> Caller {
        caller(&self.peer, service, &self.key, &self.secret)
    }
}

fn caller(peer: &Peer, service: &str, key: &str, secret: &str) -> Caller {
    let config = json!({"kind": "sigv4", "service": service, "region": "us-east-1"});
    let fields = [("accessKeyId", key), ("secretAccessKey", secret)];
    Caller::new(AuthMethod::Custom, &config, &fields, &peer.url("/"))
}

async fn iam(caller: &Caller, action: &[(&str, &str)]) -> String {
    let (status, body) = action_of(caller, action).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn action_of(caller: &Caller, action: &[(&str, &str)]) -> (u16, String) {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(action)
        .append_pair("Version", "2010-05-08");
    let mut request = caller.request(Method::POST, "/");
    request.body = form.finish().into();
    let media_type = "application/x-www-form-urlencoded".parse().unwrap();
    request.headers.insert(header::CONTENT_TYPE, media_type);
    caller.send(request).await
}

fn element(xml: &str, name: &str) -> String {
    let (_, rest) = xml.split_once(&format!("<{name}>")).expect(name);
    rest.split('<').next().unwrap().to_owned()
}

async fn s3(caller: &Caller, method: Method, path: &str, body: &'static str) -> (u16, String) {
    let mut request = caller.request(method, path);
    request.body = body.into();
    caller.send(request).await
}

#[tokio::test]
async fn s3_accepts_what_is_signed_and_nothing_else() {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let caller = moto.caller("s3");
    let (status, body) = s3(&caller, Method::PUT, "/bucket", "").await;
    assert_eq!(status, 200, "{body}");
    for key in [
        "plain.txt",
        "a%20b+c/%C3%A4%3F.txt",
        "a b+c/\u{e4}%3f.txt",
        "percent%2525",
        "quotes'()*!~$&,;=@:.txt",
    ] {
        let path = format!("/bucket/{key}");
        let (status, body) = s3(&caller, Method::PUT, &path, "hello").await;
        assert_eq!(status, 200, "{path}: {body}");
        let read = s3(&caller, Method::GET, &path, "").await;
        assert_eq!(read, (200, "hello".to_owned()), "{path}");
    }
    let query = "/bucket?list-type=2&prefix=a%20b%2Bc/&delimiter=&start-after=a+b";
    let (status, list) = s3(&caller, Method::GET, query, "").await;
    assert_eq!(status, 200, "{list}");
    assert!(list.contains("<Key>a b+c/\u{e4}?.txt</Key>"), "{list}");
    assert!(list.contains("<KeyCount>1</KeyCount>"), "{list}");

    let wrong = super::aws::caller(&moto.peer, "s3", &moto.key, "another-secret");
    let (status, body) = s3(&wrong, Method::GET, "/bucket/plain.txt", "").await;
    assert_eq!(status, 403, "{body}");
    assert!(body.contains("SignatureDoesNotMatch"), "{body}");
}

#[tokio::test]
async fn services_that_encode_twice_accept_what_is_signed() {
    let Some(moto) = Moto::start().await else {
        return;
    };
    let get = [("Action", "GetUser"), ("UserName", "tester")];
    let (status, body) = action_of(&moto.caller("iam"), &get).await;
    assert_eq!(status, 200, "{body}");
    let wrong = caller(&moto.peer, "iam", &moto.key, "another-secret");
    let (status, body) = action_of(&wrong, &get).await;
    assert_eq!(status, 403, "{body}");
}
