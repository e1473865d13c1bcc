use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::SdkConfig;
use aws_types::region::Region;
use dynoxide::Database as DynamoDb;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::api::ApiError;
use crate::calls::Calls;
use crate::capacity::{Capacity, Meter};
use crate::database::Database;
use crate::kms::Kms;
use crate::permissions::Permissions;
use crate::sealing::SealingKey;
use crate::secrets::SecretsManager;
use crate::server::{Services, router};
use crate::sqs::Sqs;
use crate::template::{Template, TemplateError};
use crate::time::TimeSource;
use crate::{REGION, template};

/// How often items are deleted whose time to live is over.
const SWEEP: Duration = Duration::from_secs(60);

/// Why the services did not start.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The folder cannot be used.
    #[error("the folder `{0}` cannot be used: it must exist or be creatable, and be writable")]
    Folder(PathBuf, #[source] std::io::Error),
    /// Another process has the folder.
    #[error("the folder `{0}` is in use by another process")]
    InUse(PathBuf),
    /// No loopback port could be had.
    #[error("no port on 127.0.0.1 could be opened")]
    Listen(#[source] std::io::Error),
    /// A database cannot be opened.
    #[error("the database cannot be opened")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The template says something that cannot be carried out here.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A resource of the template could not be made.
    #[error("the resource `{0}` could not be made: {1}")]
    Resource(String, String),
}

/// The four services, running.
#[derive(Debug)]
pub struct Stack {
    endpoint: String,
    sqs: Sqs,
    calls: Calls,
    meter: Meter,
    database: Database,
    tasks: Vec<JoinHandle<()>>,
    /// Held for as long as the folder is ours.
    _lock: Option<File>,
}

impl Stack {
    /// Starts the services in memory, with what `template` says.
    ///
    /// # Errors
    ///
    /// If a port cannot be opened, or the template cannot be carried out.
    pub async fn in_memory(template: &Template, time: TimeSource) -> Result<Self, StackError> {
        let dynamodb = DynamoDb::memory().map_err(|error| StackError::Database(error.into()))?;
        let database = Database::open(None).map_err(|error| StackError::Database(error.into()))?;
        let sealing = SealingKey::random().map_err(|error| failed("key file", &error))?;
        Self::start(dynamodb, database, sealing, None, template, time).await
    }

    /// Starts the services on what is in `folder`, after adding what `template` says and is not
    /// there yet. Messages that were being handled when the last process died are visible again.
    ///
    /// # Errors
    ///
    /// If the folder cannot be used or is in use, a port cannot be opened, or the template cannot
    /// be carried out.
    pub async fn open(
        folder: &Path,
        template: &Template,
        time: TimeSource,
    ) -> Result<Self, StackError> {
        let unusable = |error| StackError::Folder(folder.to_owned(), error);
        std::fs::create_dir_all(folder).map_err(unusable)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("lock"))
            .map_err(unusable)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StackError::InUse(folder.to_owned()),
            TryLockError::Error(error) => unusable(error),
        })?;
        let sealing = SealingKey::in_file(&folder.join("key")).map_err(unusable)?;
        let dynamodb = DynamoDb::new(&folder.join("dynamodb.db").to_string_lossy())
            .map_err(|error| StackError::Database(error.into()))?;
        let database = Database::open(Some(&folder.join("services.db")))
            .map_err(|error| StackError::Database(error.into()))?;
        let stack = Self::start(dynamodb, database, sealing, Some(lock), template, time).await?;
        stack
            .sqs
            .release_in_flight()
            .await
            .map_err(|error| failed("queues", &error))?;
        Ok(stack)
    }

    async fn start(
        dynamodb: DynamoDb,
        database: Database,
        sealing: SealingKey,
        lock: Option<File>,
        template: &Template,
        time: TimeSource,
    ) -> Result<Self, StackError> {
        let (dynamo_listener, dynamo_url) = listen().await?;
        let (listener, endpoint) = listen().await?;
        let sqs = Sqs::new(database.clone(), time.clone(), &endpoint);
        let services = Services {
            sqs: sqs.clone(),
            secrets: SecretsManager::new(database.clone(), sealing.clone()),
            kms: Kms::new(database.clone(), sealing),
            dynamodb: dynamo_url,
            client: client()?,
            calls: Calls::default(),
            meter: Meter::default(),
            permissions: Permissions::new(template.statements()),
            time,
        };
        let (calls, meter) = (services.calls.clone(), services.meter.clone());
        let tasks = vec![
            tokio::spawn(dynoxide::server::serve_on(
                dynamo_listener,
                dynamodb.clone(),
            )),
            tokio::spawn(serve(listener, services.clone())),
            tokio::spawn(sweep(dynamodb)),
        ];
        let stack = Self {
            endpoint,
            sqs,
            calls,
            meter,
            database,
            tasks,
            _lock: lock,
        };
        template::create(template, &stack.sdk_config(), &services).await?;
        stack.calls.reset();
        Ok(stack)
    }

    /// Where all four services are reached.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A configuration for the clients of somebody who may do everything.
    #[must_use]
    pub fn sdk_config(&self) -> SdkConfig {
        self.sdk_config_of("local")
    }

    /// A configuration for the clients of a function, by the name of its crate: they may do what its role
    /// allows.
    #[must_use]
    pub fn sdk_config_of(&self, function: &str) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.endpoint)
            .region(Region::from_static(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials(function)))
            .build()
    }

    /// The environment variables by which an SDK in the process of a function finds the services.
    #[must_use]
    pub fn sdk_environment_of(&self, function: &str) -> BTreeMap<String, String> {
        let credentials = credentials(function);
        [
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id()),
            ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// How often each operation was called since the start or the last reset, such as
    /// `SQS.SendMessage`.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.calls.snapshot()
    }

    /// How many items of the table the calls since then were to write or delete, each for itself or
    /// in a transaction.
    #[must_use]
    pub fn items_written(&self) -> u64 {
        self.calls.items()
    }

    /// Starts counting anew.
    pub fn reset_calls(&self) {
        self.calls.reset();
        self.meter.reset();
    }

    /// From now on, counts what capacity of the table is consumed. It makes calls slower.
    pub fn measure_capacity(&self) {
        self.meter.start();
    }

    /// What was consumed since then, or the last reset.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        self.meter.capacity()
    }

    /// Refuses every call of DynamoDB and of SQS that has `text` in its body, until this is said again: as if
    /// a permission were missing. With `None`, none.
    pub fn refuse(&self, text: Option<&str>) {
        self.calls.refuse(text.map(str::to_owned));
    }

    /// Everything that is in the table and in the queues, as text: what tests search for secrets.
    ///
    /// # Errors
    ///
    /// If a database fails.
    pub async fn contents(&self) -> Result<String, StackError> {
        let messages = self
            .database
            .run(|connection| {
                let mut statement = connection
                    .prepare("SELECT queue, body, attributes FROM messages ORDER BY id")?;
                let rows = statement.query_map([], |row| {
                    let (queue, body) = (row.get::<_, String>(0)?, row.get::<_, String>(1)?);
                    Ok(format!("{queue}: {body} {}\n", row.get::<_, String>(2)?))
                })?;
                Ok(rows.collect::<Result<String, _>>()?)
            })
            .await
            .map_err(|error| failed("queues", &error))?;
        let items = template::contents(&self.sdk_config())
            .await
            .map_err(|error| StackError::Resource("tables".to_owned(), error))?;
        Ok(messages + &items)
    }

    /// Makes every message that somebody is handling visible again, as if its time-out had passed.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn release_in_flight(&self) -> Result<(), StackError> {
        self.sqs
            .release_in_flight()
            .await
            .map_err(|error| failed("queues", &error))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.database.close();
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn listen() -> Result<(TcpListener, String), StackError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(StackError::Listen)?;
    let port = listener.local_addr().map_err(StackError::Listen)?.port();
    Ok((listener, format!("http://127.0.0.1:{port}")))
}

async fn serve(listener: TcpListener, services: Services) {
    if let Err(error) = axum::serve(listener, router(services)).await {
        tracing::error!(%error, "the services stopped");
    }
}

async fn sweep(dynamodb: DynamoDb) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let dynamodb = dynamodb.clone();
        match tokio::task::spawn_blocking(move || dynamodb.sweep_ttl()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "expired items were not deleted"),
            Err(error) => tracing::warn!(%error, "expired items were not deleted"),
        }
    }
}

fn client() -> Result<reqwest::Client, StackError> {
    let built = reqwest::Client::builder().no_proxy().build();
    built.map_err(|error| StackError::Database(error.into()))
}

/// The key's id says who calls; the secret is not checked.
fn credentials(caller: &str) -> Credentials {
    Credentials::from_keys(caller, "local", None)
}

fn failed(resource: &str, error: &ApiError) -> StackError {
    StackError::Resource(resource.to_owned(), error.message().to_owned())
}
