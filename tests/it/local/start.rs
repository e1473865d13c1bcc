//! Starting, and what is said when that fails.

use std::net::TcpListener;
use std::path::Path;

use super::running::{Running, run};
use super::{SetUp, listed, stripe};
use crate::receiver::Receiver;

fn failure(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn state_survives_a_restart_and_so_does_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let first = Running::start(folder.path());
    let set_up = SetUp::new(&first, &receiver).await;
    assert!(first.send(stripe("evt_1")).await);
    while listed(&first, &set_up).await.is_empty() {
        tokio::task::yield_now().await;
    }
    let token = first.token.clone();
    first.kill();
    let mut second = Running::start(folder.path());
    second.token = token;
    assert_eq!(
        listed(&second, &set_up).await,
        [("evt_1".to_owned(), "delivered".to_owned())]
    );
}

#[test]
fn a_port_that_is_taken_is_named_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = failure(&["--port", &port, "--data", folder.path().to_str().unwrap()]);
    let expected = format!(
        "error: port {port} is taken; stop what listens there, or choose another with --port\n"
    );
    assert!(said.ends_with(&expected), "{said}");
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let said = failure(&["--port", "0", "--data", file.to_str().unwrap()]);
    assert!(
        said.contains("cannot be used") && said.contains("file"),
        "{said}"
    );
}

#[test]
fn a_folder_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let _running = Running::start(folder.path());
    let said = failure(&["--port", "0", "--data", folder.path().to_str().unwrap()]);
    assert!(said.contains("is in use by another process"), "{said}");
}

#[test]
fn a_damaged_file_of_the_folder_is_named() {
    for name in ["issuer.key", "organization"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        std::fs::write(&file, "damaged").unwrap();
        let said = failure(&["--port", "0", "--data", folder.path().to_str().unwrap()]);
        assert!(said.contains(file.to_str().unwrap()), "{said}");
        assert!(said.contains("start afresh"), "{said}");
    }
}

#[test]
fn what_is_not_understood_of_the_template_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("template.yaml");
    std::fs::write(
        &template,
        "Resources:\n  Lake:\n    Type: AWS::S3::Bucket\n",
    )
    .unwrap();
    let (template, data) = (template.to_str().unwrap(), folder.path().to_str().unwrap());
    let said = failure(&["--port", "0", "--data", data, "--template", template]);
    assert!(
        said.contains("`Lake`: resources of the type AWS::S3::Bucket"),
        "{said}"
    );
}

#[test]
fn verify_judges_vectors_and_fails_where_one_differs() {
    let vectors =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/vectors/webhooks.json");
    let all: Vec<serde_json::Value> =
        serde_json::from_str(&std::fs::read_to_string(vectors).unwrap()).unwrap();
    let ours: Vec<_> = all
        .into_iter()
        .filter(|vector| vector["provider"] == "stripe")
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vectors.json");
    let verify = |vectors: &[serde_json::Value]| {
        std::fs::write(&file, serde_json::to_string(vectors).unwrap()).unwrap();
        run(&["verify", file.to_str().unwrap()])
    };
    assert!(verify(&ours).status.success());
    let mut wrong = ours.clone();
    wrong[0]["valid"] = false.into();
    let output = verify(&wrong);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("stripe/v1/valid: it was accepted"), "{said}");
}
