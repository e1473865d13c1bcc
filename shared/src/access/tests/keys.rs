//! Where the keys come from, and for how long they are good.

use super::*;

const MINUTE: i64 = 60;

/// A verifier that has fetched the issuer's key at `NOW`, and a token of that issuer that is good
/// for two hours.
async fn warm() -> (DevelopmentIssuer, Arc<Site>, Verifier, String) {
    let issuer = issuer();
    let site = site(issuer.jwks());
    let verifier = verifier(Arc::clone(&site));
    let token = issuer.sign(&header(), &with(claims(), "exp", json!(NOW + 120 * MINUTE)));
    assert!(verdict(&verifier, &token).await.is_ok());
    (issuer, site, verifier, token)
}

#[tokio::test]
async fn a_token_without_a_key_id_needs_a_single_key() {
    let issuer = issuer();
    let token = issuer.sign(&with(header(), "kid", Value::Null), &claims());
    assert!(
        verdict(&verifier(site(issuer.jwks())), &token)
            .await
            .is_ok()
    );
    let mut two = issuer.jwks();
    let other = self::issuer().jwks()["keys"][0].clone();
    two["keys"].as_array_mut().unwrap().push(other);
    assert_eq!(verdict(&verifier(site(two)), &token).await, refused("key"));
}

#[tokio::test]
async fn keys_are_kept_for_ten_minutes() {
    let (_, site, verifier, token) = warm().await;
    for (now, fetches) in [
        (NOW + 10 * MINUTE - 1, 1),
        (NOW + 10 * MINUTE, 2),
        (NOW + 11 * MINUTE, 2),
    ] {
        assert!(verdict_at(&verifier, &token, now).await.is_ok());
        assert_eq!(site.fetches(), fetches);
    }
}

#[tokio::test]
async fn an_unknown_key_id_asks_for_the_keys_anew_but_not_all_the_time() {
    let (issuer, site, verifier, _) = warm().await;
    let unknown = issuer.sign(&with(header(), "kid", json!("new")), &claims());
    for now in [NOW, NOW + 1, NOW + 29] {
        assert!(verdict_at(&verifier, &unknown, now).await.is_err());
        assert_eq!(site.fetches(), 1);
    }
    let mut renamed = issuer.jwks();
    renamed["keys"][0]["kid"] = json!("new");
    *site.documents.lock().unwrap() = vec![("/jwks", renamed)];
    assert!(verdict_at(&verifier, &unknown, NOW + 30).await.is_ok());
    assert_eq!(site.fetches(), 2);
}

#[tokio::test]
async fn a_key_that_the_issuer_has_withdrawn_is_forgotten_with_the_next_fetch() {
    let (_, site, verifier, token) = warm().await;
    *site.documents.lock().unwrap() = vec![("/jwks", self::issuer().jwks())];
    let verdict = verdict_at(&verifier, &token, NOW + 10 * MINUTE).await;
    assert!(matches!(verdict, Err(AccessError::Invalid("signature"))));
}

#[tokio::test]
async fn without_the_issuers_keys_a_token_is_neither_good_nor_bad() {
    let token = issuer().sign(&header(), &claims());
    let verifier = verifier(Site::serving(Vec::new()));
    for now in [NOW, NOW, NOW + 1] {
        let verdict = verdict_at(&verifier, &token, now).await;
        assert!(
            matches!(verdict, Err(AccessError::Unavailable(_))),
            "{verdict:?}"
        );
    }
}

#[tokio::test]
async fn keys_outlive_a_silent_issuer_for_an_hour_and_no_longer() {
    let (_, site, verifier, token) = warm().await;
    site.is_down.store(true, Ordering::SeqCst);
    for now in [
        NOW + 10 * MINUTE,
        NOW + 10 * MINUTE + 1,
        NOW + 60 * MINUTE - 1,
    ] {
        assert!(verdict_at(&verifier, &token, now).await.is_ok(), "{now}");
    }
    // Also between two tries, when nothing is fetched.
    let fetches = site.fetches();
    for now in [NOW + 60 * MINUTE, NOW + 60 * MINUTE, NOW + 61 * MINUTE] {
        let verdict = verdict_at(&verifier, &token, now).await;
        assert!(
            matches!(verdict, Err(AccessError::Unavailable(_))),
            "{now}: {verdict:?}"
        );
    }
    assert_eq!(site.fetches(), fetches + 2);
    site.is_down.store(false, Ordering::SeqCst);
    let verdict = verdict_at(&verifier, &token, NOW + 61 * MINUTE + 1).await;
    assert!(verdict.is_ok());
}

#[tokio::test]
async fn an_unknown_key_is_not_called_bad_while_the_issuer_is_silent() {
    let (issuer, site, verifier, token) = warm().await;
    site.is_down.store(true, Ordering::SeqCst);
    let unknown = issuer.sign(&with(header(), "kid", json!("new")), &claims());
    for now in [NOW + 30, NOW + 31] {
        let verdict = verdict_at(&verifier, &unknown, now).await;
        assert!(matches!(verdict, Err(AccessError::Unavailable(_))));
        assert!(verdict_at(&verifier, &token, now).await.is_ok());
    }
}

#[tokio::test]
async fn keys_are_found_by_discovery_if_the_document_is_the_issuers_own() {
    let issuer = issuer();
    for (claimed, keys, accepted) in [
        (ISSUER, "https://issuer.example/keys", true),
        (ISSUER, "https://keys.example/keys", true),
        (ISSUER, "http://issuer.example/keys", false),
        ("https://evil.example", "https://issuer.example/keys", false),
        (
            "https://issuer.example/",
            "https://issuer.example/keys",
            false,
        ),
    ] {
        let site = Site::serving(vec![
            (
                "/.well-known/openid-configuration",
                json!({"issuer": claimed, "jwks_uri": keys}),
            ),
            ("/keys", issuer.jwks()),
        ]);
        let settings = AccessSettings {
            jwks_url: None,
            ..settings()
        };
        let verifier = Verifier::new(settings, site);
        let token = issuer.sign(&header(), &claims());
        let verdict = verdict_at(&verifier, &token, NOW).await;
        match verdict {
            Ok(_) => assert!(accepted, "{claimed} {keys}"),
            Err(AccessError::Unavailable(_)) => assert!(!accepted, "{claimed} {keys}"),
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_document_that_is_no_key_set_is_not_an_empty_one() {
    let token = issuer().sign(&header(), &claims());
    for document in [json!({}), json!([]), json!({"keys": {}}), json!("keys")] {
        let verdict = verdict_at(&verifier(site(document)), &token, NOW).await;
        assert!(matches!(verdict, Err(AccessError::Unavailable(_))));
    }
}

#[tokio::test]
async fn a_key_of_an_unknown_kind_does_not_hide_the_others() {
    let issuer = issuer();
    let mut jwks = issuer.jwks();
    let keys = jwks["keys"].as_array_mut().unwrap();
    keys.insert(
        0,
        json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": "AA"}),
    );
    keys.insert(
        0,
        json!({"kty": "EC", "crv": "P-521", "kid": "large", "x": "AA", "y": "AA"}),
    );
    keys.insert(0, json!("nonsense"));
    let token = issuer.sign(&header(), &claims());
    assert!(verdict(&verifier(site(jwks)), &token).await.is_ok());
}
