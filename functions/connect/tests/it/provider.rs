//! A real authorization server, `oidc-provider`, whose consent pages are gone through over HTTP.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use gatehouse::domain::AuthConfig;
use gatehouse::egress::{Egress, EgressPolicy, OutboundRequest, OutboundResponse, TlsSettings};
use gatehouse::oauth::{
    Client, ClientContext, DpopKey, MetadataCache, OauthError, TokenReply, TokenRequest,
};
use gatehouse::vault::CredentialSet;
use http::{HeaderValue, Method, header};
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use crate::clock::Ahead;
use crate::world::World;

const SECRET: &str = "a secret & of some length: 0123456789";
/// A key of the tests.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyjzIRuwhnlwIyt60\n\
YInklJUYP5A2FApWhuszCLFhKNqhRANCAARfwTQT7jracM5Oc+BmgsPRgHWbv4Iq\n\
uctWFfZ2pz0ldNfdZSe/FD4nZ5tNZbPPkSvER2mRezZuceW2ra7Y6B8/\n\
-----END PRIVATE KEY-----\n";
const JWK: &str = r#"{"kty":"EC","crv":"P-256","x":"X8E0E-462nDOTnPgZoLD0YB1m7-CKrnLVhX2dqc9JXQ","y":"191lJ78UPidnm01ls8-RK8RHaZF7Nm5x5batrtjoHz8"}"#;

/// The server. It ends with the test.
struct Provider {
    process: Child,
    issuer: String,
    /// It says more, and must not be cut short.
    _said: BufReader<ChildStdout>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where the packages of `tests/peers` are, if they are installed.
#[expect(
    clippy::disallowed_methods,
    reason = "tests have no configuration of their own"
)]
fn node_folder() -> Option<String> {
    let peers = std::env::var("GATEHOUSE_PEERS").ok()?;
    Some(format!("{peers}/node"))
}

impl Provider {
    /// None where no peers are installed.
    fn start(gatehouse: &str, nonces: &str, logout: &str) -> Option<Self> {
        let folder = node_folder()?;
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/peers/authorization-server.mjs"
        );
        let mut process = Command::new("node")
            .args([script, gatehouse, JWK, nonces, logout])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let issuer = line.trim().to_owned();
        assert!(issuer.starts_with("http"), "run scripts/peers");
        Some(Self {
            process,
            issuer,
            _said: said,
        })
    }

    fn config(&self, more: Value) -> Value {
        let mut config = json!({"issuer": self.issuer});
        for (name, value) in more.as_object().unwrap() {
            config[name] = value.clone();
        }
        config
    }
}

fn egress() -> Egress {
    Egress::new(EgressPolicy {
        allowed: vec!["127.0.0.0/8".parse().unwrap()],
        ..EgressPolicy::default()
    })
}

/// A person with a browser, who agrees to everything.
struct Person {
    egress: Egress,
    cookies: BTreeMap<String, String>,
}

impl Person {
    fn new() -> Self {
        Self {
            egress: egress(),
            cookies: BTreeMap::new(),
        }
    }

    async fn go(&mut self, method: Method, url: &Url, form: &str) -> OutboundResponse {
        let mut request = OutboundRequest::new(method, url.clone(), Duration::from_secs(20));
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        let cookies = HeaderValue::from_str(&cookies.join("; ")).unwrap();
        request.headers.insert(header::COOKIE, cookies);
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers.insert(header::CONTENT_TYPE, kind);
        request.body = form.to_owned().into();
        let response = self.egress.send(request).await.unwrap();
        for cookie in response.headers.get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        response
    }

    /// From the authorization URL to the URL that leads back to us.
    async fn consent(&mut self, url: &Url, back: &str) -> Url {
        let (mut url, mut form) = (url.clone(), None::<String>);
        for _ in 0..20 {
            if url.as_str().starts_with(back) {
                return url;
            }
            let method = if form.is_some() {
                Method::POST
            } else {
                Method::GET
            };
            let answer = self
                .go(method, &url, &form.take().unwrap_or_default())
                .await;
            if let Some(location) = answer.headers.get(header::LOCATION) {
                url = url.join(location.to_str().unwrap()).unwrap();
                continue;
            }
            let page = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!(answer.status, 200, "{page}");
            form = Some(if page.contains(r#"value="login""#) {
                "prompt=login&login=somebody&password=x".to_owned()
            } else {
                "prompt=consent".to_owned()
            });
            let (_, rest) = page.split_once("action=\"").unwrap();
            let (action, _) = rest.split_once('"').unwrap();
            url = url.join(action).unwrap();
        }
        panic!("the person does not come back: {url}");
    }
}

