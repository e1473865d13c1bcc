use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::ber::{Length, SEQUENCE, length_of, long_length};
use super::error::{DirectoryError, SignInRefusal};
use super::message::{self, Answer, Attributes, Outcome, Search};

/// The largest message that is read. An entry with more than this is none that is asked for here.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
/// More entries and references than one search may bring: its own limit is lower.
const MAX_ANSWERS: usize = 100;
const SUCCESS: u32 = 0;
const TIME_LIMIT_EXCEEDED: u32 = 3;
const SIZE_LIMIT_EXCEEDED: u32 = 4;
const REFERRAL: u32 = 10;
const NO_SUCH_OBJECT: u32 = 32;
const INVALID_CREDENTIALS: u32 = 49;

/// A connection to a directory, over TLS. One request at a time.
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    next: u32,
}

/// What a search found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) entries: Vec<(String, Attributes)>,
    /// There are more than the search's size limit.
    pub(super) more: bool,
}

impl Connection {
    pub(super) fn new(stream: TlsStream<TcpStream>) -> Self {
        Self { stream, next: 1 }
    }

    /// Signs in by name and password (RFC 4511 section 4.2).
    pub(super) async fn bind(&mut self, name: &str, password: &[u8]) -> Result<(), DirectoryError> {
        let id = self.id();
        let request = message::bind(id, name, password);
        self.send(&request).await?;
        match self.receive(id).await? {
            Answer::Bound(Outcome { code: SUCCESS, .. }) => Ok(()),
            Answer::Bound(outcome) => Err(refused(&outcome)),
            _ => Err(DirectoryError::Protocol("no answer to signing in")),
        }
    }

    /// Looks for entries. References to other servers are passed over, and nothing there is a
    /// search that finds nothing.
    pub(super) async fn search(&mut self, search: &Search<'_>) -> Result<Found, DirectoryError> {
        let id = self.id();
        let request = message::search(id, search);
        self.send(&request).await?;
        let mut found = Found::default();
        for _ in 0..MAX_ANSWERS {
            match self.receive(id).await? {
                Answer::Entry(name, attributes) => found.entries.push((name, attributes)),
                Answer::Reference => {}
                Answer::Done(outcome) => {
                    found.more = outcome.code == SIZE_LIMIT_EXCEEDED;
                    return match outcome.code {
                        SUCCESS | SIZE_LIMIT_EXCEEDED | NO_SUCH_OBJECT => Ok(found),
                        _ => Err(refused(&outcome)),
                    };
                }
                Answer::Bound(_) => return Err(DirectoryError::Protocol("no answer to a search")),
            }
        }
        Err(DirectoryError::Protocol("more answers than were asked for"))
    }

    /// Says goodbye, as far as the server still listens.
    pub(super) async fn unbind(mut self) {
        let id = self.id();
        if self.send(&message::unbind(id)).await.is_ok() {
            let _ = tokio::time::timeout(Duration::from_secs(1), self.stream.shutdown()).await;
        }
    }

    fn id(&mut self) -> u32 {
        let id = self.next;
        self.next = self.next.saturating_add(1);
        id
    }

    async fn send(&mut self, message: &[u8]) -> Result<(), DirectoryError> {
        let sent = self.stream.write_all(message).await;
        sent.map_err(|_| DirectoryError::Disconnected)?;
        let flushed = self.stream.flush().await;
        flushed.map_err(|_| DirectoryError::Disconnected)
    }

    async fn receive(&mut self, id: u32) -> Result<Answer, DirectoryError> {
        let mut head = [0; 2];
        self.fill(&mut head).await?;
        let [tag, first] = head;
        if tag != SEQUENCE {
            return Err(DirectoryError::Protocol("it is no LDAP"));
        }
        let length = match length_of(first)? {
            Length::Short(length) => length,
            Length::Long(count) => {
                let mut bytes = vec![0; count];
                self.fill(&mut bytes).await?;
                long_length(&bytes)
            }
        };
        if length > MAX_MESSAGE_BYTES {
            return Err(DirectoryError::Protocol("a message is longer than 1 MiB"));
        }
        let mut content = vec![0; length];
        self.fill(&mut content).await?;
        message::read(&content, id)
    }

    async fn fill(&mut self, bytes: &mut [u8]) -> Result<(), DirectoryError> {
        let read = self.stream.read_exact(bytes).await;
        read.map(drop).map_err(|_| DirectoryError::Disconnected)
    }
}

fn refused(outcome: &Outcome) -> DirectoryError {
    match outcome.code {
        INVALID_CREDENTIALS => {
            DirectoryError::SignInRefused(SignInRefusal::of(&outcome.diagnostic))
        }
        REFERRAL => DirectoryError::Referral,
        TIME_LIMIT_EXCEEDED => DirectoryError::Timeout,
        code => DirectoryError::Result(code),
    }
}
