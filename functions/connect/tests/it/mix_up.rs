//! Two authorization servers, one of which lies (RFC 9207, RFC 9700 sections 4.4 and 4.5). Nothing
//! of it may lead to a call of either's token endpoint.

use serde_json::json;

use crate::server::Server;
use crate::world::World;

struct Two {
    world: World,
    honest: Server,
    evil: Server,
}

impl Two {
    async fn new() -> Self {
        Self {
            world: World::new().await,
            honest: Server::new().await,
            evil: Server::new().await,
        }
    }

    fn assert_silent(&self) {
        assert!(self.honest.got("/token").is_empty());
        assert!(self.evil.got("/token").is_empty());
    }
}

#[tokio::test]
async fn a_code_of_another_issuer_is_sent_nowhere() {
    let two = Two::new().await;
    let (good, bad) = (
        two.world.integration_at(&two.honest).await,
        two.world.integration_at(&two.evil).await,
    );
    let (honest, evil) = (two.honest.issuer(), two.evil.issuer());
    let slash = format!("{honest}/");
    let upper = honest.to_uppercase();
    for (path, issuer) in [
        // The honest server's answer comes back under the state of the evil one, and vice versa.
        (&bad, Some(honest.as_str())),
        (&good, Some(evil.as_str())),
        // Whoever says that he names himself, has to.
        (&good, None),
        (&good, Some("")),
        (&good, Some(slash.as_str())),
        (&good, Some(upper.as_str())),
    ] {
        let asked = two.world.asked(path).await;
        let state = asked.state();
        let mut pairs = vec![("code", "code-of-honest"), ("state", state.as_str())];
        pairs.extend(issuer.map(|issuer| ("iss", issuer)));
        let answer = two.world.callback(&pairs, &asked.cookie).await;
        assert_eq!(answer.status, 400, "{issuer:?}: {}", answer.text);
        // The right answer comes too late: a state is good for one.
        let pairs = [("code", "c"), ("state", &state), ("iss", &honest)];
        let late = two.world.callback(&pairs, &asked.cookie).await;
        assert_eq!(late.status, 400);
    }
    two.assert_silent();
}

#[tokio::test]
async fn a_swapped_state_is_another_browsers_or_another_issuers() {
    let two = Two::new().await;
    let (good, bad) = (
        two.world.integration_at(&two.honest).await,
        two.world.integration_at(&two.evil).await,
    );
    let (one, other) = (two.world.asked(&good).await, two.world.asked(&bad).await);
    let both = format!("{}; {}", one.cookie, other.cookie);
    let (honest, evil) = (two.honest.issuer(), two.evil.issuer());
    let swapped = [("code", "c"), ("state", &other.state()), ("iss", &honest)];
    assert_eq!(two.world.callback(&swapped, &both).await.status, 400);
    let swapped = [("code", "c"), ("state", &one.state()), ("iss", &evil)];
    assert_eq!(two.world.callback(&swapped, &both).await.status, 400);
    two.assert_silent();
}

/// The victim's browser is given the attacker's code: he has no cookie for the attacker's state.
#[tokio::test]
async fn a_code_that_is_injected_finds_no_cookie() {
    let two = Two::new().await;
    let path = two.world.integration_at(&two.honest).await;
    let (attacker, victim) = (two.world.asked(&path).await, two.world.asked(&path).await);
    let issuer = two.honest.issuer();
    let pairs = [
        ("code", "attackers"),
        ("state", &attacker.state()),
        ("iss", &issuer),
    ];
    let answer = two.world.callback(&pairs, &victim.cookie).await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    two.assert_silent();
}

/// A code that comes with the victim's own state is bound to another verifier: the server sees it.
#[tokio::test]
async fn each_state_has_a_verifier_of_its_own() {
    let two = Two::new().await;
    let path = two.world.integration_at(&two.honest).await;
    let (one, other) = (two.world.asked(&path).await, two.world.asked(&path).await);
    assert_ne!(
        one.parameter("code_challenge"),
        other.parameter("code_challenge")
    );
    assert_ne!(one.state(), other.state());
    let pairs = [
        ("code", "c"),
        ("state", &other.state()),
        ("iss", &two.honest.issuer()),
    ];
    two.world.callback(&pairs, &other.cookie).await;
    let verifier = two.honest.got("/token")[0].form["code_verifier"].clone();
    assert!(verifier.len() >= 43);
    assert!(!one.url.as_str().contains(&verifier) && !other.url.as_str().contains(&verifier));
}

/// Without an issuer to compare with, an answer that names one could be anybody's.
#[tokio::test]
async fn an_issuer_that_nothing_is_known_of_is_refused() {
    let two = Two::new().await;
    let silent = Server::silent().await;
    let config = json!({"authorizationEndpoint": silent.url("/authorize"),
                        "tokenEndpoint": silent.url("/token")});
    let path = two.world.integration(config).await;
    let asked = two.world.asked(&path).await;
    let pairs = [
        ("code", "c"),
        ("state", &asked.state()),
        ("iss", &two.honest.issuer()),
    ];
    let answer = two.world.callback(&pairs, &asked.cookie).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    two.assert_silent();
    assert!(silent.got("/token").is_empty());
    let asked = two.world.asked(&path).await;
    let pairs = [("code", "c"), ("state", &asked.state())];
    let answer = two.world.callback(&pairs, &asked.cookie).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// The evil server's metadata name the honest one as issuer: they are not its own.
#[tokio::test]
async fn metadata_that_speak_for_another_issuer_lead_nowhere() {
    let two = Two::new().await;
    two.evil.metadata(json!({"issuer": two.honest.issuer()}));
    let path = two.world.integration_at(&two.evil).await;
    let authorize = format!("{path}/oauth/authorize");
    let answer = two.world.call("POST", &authorize, None).await;
    assert_eq!(answer.status, 409, "{}", answer.text);
    two.assert_silent();
}
