//! What browsers see.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::server::Server;
use crate::world::{Answer, World};

/// What any page has to be.
fn assert_is_a_page(answer: &Answer) {
    let text = &answer.text;
    assert_eq!(
        answer.header("content-type"),
        "text/html; charset=utf-8",
        "{text}"
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let policy = answer.header("content-security-policy");
    for rule in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'none'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let (_, style) = text.split_once("<style>").unwrap();
    let (style, _) = style.split_once("</style>").unwrap();
    let hash = STANDARD.encode(Sha256::digest(style));
    assert!(policy.contains(&format!("'sha256-{hash}'")), "{policy}");
    assert!(
        text.starts_with("<!doctype html>\n<html lang=\"en\">"),
        "{text}"
    );
    for part in ["<title>", "<main>", "<h1>", "name=\"viewport\""] {
        assert_eq!(text.matches(part).count(), 1, "{part}: {text}");
    }
    assert!(!text.contains("<script") && !text.contains(" style=") && !text.contains("http"));
}

#[tokio::test]
async fn nothing_of_an_error_is_shown() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    let script = "<script>alert('canary')</script>";
    for (code, word) in [
        ("access_denied", "declined"),
        ("invalid_scope", "scopes"),
        ("server_error", "moment"),
        ("login_required", "sign in"),
        ("unauthorized_client", "set-up"),
        (script, "set-up"),
        ("canary", "set-up"),
    ] {
        let asked = world.asked(&path).await;
        let pairs = [
            ("error", code),
            ("error_description", script),
            ("error_uri", "https://canary.example/"),
            ("state", &asked.state()),
            ("iss", &server.issuer()),
        ];
        let answer = world.callback(&pairs, &asked.cookie).await;
        assert_eq!(answer.status, 400);
        assert_is_a_page(&answer);
        assert!(answer.text.contains(word), "{code}: {}", answer.text);
        let shown = format!("{:?} {}", answer.headers, answer.text);
        assert!(!shown.contains("canary"), "{shown}");
        assert!(!shown.contains(&asked.state()));
    }
    assert!(server.got("/token").is_empty());
}

#[tokio::test]
async fn an_error_of_another_issuer_counts_as_little_as_a_code() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    let asked = world.asked(&path).await;
    let pairs = [
        ("error", "access_denied"),
        ("state", &asked.state()),
        ("iss", "https://evil.example"),
    ];
    let answer = world.callback(&pairs, &asked.cookie).await;
    assert!(answer.text.contains("not from the expected provider"));
    assert_is_a_page(&answer);
}

#[tokio::test]
async fn every_end_is_a_page() {
    let (world, server) = (World::new().await, Server::new().await);
    let path = world.integration_at(&server).await;
    for query in [
        "",
        "?x=<script>",
        "?code=a&code=b&state=c",
        "?state=%22%3E%3Csvg%3E&code=x",
    ] {
        let answer = world
            .browse(
                &format!("/oauth/callback{query}")
                    .replace('<', "%3C")
                    .replace('>', "%3E"),
                "",
            )
            .await;
        assert_eq!(answer.status, 400, "{query}");
        assert_is_a_page(&answer);
        assert!(!answer.text.contains("svg"));
    }
    let answer = world.browse("/oauth/start/%3Csvg%3E", "").await;
    assert_is_a_page(&answer);
    let asked = world.asked(&path).await;
    let pairs = [
        ("code", "canary"),
        ("state", &asked.state()),
        ("iss", &server.issuer()),
    ];
    let answer = world.callback(&pairs, "").await;
    assert_is_a_page(&answer);
    let asked = world.asked(&path).await;
    let pairs = [
        ("code", "canary"),
        ("state", &asked.state()),
        ("iss", &server.issuer()),
    ];
    let answer = world.callback(&pairs, &asked.cookie).await;
    assert_eq!(answer.status, 200);
    assert_is_a_page(&answer);
    let shown = format!("{:?} {}", answer.headers, answer.text);
    assert!(!shown.contains("canary"), "{shown}");
}
