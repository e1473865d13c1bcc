//! What is asked of every token, whatever it is for.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse::access::DevelopmentIssuer;
use gatehouse::domain::{Cause, Timestamp};
use gatehouse::jwt::{Algorithm, Claims, Expected, Fetch, JwtError, KeySet, TokenUse, verify};
use serde_json::{Value, json};
use url::Url;

const ISSUER: &str = "https://issuer.example";
const NOW: i64 = 1_760_000_000;

struct Site(Value, AtomicUsize);

impl Fetch for Site {
    fn fetch<'a>(
        &'a self,
        _: &'a Url,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Cause>> + Send + 'a>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Box::pin(ready(Ok(self.0.to_string().into_bytes())))
    }
}

struct World {
    issuer: DevelopmentIssuer,
    site: Arc<Site>,
    keys: KeySet,
}

impl World {
    fn new() -> Self {
        let issuer = DevelopmentIssuer::generate(ISSUER.to_owned()).unwrap();
        let site = Arc::new(Site(issuer.jwks(), AtomicUsize::new(0)));
        let url = "https://issuer.example/jwks".parse().unwrap();
        let keys = KeySet::new(ISSUER.to_owned(), Some(url), site.clone());
        Self { issuer, site, keys }
    }

    async fn verify(&self, token: &str, token_use: TokenUse) -> Result<Claims, JwtError> {
        let expected = Expected {
            token_use,
            issuer: ISSUER,
            audience: "us",
            algorithms: &[],
            leeway: Duration::from_secs(30),
        };
        let now = Timestamp::from_second(NOW).unwrap();
        verify(token, &self.keys, &expected, now).await
    }

    /// Signs a header and claims that are written out, as they are.
    fn sign_text(&self, header: &str, claims: &str) -> String {
        let pair = aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(self.issuer.pkcs8()).unwrap();
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let text = format!("{}.{}", part(header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(pair.sign(text.as_bytes()));
        format!("{text}.{signature}")
    }
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "us", "sub": "me", "iat": NOW, "exp": NOW + 300})
}

const HEADER: &str = r#"{"alg":"EdDSA","kid":"development"}"#;
const USES: [TokenUse; 4] = [
    TokenUse::AccessToken,
    TokenUse::IdToken,
    TokenUse::LogoutToken,
    TokenUse::UserInfo,
];