async fn connect(world: &World, person: &mut Person, path: &str) -> crate::world::Answer {
    let asked = world.asked(path).await;
    let redirect = format!("{}://", asked.start.scheme());
    let origin = asked.start.origin().ascii_serialization();
    assert!(origin.starts_with(&redirect));
    let back = person
        .consent(&asked.url, &format!("{origin}/oauth/callback"))
        .await;
    let query = back.query().unwrap();
    world
        .browse(&format!("/oauth/callback?{query}"), &asked.cookie)
        .await
}

async fn integration(world: &World, provider: &Provider, client: &str, more: Value) -> String {
    let fields = [("clientId", client), ("clientSecret", SECRET)];
    world.integration_with(provider.config(more), &fields).await
}

/// A client over the same server, for what has no route of its own.
async fn token(
    provider: &Provider,
    config: Value,
    fields: &[(&str, &str)],
    dpop_key: Option<&[u8]>,
    request: TokenRequest<'_>,
) -> Result<TokenReply, OauthError> {
    let sources = Ahead::new().sources();
    let metadata = Arc::new(MetadataCache::new(egress(), sources.clone()));
    let client = Client::new(egress(), sources, metadata);
    let config = provider.config(config);
    let config = AuthConfig::read(gatehouse::domain::AuthMethod::Oauth2, Some(&config));
    let AuthConfig::Oauth2(config) = config.unwrap() else {
        panic!("it is `oauth2`");
    };
    let pairs = fields.iter();
    let credentials: CredentialSet = pairs.map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let context = ClientContext {
        config: &config,
        credentials: &credentials,
        tls: &TlsSettings::default(),
        dpop_key,
        timeout: Duration::from_secs(10),
    };
    client.token(&context, request).await
}

#[tokio::test]
async fn a_person_consents_with_every_kind_of_client() {
    let (world, url) = World::served().await;
    let Some(provider) = Provider::start(&url, "none", "") else {
        return;
    };
    let scopes = json!(["openid", "offline_access", "read"]);
    let prompt = json!({"prompt": "consent"});
    for (client, more) in [
        (
            "web",
            json!({"pushedAuthorization": "never", "dpop": "never"}),
        ),
        (
            "post",
            json!({"clientAuthentication": "post", "dpop": "never"}),
        ),
        (
            "pushing",
            json!({"pushedAuthorization": "required", "dpop": "never"}),
        ),
        ("bound", json!({"dpop": "required"})),
    ] {
        let mut config = json!({"scopes": scopes, "authorizationParameters": prompt});
        for (name, value) in more.as_object().unwrap() {
            config[name] = value.clone();
        }
        let path = integration(&world, &provider, client, config).await;
        let answer = connect(&world, &mut Person::new(), &path).await;
        assert_eq!(answer.status, 200, "{client}: {}", answer.text);
        let view = world.view(&path).await;
        assert_eq!(view["state"], "connected", "{client}: {view}");
        assert_eq!(view["identity"]["subject"], "somebody");
        assert_eq!(view["scopesGranted"], scopes);
        let revoked = world
            .call("POST", &format!("{path}/oauth/revoke"), None)
            .await;
        let revoked = revoked.json();
        assert_eq!(revoked["provider"], "revoked", "{client}: {revoked}");
        let logout = revoked["logoutUrl"].as_str().unwrap();
        assert!(logout.contains("client_id="), "{logout}");
    }
}

