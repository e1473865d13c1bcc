//! Keys that providers publish, fetched from a provider in this process.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use gatehouse::domain::{Cause, Timestamp};
use gatehouse::flows::KeyFetcher;
use gatehouse::jwt::Fetch;
use gatehouse::signature::{KeyLocation, PublishedKey};
use rcgen::CertificateParams;
use rustls::pki_types::CertificateDer;
use url::Url;

use crate::egress::authority::{Authority, Leaf};

const LIVE: &str = "https://api.paypal.com/v1/notifications/certs/CERT-1";
const SANDBOX: &str = "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1";
const NAME: &str = "messageverificationcerts.paypal.com";
const SANDBOX_NAME: &str = "messageverificationcerts.sandbox.paypal.com";

/// A provider: what it answers, and how often it was asked.
#[derive(Default)]
struct Provider {
    answers: Mutex<BTreeMap<String, Vec<u8>>>,
    asked: Mutex<Vec<String>>,
}

impl Provider {
    fn publish(&self, url: &str, document: impl Into<Vec<u8>>) {
        let mut answers = self.answers.lock().unwrap();
        answers.insert(url.to_owned(), document.into());
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Fetch for Provider {
    fn fetch<'a>(
        &'a self,
        url: &'a Url,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Cause>> + Send + 'a>> {
        self.asked.lock().unwrap().push(url.to_string());
        let found = self.answers.lock().unwrap().get(url.as_str()).cloned();
        Box::pin(async move {
            // Others get the chance to ask in the meantime.
            tokio::task::yield_now().await;
            found.ok_or_else(|| Cause::from("404"))
        })
    }
}

fn pem(chain: &[CertificateDer<'_>]) -> String {
    let one = |der: &CertificateDer<'_>| {
        let base64 = STANDARD.encode(der);
        format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
    };
    chain.iter().map(one).collect()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn sns(n: usize) -> KeyLocation {
    KeyLocation::sns(&format!("https://sns.us-east-1.amazonaws.com/{n}.pem")).unwrap()
}

/// A provider with a certificate at [`sns`]`(0)`, and what fetches from it.
fn world() -> (Arc<Provider>, KeyFetcher) {
    let provider = Arc::new(Provider::default());
    let leaf = Authority::new("anybody").leaf("sns.amazonaws.com");
    provider.publish(
        "https://sns.us-east-1.amazonaws.com/0.pem",
        pem(&leaf.chain),
    );
    let fetcher = KeyFetcher::new(Arc::clone(&provider) as Arc<dyn Fetch>);
    (provider, fetcher)
}

fn is_key(found: Result<PublishedKey, impl std::fmt::Debug>) -> bool {
    matches!(found.unwrap(), PublishedKey::Rsa(_))
}

#[tokio::test]
async fn a_certificate_is_fetched_once_in_an_hour() {
    let (provider, fetcher) = world();
    for second in [0, 1, 3599] {
        assert!(is_key(fetcher.key(&sns(0), at(second)).await));
    }
    assert_eq!(provider.asked(), 1);
    assert!(is_key(fetcher.key(&sns(0), at(3600)).await));
    assert_eq!(provider.asked(), 2);
}

#[tokio::test]
async fn many_who_want_a_certificate_at_once_fetch_it_once() {
    let (provider, fetcher) = world();
    let location = sns(0);
    let all = join_all((0..20).map(|_| fetcher.key(&location, at(0)))).await;
    assert!(all.into_iter().all(is_key));
    assert_eq!(provider.asked(), 1);
}

#[tokio::test]
async fn what_cannot_be_fetched_is_no_verdict_and_is_not_asked_for_at_once() {
    let (provider, fetcher) = world();
    for second in [0, 1, 9] {
        assert!(fetcher.key(&sns(1), at(second)).await.is_err());
    }
    assert_eq!(provider.asked(), 1);
    provider.publish(
        "https://sns.us-east-1.amazonaws.com/1.pem",
        "no certificate",
    );
    for second in [10, 11] {
        let found = fetcher.key(&sns(1), at(second)).await;
        assert!(matches!(found, Ok(PublishedKey::Absent)), "{found:?}");
    }
    assert_eq!(provider.asked(), 2);
}

#[tokio::test]
async fn a_stranger_cannot_have_us_fetch_without_end() {
    let (provider, fetcher) = world();
    for n in 1..100 {
        assert!(fetcher.key(&sns(n), at(0)).await.is_err());
    }
    assert_eq!(provider.asked(), 30);
    assert!(fetcher.key(&sns(0), at(59)).await.is_err());
    assert!(is_key(fetcher.key(&sns(0), at(60)).await));
}

#[tokio::test]
async fn paypals_certificate_leads_to_an_authority_and_is_in_its_name() {
    let (trusted, stranger) = (Authority::new("trusted"), Authority::new("stranger"));
    let between = trusted.intermediate("between");
    let expired = {
        let mut params = CertificateParams::new([NAME.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        between.leaf_of(params)
    };
    let without_chain = |leaf: &Leaf| pem(&leaf.chain[..1]);
    let cases = [
        ("right", LIVE, pem(&between.leaf(NAME).chain), true),
        (
            "right, in the sandbox",
            SANDBOX,
            pem(&between.leaf(SANDBOX_NAME).chain),
            true,
        ),
        (
            "live for the sandbox",
            SANDBOX,
            pem(&between.leaf(NAME).chain),
            true,
        ),
        (
            "sandbox for live",
            LIVE,
            pem(&between.leaf(SANDBOX_NAME).chain),
            false,
        ),
        (
            "another name",
            LIVE,
            pem(&between.leaf("www.paypal.com").chain),
            false,
        ),
        ("a stranger's", LIVE, pem(&stranger.leaf(NAME).chain), false),
        ("self-signed", LIVE, pem(&[stranger.root().clone()]), false),
        ("expired", LIVE, pem(&expired.chain), false),
        (
            "without those between",
            LIVE,
            without_chain(&between.leaf(NAME)),
            false,
        ),
        ("empty", LIVE, String::new(), false),
    ];
    for (what, url, document, is_trusted) in cases {
        let provider = Arc::new(Provider::default());
        provider.publish(url, document);
        let fetcher = KeyFetcher::new(provider).with_roots(&[trusted.root().clone()]);
        let location = KeyLocation::paypal(url).unwrap();
        assert_eq!(
            is_key(fetcher.key(&location, at(0)).await),
            is_trusted,
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_key_of_a_set_is_found_by_its_id() {
    let provider = Arc::new(Provider::default());
    let set = serde_json::json!({"keys": [{
        "kty": "RSA", "use": "sig", "kid": "a", "e": "AQAB",
        "n": "xticcEgegj4xJn-MelrX6rqIdGAPrMruKWszRP6G8htPYOMgGQCJwFoqqRFOsqplXX1XfmMXyNsvqd7uwLBtrzMbn5zN2_PbJ72K_x6KtXZ29WfB5uiL6OoaUJDv4V7bvU3jrZhIexaAi-iSzOiVa9wTe7CyPEF0sAkSTHSbTKL021WxqFSVuZprjI624YH8YUnx6WrjgHwB6P8VSsgfIz3pHAUJVe2Kku13uZVAo6YoIdUubZDUb7PUPEFndfbUP3SusHXqQhwzkjHecv0LwMoKXxWSDfKesEZHkS0aThtlwT0UnurbIMpFmPj5_ANzb-L7A1FAg-25k0C16Q7_EQ",
    }]});
    for url in [
        "https://www.googleapis.com/oauth2/v3/certs",
        "https://login.microsoftonline.com/common/discovery/keys",
    ] {
        provider.publish(url, set.to_string());
    }
    let fetcher = KeyFetcher::new(Arc::clone(&provider) as Arc<dyn Fetch>);
    for location in [KeyLocation::google("a"), KeyLocation::microsoft("a")] {
        let found = fetcher.key(&location.unwrap(), at(0)).await;
        assert!(matches!(found, Ok(PublishedKey::Token(_))), "{found:?}");
    }
    let unknown = KeyLocation::google("b").unwrap();
    for second in [0, 1, 2] {
        let found = fetcher.key(&unknown, at(second)).await;
        assert!(matches!(found, Ok(PublishedKey::Absent)), "{found:?}");
    }
    // One for each set, and one more for the id that was not in it.
    assert!(provider.asked() <= 3, "{}", provider.asked());
    let pause = Duration::from_secs(30);
    let later = at(0).plus(pause);
    assert!(fetcher.key(&unknown, later).await.is_ok());
}
