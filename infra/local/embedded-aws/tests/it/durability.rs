//! What was acknowledged is still there after the process is gone, and secrets cannot be read from
//! the folder.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use embedded_aws::{Stack, StackError, TimeSource};

use crate::deployed;
use crate::world::{code, receipt, receive_count};

const TABLE: &str = "gatehouse-Table";
const QUEUE: &str = "gatehouse-EventsQueue";
const KEY: &str = "alias/gatehouse-Key";

pub(crate) async fn open(folder: &Path) -> Stack {
    let stack = Stack::open(folder, &deployed(), TimeSource::system()).await;
    stack.unwrap()
}

pub(crate) struct Clients {
    sqs: aws_sdk_sqs::Client,
    secrets: aws_sdk_secretsmanager::Client,
    kms: aws_sdk_kms::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    queue: String,
}

impl Clients {
    pub(crate) async fn of(endpoint: &str) -> Self {
        let credentials = Credentials::new("test", "test", None, None, "test");
        let config = aws_types::SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::from_static("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let sqs = aws_sdk_sqs::Client::new(&config);
        let queue = sqs.get_queue_url().queue_name(QUEUE).send().await;
        Self {
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            kms: aws_sdk_kms::Client::new(&config),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            queue: queue.unwrap().queue_url.unwrap(),
            sqs,
        }
    }

    pub(crate) async fn send(&self, body: &str) -> bool {
        let request = self.sqs.send_message().queue_url(&self.queue);
        request.message_body(body).send().await.is_ok()
    }

    pub(crate) async fn create_secret(&self, name: &str) -> bool {
        let request = self.secrets.create_secret().name(name);
        request.secret_string(value_of(name)).send().await.is_ok()
    }

    pub(crate) async fn secret(&self, name: &str) -> Option<String> {
        let read = self.secrets.get_secret_value().secret_id(name);
        read.send().await.ok()?.secret_string
    }

    pub(crate) async fn put_item(&self, key: &str) -> bool {
        let text = || AttributeValue::S(key.to_owned());
        let request = self.dynamodb.put_item().table_name(TABLE);
        let request = request.item("pk", text()).item("sk", text());
        request.send().await.is_ok()
    }

    pub(crate) async fn has_item(&self, key: &str) -> bool {
        let text = || AttributeValue::S(key.to_owned());
        let request = self.dynamodb.get_item().table_name(TABLE);
        let request = request.key("pk", text()).key("sk", text());
        request.send().await.unwrap().item.is_some()
    }

    async fn receive(&self) -> Vec<aws_sdk_sqs::types::Message> {
        let request = self.sqs.receive_message().queue_url(&self.queue);
        let request = request
            .max_number_of_messages(10)
            .message_system_attribute_names("All".into());
        request.send().await.unwrap().messages.unwrap_or_default()
    }

    /// The bodies of all messages that are visible.
    pub(crate) async fn bodies(&self) -> Vec<String> {
        let mut bodies = Vec::new();
        loop {
            let received = self.receive().await;
            if received.is_empty() {
                return bodies;
            }
            bodies.extend(received.into_iter().filter_map(|message| message.body));
        }
    }
}

pub(crate) fn value_of(name: &str) -> String {
    format!("the value of {name}")
}

#[tokio::test]
async fn messages_secrets_keys_and_items_are_there_after_the_services_were_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let stack = open(folder.path()).await;
    let clients = Clients::of(stack.endpoint()).await;
    assert!(clients.send("a message").await);
    assert!(clients.create_secret("a-secret").await);
    assert!(clients.put_item("an item").await);
    let request = clients.kms.generate_data_key().key_id(KEY);
    let request = request.encryption_context("organization", "one");
    let made = request.key_spec(DataKeySpec::Aes256).send().await.unwrap();
    drop(stack);

    let stack = open(folder.path()).await;
    let clients = Clients::of(stack.endpoint()).await;
    assert_eq!(clients.bodies().await, ["a message"]);
    let secret = clients.secret("a-secret").await;
    assert_eq!(secret, Some(value_of("a-secret")));
    assert!(clients.has_item("an item").await);
    let request = clients.kms.decrypt();
    let request = request.set_ciphertext_blob(made.ciphertext_blob);
    let request = request.encryption_context("organization", "one");
    let opened = request.send().await.unwrap();
    assert_eq!(opened.plaintext, made.plaintext);
}