#[tokio::test]
async fn a_new_consent_of_the_same_person_replaces_the_grant() {
    let (world, url) = World::served().await;
    let Some(provider) = Provider::start(&url, "none", "") else {
        return;
    };
    let path = integration(&world, &provider, "web", json!({"scopes": ["openid"]})).await;
    for user in ["somebody", "somebody"] {
        let answer = connect(&world, &mut Person::new(), &path).await;
        assert!(
            answer.text.contains("<title>Connected</title>"),
            "{}",
            answer.text
        );
        assert_eq!(world.view(&path).await["identity"]["subject"], user);
    }
}

#[tokio::test]
async fn clients_get_tokens_for_themselves() {
    let Some(provider) = Provider::start("http://127.0.0.1:9", "none", "") else {
        return;
    };
    let asked = json!({"grantType": "client_credentials", "scopes": ["read"], "dpop": "never"});
    let service = [("clientId", "service"), ("clientSecret", SECRET)];
    let request = TokenRequest::ClientCredentials;
    let reply = token(&provider, asked.clone(), &service, None, request)
        .await
        .unwrap();
    assert_eq!(reply.scopes.unwrap(), ["read"]);
    let machine = json!({"grantType": "client_credentials", "dpop": "never",
        "clientAuthentication": "private_key_jwt", "assertion": {"algorithm": "ES256"}});
    let key = [("clientId", "machine"), ("privateKey", KEY)];
    let reply = token(&provider, machine, &key, None, request).await;
    assert!(!reply.unwrap().is_dpop);
    let wrong = [("clientId", "service"), ("clientSecret", "wrong")];
    let refused = token(&provider, asked, &wrong, None, request)
        .await
        .unwrap_err();
    assert!(matches!(
        refused,
        OauthError::InvalidClient("invalid_client")
    ));
}

/// RFC 9449 section 8: the server wants a nonce, and is asked once more with it.
#[tokio::test]
async fn a_key_is_shown_with_the_nonce_of_the_server() {
    let Some(provider) = Provider::start("http://127.0.0.1:9", "nonces", "") else {
        return;
    };
    let asked = json!({"grantType": "client_credentials", "dpop": "required"});
    let service = [("clientId", "service"), ("clientSecret", SECRET)];
    let key = DpopKey::generate().unwrap();
    let request = TokenRequest::ClientCredentials;
    let reply = token(&provider, asked, &service, Some(&key), request).await;
    assert!(reply.unwrap().is_dpop);
}

#[tokio::test]
async fn a_code_that_comes_with_another_verifier_is_refused() {
    let (world, url) = World::served().await;
    let Some(provider) = Provider::start(&url, "none", "") else {
        return;
    };
    let config = json!({"scopes": ["openid", "offline_access"], "dpop": "never",
        "pushedAuthorization": "never", "authorizationParameters": {"prompt": "consent"}});
    let path = integration(&world, &provider, "web", config.clone()).await;
    let asked = world.asked(&path).await;
    let back = Person::new()
        .consent(&asked.url, &format!("{url}/oauth/callback"))
        .await;
    assert!(
        back.query_pairs()
            .any(|(name, value)| name == "iss" && value == provider.issuer)
    );
    // RFC 7636 section 4.6.
    let code = back
        .query_pairs()
        .find(|(name, _)| name == "code")
        .unwrap()
        .1;
    let (code, verifier) = (
        SecretString::from(&*code),
        SecretString::from("v".repeat(43)),
    );
    let redirect = format!("{url}/oauth/callback").parse().unwrap();
    let request = TokenRequest::Code {
        code: &code,
        verifier: &verifier,
        redirect_uri: &redirect,
    };
    let fields = [("clientId", "web"), ("clientSecret", SECRET)];
    let refused = token(&provider, config.clone(), &fields, None, request).await;
    assert!(matches!(refused.unwrap_err(), OauthError::InvalidGrant));
}