fn why(result: Result<Claims, JwtError>) -> Option<&'static str> {
    match result {
        Ok(_) => None,
        Err(JwtError::Invalid(why)) => Some(why),
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_token_is_taken_for_what_its_type_allows() {
    let world = World::new();
    for (typ, allowed) in [
        (Value::Null, vec![0, 1, 2, 3]),
        (json!("JWT"), vec![0, 1, 2, 3]),
        (json!("jwt"), vec![0, 1, 2, 3]),
        (json!("application/jwt"), vec![0, 1, 2, 3]),
        (json!("at+jwt"), vec![0]),
        (json!("application/AT+JWT"), vec![0]),
        (json!("logout+jwt"), vec![2]),
        (json!("application/logout+jwt"), vec![2]),
        (json!("dpop+jwt"), vec![]),
        (json!("secevent+jwt"), vec![]),
        (json!("JOSE"), vec![]),
        (json!(""), vec![]),
        (json!("application/application/jwt"), vec![]),
    ] {
        let mut header = json!({"alg": "EdDSA", "kid": "development"});
        if !typ.is_null() {
            header["typ"] = typ.clone();
        }
        let token = world.issuer.sign(&header, &claims());
        for (number, token_use) in USES.into_iter().enumerate() {
            let verified = why(world.verify(&token, token_use).await);
            let expected = (!allowed.contains(&number)).then_some("type");
            assert_eq!(verified, expected, "{typ} {token_use:?}");
        }
    }
}

#[tokio::test]
async fn each_use_has_the_times_that_it_needs() {
    let world = World::new();
    for (token_use, without_iat, without_exp) in [
        (
            TokenUse::AccessToken,
            Some("no time of issue"),
            Some("no expiry"),
        ),
        (
            TokenUse::IdToken,
            Some("no time of issue"),
            Some("no expiry"),
        ),
        (
            TokenUse::LogoutToken,
            Some("no time of issue"),
            Some("no expiry"),
        ),
        (TokenUse::UserInfo, None, None),
    ] {
        for (name, expected) in [("iat", without_iat), ("exp", without_exp)] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(name);
            let token = world.sign_text(HEADER, &claims.to_string());
            let verified = why(world.verify(&token, token_use).await);
            assert_eq!(verified, expected, "{token_use:?} without {name}");
        }
    }
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_is_not_read() {
    let world = World::new();
    let good = claims().to_string();
    assert_eq!(
        why(world.verify(&world.sign_text(HEADER, &good), USES[0]).await),
        None
    );
    for (header, claims, reason) in [
        (
            r#"{"alg":"EdDSA","alg":"EdDSA","kid":"development"}"#,
            &good,
            "header",
        ),
        (
            r#"{"alg":"none","alg":"EdDSA","kid":"development"}"#,
            &good,
            "header",
        ),
        (
            r#"{"alg":"EdDSA","kid":"development","kid":"x"}"#,
            &good,
            "header",
        ),
        (r#"{"alg":"EdDSA","x":{"a":1,"a":1}}"#, &good, "header"),
        (r#"{"alg":"EdDSA","kid":["development"]}"#, &good, "header"),
        (r#"{"alg":"EdDSA","kid":null}"#, &good, "header"),
        (r#"{"alg":"EdDSA","typ":null}"#, &good, "header"),
        (r#"["EdDSA"]"#, &good, "header"),
        ("EdDSA", &good, "header"),
        (
            HEADER,
            &good.replacen('{', r#"{"sub":"root","#, 1),
            "claims",
        ),
        (HEADER, &format!("[{good}]"), "claims"),
        (HEADER, &String::new(), "claims"),
        (HEADER, &"me".to_owned(), "claims"),
    ] {
        let token = world.sign_text(header, claims);
        let verified = why(world.verify(&token, USES[0]).await);
        assert_eq!(verified, Some(reason), "{header} {claims}");
    }
}

#[tokio::test]
async fn a_token_has_one_spelling() {
    let world = World::new();
    let good = world.sign_text(HEADER, &claims().to_string());
    let parts: Vec<_> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    // The last character of 64 bytes has four bits that stand for nothing.
    let mut left_over = signature.to_owned();
    let last = left_over.pop().unwrap();
    left_over.push(char::from(last as u8 + 1));
    for (token, reason) in [
        (format!("{header}=.{payload}.{signature}"), "form"),
        (format!("{header}.{payload}=.{signature}"), "form"),
        (format!("{header}.{payload}.{signature}="), "form"),
        (format!("{header}.{payload}.{signature}=="), "form"),
        (format!("{header}.{payload}.{signature} "), "form"),
        (format!(" {header}.{payload}.{signature}"), "form"),
        (format!("{header}.{payload}.\n{signature}"), "form"),
        (format!("{header}.{payload}.{left_over}"), "form"),
        (format!("{header}.{payload}.+{signature}"), "form"),
        (format!("{header}.{payload}./{signature}"), "form"),
        (format!("{good}."), "form"),
        (format!(".{good}"), "form"),
        (format!("{header}.{payload}"), "form"),
        (format!("{header}.{payload}."), "signature"),
        (format!("{header}..{signature}"), "signature"),
        (format!(".{payload}.{signature}"), "header"),
        ("..".to_owned(), "header"),
        (".".to_owned(), "form"),
        (String::new(), "form"),
        ("\u{e9}.\u{e9}.\u{e9}".to_owned(), "form"),
    ] {
        let verified = why(world.verify(&token, USES[0]).await);
        assert_eq!(verified, Some(reason), "{token}");
    }
}

#[tokio::test]
async fn a_long_token_is_not_looked_at() {
    let world = World::new();
    for (token_use, limit) in [
        (TokenUse::AccessToken, 8),
        (TokenUse::IdToken, 32),
        (TokenUse::LogoutToken, 8),
        (TokenUse::UserInfo, 64),
    ] {
        let token = "x".repeat(limit * 1024);
        assert_eq!(why(world.verify(&token, token_use).await), Some("form"));
        let token = "x".repeat(limit * 1024 + 1);
        assert_eq!(why(world.verify(&token, token_use).await), Some("length"));
    }
    assert_eq!(world.site.1.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn only_the_algorithms_that_are_named_are_taken() {
    let world = World::new();
    let token = world.sign_text(HEADER, &claims().to_string());
    let now = Timestamp::from_second(NOW).unwrap();
    for (algorithms, reason) in [
        (&[Algorithm::EdDSA][..], None),
        (&[Algorithm::RS256, Algorithm::EdDSA], None),
        (&[Algorithm::RS256], Some("algorithm")),
    ] {
        let expected = Expected {
            token_use: TokenUse::IdToken,
            issuer: ISSUER,
            audience: "us",
            algorithms,
            leeway: Duration::ZERO,
        };
        let verified = verify(&token, &world.keys, &expected, now).await;
        assert_eq!(why(verified), reason, "{algorithms:?}");
    }
    // By its newer name, too.
    let header = r#"{"alg":"Ed25519","kid":"development"}"#;
    let token = world.sign_text(header, &claims().to_string());
    assert_eq!(why(world.verify(&token, USES[0]).await), None);
}

#[tokio::test]
async fn clocks_may_differ_by_what_is_said() {
    let world = World::new();
    let now = Timestamp::from_second(NOW).unwrap();
    for (name, at, leeway, reason) in [
        ("exp", NOW, 0, Some("expired")),
        ("exp", NOW + 1, 0, None),
        ("exp", NOW - 59, 60, None),
        ("exp", NOW - 60, 60, Some("expired")),
        ("nbf", NOW, 0, None),
        ("nbf", NOW + 1, 0, Some("not valid yet")),
        ("nbf", NOW + 60, 60, None),
        ("iat", NOW + 61, 60, Some("not valid yet")),
        ("exp", i64::MIN, 60, Some("expired")),
        ("nbf", i64::MAX, 60, Some("not valid yet")),
    ] {
        let mut claims = claims();
        claims[name] = json!(at);
        let token = world.sign_text(HEADER, &claims.to_string());
        let expected = Expected {
            token_use: TokenUse::UserInfo,
            issuer: ISSUER,
            audience: "us",
            algorithms: &[],
            leeway: Duration::from_secs(leeway),
        };
        let verified = verify(&token, &world.keys, &expected, now).await;
        assert_eq!(why(verified), reason, "{name} {at} {leeway}");
    }
}