#[tokio::test]
async fn a_message_that_was_in_hand_when_the_services_went_is_visible_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let stack = open(folder.path()).await;
    let clients = Clients::of(stack.endpoint()).await;
    assert!(clients.send("in hand").await);
    assert!(clients.send("done").await);
    let received = clients.receive().await;
    let done = received.iter().find(|m| m.body() == Some("done")).unwrap();
    let request = clients.sqs.delete_message().queue_url(&clients.queue);
    let request = request.receipt_handle(receipt(done));
    request.send().await.unwrap();
    drop(stack);

    let stack = open(folder.path()).await;
    let clients = Clients::of(stack.endpoint()).await;
    let again = clients.receive().await;
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].body(), Some("in hand"));
    assert_eq!(receive_count(&again[0]), "2");
}

/// Connections outlive the listener: they must not reach the folder, which is somebody else's now.
#[tokio::test]
async fn services_that_were_dropped_do_nothing_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let stack = open(folder.path()).await;
    let old = Clients::of(stack.endpoint()).await;
    let request = old.sqs.receive_message().queue_url(&old.queue);
    let waiting = tokio::spawn(request.wait_time_seconds(20).send());
    while !stack.calls().contains_key("SQS.ReceiveMessage") {
        tokio::task::yield_now().await;
    }
    drop(stack);

    let stack = open(folder.path()).await;
    let new = Clients::of(stack.endpoint()).await;
    assert!(new.send("for the new ones").await);
    assert!(!old.send("for the old ones").await);
    assert!(waiting.await.unwrap().is_err());
    assert_eq!(new.bodies().await, ["for the new ones"]);
}

#[tokio::test]
async fn what_is_secret_cannot_be_read_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let stack = open(folder.path()).await;
    let clients = Clients::of(stack.endpoint()).await;
    assert!(clients.create_secret("canary").await);
    let put = clients.secrets.put_secret_value().secret_id("canary");
    let put = put.secret_binary(Blob::new("a canary of bytes"));
    put.send().await.unwrap();
    let made = clients.kms.generate_data_key().key_id(KEY);
    let made = made.key_spec(DataKeySpec::Aes256).send().await.unwrap();
    let request = clients.kms.encrypt().key_id(KEY);
    let request = request.plaintext(Blob::new("a canary of text"));
    request.send().await.unwrap();
    // The search finds what is there to be found.
    assert!(clients.send("a message, sealed by who sends it").await);
    let sealing_key = std::fs::read(folder.path().join("key")).unwrap();

    let found = |needle: &[u8]| {
        let files = std::fs::read_dir(folder.path()).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let hits = files.filter(|file| {
            let bytes = std::fs::read(file).unwrap();
            bytes.windows(needle.len()).any(|window| window == needle)
        });
        hits.map(|file| file.file_name().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    for needle in [
        value_of("canary").as_bytes(),
        b"a canary of bytes",
        // That, in base64.
        b"YSBjYW5hcnkgb2YgYnl0ZXM",
        b"a canary of text",
        made.plaintext().unwrap().as_ref(),
    ] {
        assert_eq!(found(needle), [] as [&str; 0]);
    }
    assert_ne!(found(b"sealed by who sends it"), [] as [&str; 0]);
    assert_eq!(found(&sealing_key), ["key"]);
}

#[tokio::test]
async fn only_its_owner_reads_the_key_file_and_nothing_opens_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let stack = open(folder.path()).await;
    let clients = Clients::of(stack.endpoint()).await;
    assert!(clients.create_secret("a-secret").await);
    let file = folder.path().join("key");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(stack);

    std::fs::write(&file, [7; 32]).unwrap();
    let stack = open(folder.path()).await;
    let clients = Clients::of(stack.endpoint()).await;
    let request = clients.secrets.get_secret_value().secret_id("a-secret");
    assert_eq!(code(request.send().await), "InternalFailure");
}

#[tokio::test]
async fn a_folder_belongs_to_one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let stack = open(folder.path()).await;
    let second = Stack::open(folder.path(), &deployed(), TimeSource::system()).await;
    assert!(matches!(second, Err(StackError::InUse(_))));
    drop(stack);
    open(folder.path()).await;
}