/// RFC 9700 section 4.14.2: of two who show the same refresh token one is a thief, so the server ends
/// the grant for both.
#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_reuse_ends_the_grant() {
    let back = "http://127.0.0.1:9/oauth/callback";
    let Some(provider) = Provider::start("http://127.0.0.1:9", "none", "") else {
        return;
    };
    // The pair of RFC 7636 appendix B.
    let verifier = SecretString::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let mut url: Url = format!("{}/auth", provider.issuer).parse().unwrap();
    url.query_pairs_mut().extend_pairs([
        ("client_id", "web"),
        ("response_type", "code"),
        ("redirect_uri", back),
        ("scope", "openid offline_access"),
        ("prompt", "consent"),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ]);
    let came = Person::new().consent(&url, back).await;
    let code = came.query_pairs().find(|(name, _)| name == "code");
    let code = SecretString::from(&*code.unwrap().1);
    let ask = async |request: TokenRequest<'_>| {
        let fields = [("clientId", "web"), ("clientSecret", SECRET)];
        token(&provider, json!({"dpop": "never"}), &fields, None, request).await
    };
    let redirect_uri = back.parse().unwrap();
    let request = TokenRequest::Code {
        code: &code,
        verifier: &verifier,
        redirect_uri: &redirect_uri,
    };
    let first = ask(request).await.unwrap().refresh_token.unwrap();
    let refresh = |token| ask(TokenRequest::Refresh { token });
    let second = refresh(&first).await.unwrap().refresh_token.unwrap();
    for spent in [&first, &second] {
        let refused = refresh(spent).await.unwrap_err();
        assert!(matches!(refused, OauthError::InvalidGrant), "{refused}");
    }
}

/// The same in a browser, where one is installed: cookies, redirects and pages are judged by it.
#[tokio::test]
async fn a_browser_goes_from_the_link_to_our_page() {
    let (world, url) = World::served().await;
    let Some(provider) = Provider::start(&url, "none", "") else {
        return;
    };
    let browser = std::path::Path::new("/usr/bin/chromium");
    if !browser.exists() {
        return;
    }
    let config = json!({"scopes": ["openid", "offline_access"],
        "authorizationParameters": {"prompt": "consent"}});
    let path = integration(&world, &provider, "web", config).await;
    let start = world.asked(&path).await.start;
    let output = tokio::task::spawn_blocking(move || {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/browser.mjs");
        let mut command = Command::new("node");
        command.args([script, "/usr/bin/chromium", start.as_str()]);
        command
            .current_dir(node_folder().unwrap())
            .output()
            .unwrap()
    });
    let output = output.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let page: Value = serde_json::from_str(&said)
        .unwrap_or_else(|_| panic!("{said} {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(page["title"], "Connected", "{page}");
    assert_eq!(page["blocked"], json!([]), "{page}");
    assert_eq!(world.view(&path).await["state"], "connected");
}

/// OpenID Connect Back-Channel Logout 1.0: whoever signs out at the server ends the grant here.
#[tokio::test]
async fn a_sign_out_at_the_server_ends_the_grant() {
    let (world, url) = World::served().await;
    let id = world.next_id();
    let organization = world.organization;
    let uri = format!("{url}/oauth/backchannel-logout/{organization}/{id}");
    let Some(provider) = Provider::start(&url, "none", &uri) else {
        return;
    };
    let config = provider.config(json!({"scopes": ["openid"], "dpop": "never"}));
    let fields = [("clientId", "web"), ("clientSecret", SECRET)];
    let path = world.integration_called(&id, config, &fields).await;
    let mut person = Person::new();
    assert_eq!(connect(&world, &mut person, &path).await.status, 200);
    let before = world.view(&path).await;
    assert_eq!(before["identity"]["subject"], "somebody");
    let end = Url::parse(&format!("{}/session/end", provider.issuer)).unwrap();
    let page = person.go(Method::GET, &end, "").await;
    let page = String::from_utf8_lossy(&page.body).into_owned();
    let (_, rest) = page.split_once("name=\"xsrf\" value=\"").unwrap();
    let (xsrf, _) = rest.split_once('"').unwrap();
    let confirm = end.join("/session/end/confirm").unwrap();
    person
        .go(Method::POST, &confirm, &format!("xsrf={xsrf}&logout=yes"))
        .await;
    let deadline = tokio::time::timeout(Duration::from_secs(20), async {
        while world.view(&path).await["state"] != "needs_consent" {
            tokio::task::yield_now().await;
        }
    });
    deadline.await.unwrap();
    let view = world.view(&path).await;
    assert!(view["reason"].to_string().contains("logged out"), "{view}");
}
