//! One SQLite database, written by one thread.
//!
//! Everything that waits is committed together, and each caller is answered after the commit has
//! reached the disk: what was acknowledged survives `kill -9`, and many callers share one flush.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::api::ApiError;

/// More jobs than that are not put into one commit, so that none waits long.
const MAX_JOBS: usize = 200;

/// Runs with the database and says what is to be done once its writes are durable.
type Job = Box<dyn FnOnce(&Connection) -> Reply + Send>;
type Reply = Box<dyn FnOnce() + Send>;

#[derive(Clone, Debug)]
pub(crate) struct Database {
    jobs: Sender<Job>,
    closed: Arc<AtomicBool>,
}

impl Database {
    /// Opens the database in `file`, or one in memory.
    pub(crate) fn open(file: Option<&Path>) -> Result<Self, rusqlite::Error> {
        let connection = match file {
            Some(file) => Connection::open(file)?,
            None => Connection::open_in_memory()?,
        };
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.execute_batch(include_str!("schema.sql"))?;
        add_what_is_new(&connection)?;
        let (jobs, queue) = channel();
        std::thread::Builder::new()
            .name("embedded-aws".to_owned())
            .spawn(move || write(&connection, &queue))
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        Ok(Self {
            jobs,
            closed: Arc::default(),
        })
    }

    /// Refuses what comes from now on. Connections outlive the listener that took them, and a long
    /// poll of one must not take messages from whoever opens the file next.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Runs `work` in a transaction; what it writes is durable when this returns `Ok`, and undone
    /// when it returns `Err`.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let (sender, receiver) = oneshot::channel();
        let closed = Arc::clone(&self.closed);
        let job: Job = Box::new(move |connection| {
            let result = if closed.load(Ordering::SeqCst) {
                Err(ApiError::internal("the database is closed"))
            } else {
                in_savepoint(connection, work)
            };
            Box::new(move || drop(sender.send(result)))
        });
        self.jobs
            .send(job)
            .map_err(|_| ApiError::internal("the database is closed"))?;
        receiver
            .await
            .map_err(|_| ApiError::internal("the database did not commit"))?
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    connection.execute_batch("SAVEPOINT job")?;
    let result = work(connection);
    connection.execute_batch(match result {
        Ok(_) => "RELEASE job",
        Err(_) => "ROLLBACK TO job; RELEASE job",
    })?;
    result
}

/// A file of an earlier version keeps its messages.
fn add_what_is_new(connection: &Connection) -> Result<(), rusqlite::Error> {
    let known = connection.column_exists(Some("main"), "messages", "group_id")?;
    if !known {
        connection.execute_batch("ALTER TABLE messages ADD COLUMN group_id TEXT")?;
    }
    Ok(())
}

/// Until every handle is dropped. A commit that fails drops its replies: their callers are told
/// that nothing is certain.
fn write(connection: &Connection, queue: &Receiver<Job>) {
    while let Ok(first) = queue.recv() {
        if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
            tracing::error!(%error, "a transaction could not begin");
            continue;
        }
        let mut replies = vec![first(connection)];
        while replies.len() < MAX_JOBS
            && let Ok(job) = queue.try_recv()
        {
            replies.push(job(connection));
        }
        match connection.execute_batch("COMMIT") {
            Ok(()) => replies.into_iter().for_each(|reply| reply()),
            Err(error) => {
                tracing::error!(%error, "a transaction could not be committed");
                if let Err(error) = connection.execute_batch("ROLLBACK") {
                    tracing::debug!(%error, "there was nothing to roll back");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_an_earlier_version_gets_what_it_lacks() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("database");
        drop(Database::open(Some(&file)).unwrap());
        let earlier = Connection::open(&file).unwrap();
        earlier
            .execute_batch("ALTER TABLE messages DROP COLUMN group_id")
            .unwrap();
        drop(earlier);
        for _ in 0..2 {
            drop(Database::open(Some(&file)).unwrap());
        }
        let now = Connection::open(&file).unwrap();
        let columns = now.prepare("SELECT group_id FROM messages");
        assert!(columns.is_ok());
    }
}
