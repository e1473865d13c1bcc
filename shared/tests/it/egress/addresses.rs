use gatehouse::egress::{Egress, EgressError, EgressPolicy};

use super::servers::{Server, ok};
use super::spellings::{INSIDE, LOOPBACK};
use super::{Answers, get, to_loopback};

#[tokio::test]
async fn no_spelling_of_an_address_inside_is_called() {
    let egress = Egress::new(EgressPolicy::default());
    for host in LOOPBACK.iter().chain(&INSIDE) {
        for url in [
            format!("https://{host}/"),
            format!("https://{host}:8443/a?b"),
        ] {
            let error = get(&egress, &url).await.unwrap_err();
            assert!(
                matches!(error, EgressError::ForbiddenAddress),
                "{url}: {error}"
            );
            let checked = egress.check_url(&url.parse().unwrap());
            assert!(
                matches!(checked, Err(EgressError::ForbiddenAddress)),
                "{url}"
            );
        }
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_called() {
    for address in [
        "127.0.0.1",
        "169.254.169.254",
        "10.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "fd00:ec2::254",
    ] {
        let egress = Egress::with_resolver(EgressPolicy::default(), Answers::new(&[&[address]]));
        let error = get(&egress, "https://inside.example/").await.unwrap_err();
        assert!(
            matches!(error, EgressError::ForbiddenAddress),
            "{address}: {error}"
        );
    }
}

#[tokio::test]
async fn one_forbidden_address_among_others_refuses_the_name() {
    let (allowed, forbidden) = neighbours().await;
    for answer in [["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"]] {
        let egress = Egress::with_resolver(only_127_0_0_2(), Answers::new(&[&answer]));
        let url = format!("http://mixed.example:{}/", allowed.port);
        let error = get(&egress, &url).await.unwrap_err();
        assert!(matches!(error, EgressError::ForbiddenAddress), "{error}");
    }
    assert_eq!((allowed.connections(), forbidden.connections()), (0, 0));
}

#[tokio::test]
async fn a_name_server_that_changes_its_answer_changes_nothing() {
    let (allowed, forbidden) = neighbours().await;
    let answers: [&[&str]; 6] = [
        &["127.0.0.2"],
        &["127.0.0.1"],
        &["127.0.0.2"],
        &["127.0.0.1", "127.0.0.2"],
        &["127.0.0.2"],
        &["127.0.0.1"],
    ];
    let egress = Egress::with_resolver(only_127_0_0_2(), Answers::new(&answers));
    let url = format!("http://rebinding.example:{}/", allowed.port);
    for answer in answers {
        let response = get(&egress, &url).await;
        if answer == ["127.0.0.2"] {
            assert_eq!(response.unwrap().body, "allowed");
        } else {
            let refused = matches!(response, Err(EgressError::ForbiddenAddress));
            assert!(refused, "{answer:?}: {response:?}");
        }
    }
    assert_eq!((allowed.connections(), forbidden.connections()), (3, 0));
}

/// Two servers on the same port, so that only the address tells them apart.
async fn neighbours() -> (Server, Server) {
    let forbidden = Server::raw(ok("forbidden")).await;
    let address = format!("127.0.0.2:{}", forbidden.port);
    (Server::raw_at(&address, ok("allowed")).await, forbidden)
}

fn only_127_0_0_2() -> EgressPolicy {
    EgressPolicy {
        allowed: vec!["127.0.0.2/32".parse().unwrap()],
        ..EgressPolicy::default()
    }
}

#[tokio::test]
async fn localhost_is_this_machine_whatever_a_name_server_says() {
    let answers = || Answers::new(&[&["93.184.216.34"]]);
    let nowhere = Egress::with_resolver(EgressPolicy::default(), answers());
    for host in [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.b.localhost",
        "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
        "ｌｏｃａｌｈｏｓｔ",
        "%6cocalhost",
    ] {
        let url = format!("https://{host}/");
        let sent = get(&nowhere, &url).await.map(|_| ());
        for refused in [sent, nowhere.check_url(&url.parse().unwrap())] {
            let forbidden = matches!(refused, Err(EgressError::ForbiddenAddress));
            assert!(forbidden, "{host}: {refused:?}");
        }
    }
    let server = Server::raw(ok("hello")).await;
    let loopback = Egress::with_resolver(to_loopback(), answers());
    for host in ["localhost", "a.localhost."] {
        let url = format!("http://{host}:{}/", server.port);
        assert_eq!(get(&loopback, &url).await.unwrap().body, "hello");
    }
}

#[tokio::test]
async fn a_name_without_a_dot_is_for_named_networks_only() {
    let public = || Answers::new(&[&["93.184.216.34"]]);
    let nowhere = Egress::with_resolver(EgressPolicy::default(), public());
    let loopback = Egress::with_resolver(to_loopback(), public());
    for host in ["metadata", "redis."] {
        let url = format!("https://{host}/");
        let sent = get(&nowhere, &url).await.map(|_| ());
        for refused in [sent, nowhere.check_url(&url.parse().unwrap())] {
            let forbidden = matches!(refused, Err(EgressError::ForbiddenUrl(_)));
            assert!(forbidden, "{host}: {refused:?}");
        }
        let error = get(&loopback, &url).await.unwrap_err();
        assert!(matches!(error, EgressError::ForbiddenAddress), "{error}");
    }
    let server = Server::raw(ok("hello")).await;
    let inside = Egress::with_resolver(to_loopback(), Answers::new(&[&["127.0.0.1"]]));
    let url = format!("http://receiver:{}/", server.port);
    assert_eq!(get(&inside, &url).await.unwrap().body, "hello");
}

#[tokio::test]
async fn a_name_without_an_address_is_not_found() {
    let egress = Egress::with_resolver(EgressPolicy::default(), Answers::new(&[&[]]));
    let error = get(&egress, "https://nobody.example/").await.unwrap_err();
    assert!(matches!(error, EgressError::Resolve), "{error}");
}

#[tokio::test]
async fn the_address_that_was_looked_up_is_the_one_that_is_called() {
    let server = Server::raw(ok("hello")).await;
    let egress = Egress::with_resolver(to_loopback(), Answers::new(&[&["127.0.0.1"]]));
    let url = format!("http://anything.example:{}/", server.port);
    assert_eq!(get(&egress, &url).await.unwrap().body, "hello");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn plain_http_is_for_named_networks_only() {
    let nowhere = Egress::new(EgressPolicy::default());
    let error = get(&nowhere, "http://93.184.216.34/").await.unwrap_err();
    assert!(matches!(error, EgressError::ForbiddenUrl(_)), "{error}");
    let loopback = Egress::with_resolver(to_loopback(), Answers::new(&[&["93.184.216.34"]]));
    for url in ["http://93.184.216.34/", "http://public.example/"] {
        let error = get(&loopback, url).await.unwrap_err();
        assert!(
            matches!(error, EgressError::ForbiddenAddress),
            "{url}: {error}"
        );
    }
}

#[test]
fn a_new_url_is_plain_http_only_where_that_can_succeed() {
    let loopback = Egress::new(to_loopback());
    for (url, may) in [
        ("http://127.0.0.1:9000/", true),
        ("http://localhost:9000/", true),
        ("http://a.localhost/", true),
        ("http://receiver:9000/", true),
        ("http://2130706433/", true),
        ("https://public.example/", true),
        ("http://public.example/", false),
        ("http://public.example./", false),
        ("http://93.184.216.34/", false),
        ("http://[::1]/", false),
    ] {
        let checked = loopback.check_new_url(&url.parse().unwrap());
        assert_eq!(checked.is_ok(), may, "{url}: {checked:?}");
    }
    let nowhere = Egress::new(EgressPolicy::default());
    for url in ["http://localhost/", "http://receiver/", "http://127.0.0.1/"] {
        let checked = nowhere.check_new_url(&url.parse().unwrap());
        assert!(checked.is_err(), "{url}");
    }
}

#[tokio::test]
async fn urls_of_another_form_are_not_called() {
    let egress = Egress::new(to_loopback());
    for url in [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "https://user@example.com/",
        "https://user:secret@example.com/",
        "https://example.com/#fragment",
        "data:text/plain,a",
    ] {
        let error = get(&egress, url).await.unwrap_err();
        assert!(
            matches!(error, EgressError::ForbiddenUrl(_)),
            "{url}: {error}"
        );
        assert!(!error.to_string().contains("secret"));
    }
}
