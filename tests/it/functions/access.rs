use gatehouse::lambda::system_sources;

use super::samples::{Answer, sample};
use super::world::World;
use crate::receiver::Receiver;

#[tokio::test]
async fn the_portal_refuses_callers_without_a_good_token() {
    let world = World::new().await;
    let set_up = world.set_up(&Receiver::start().await).await;
    let issuer = &world.deployment.issuer;
    let now = system_sources().now().as_second();
    let fillings = [("{integrationId}", set_up.integration.as_str())];
    let mut missing = sample("integrations/list-webhook-logs", &fillings);
    let headers = missing["headers"].as_object_mut().unwrap();
    assert!(headers.remove("authorization").is_some());
    let tokens = [
        "nonsense".to_owned(),
        issuer.token_from(now - 3600, "gatehouse"),
        issuer.token_from(now, "others"),
        issuer.unsigned(),
    ];
    let mut answers = vec![Answer::of(&world.integrations, &missing).await];
    for token in &tokens {
        answers.push(world.logs(&set_up.integration, token).await);
    }
    for answer in answers {
        assert_eq!(answer.problem(), (401, "unauthenticated".to_owned()));
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    let good = world.logs(&set_up.integration, &world.token).await;
    assert_eq!(good.status, 200);
}

#[tokio::test]
async fn an_integration_of_another_organization_does_not_exist() {
    let world = World::new().await;
    let set_up = world.set_up(&Receiver::start().await).await;
    let other = world.deployment.issuer.token();
    let answer = world.logs(&set_up.integration, &other).await;
    assert_eq!(answer.problem(), (404, "not_found".to_owned()));
    let nobodys = world.logs("int_01K72Z5QSW0123456789ABCDEF", &other).await;
    assert_eq!(nobodys.problem(), (404, "not_found".to_owned()));
}
