//! What became of a request that carries an idempotency key.
//!
//! ```text
//!   absent ──begin──▶ in progress until T ──finish──▶ done ──expires_at──▶ absent
//!     ▲                   │         │
//!     └─────abandon───────┘         └──begin by the same request after T──▶ in progress until T'
//! ```
//!
//! One conditional put decides who begins. `leased_until` is also the proof of who holds the
//! lease: a run that has outlived its own can neither finish nor abandon the next one's.

use serde::{Deserialize, Serialize};

use crate::domain::{OrganizationId, Sealed, Timestamp};

use super::error::contended;
use super::items::{DATA, EXPIRES_AT, Stored, number, text};
use super::keys::ItemKey;
use super::table::Put;
use super::{Digest, Store, StoreError};

/// One run of a request that carries an idempotency key.
#[derive(Clone, Copy, Debug)]
pub struct IdempotentRequest {
    /// Who asks.
    pub organization: OrganizationId,
    /// The digest of what the key is valid for: method, path and the key itself.
    pub key: Digest,
    /// The digest of all that makes it the same request.
    pub request: Digest,
    /// Until when nobody else may run it.
    pub leased_until: Timestamp,
    /// When the key is forgotten.
    pub expires_at: Timestamp,
}

/// What to do with a request that carries an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Run it, then finish or abandon it.
    New,
    /// Somebody is running it.
    InProgress {
        /// Until when, at most.
        until: Timestamp,
    },
    /// It has been run: give the same answer.
    Done {
        /// The answer's status.
        status: u16,
        /// The answer's body.
        response: Sealed,
    },
    /// The key was used for another request.
    Mismatch,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    request_digest: String,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    InProgress { until: Timestamp },
    Done { status: u16, response: Sealed },
}

/// Absent, forgotten, or the same request's with a lease that has ended.
const BEGINNABLE: &str = "attribute_not_exists(pk) OR #expires_at <= :second \
    OR (#data.#digest = :digest AND #data.#state.#in_progress.#until <= :now)";

/// The lease of this very run.
const OURS: &str = "#data.#digest = :digest AND #data.#state.#in_progress.#until = :until";

impl Store {
    /// Begins a request, or says what became of it before, in one conditional put.
    ///
    /// # Errors
    ///
    /// If the table does not answer, or the item is corrupt.
    pub async fn begin_idempotent(
        &self,
        request: &IdempotentRequest,
        now: Timestamp,
    ) -> Result<Begun, StoreError> {
        let stored = request.entry(State::InProgress {
            until: request.leased_until,
        });
        let put = self
            .client()
            .put_item()
            .condition_expression(BEGINNABLE)
            .expression_attribute_names("#expires_at", EXPIRES_AT)
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#digest", "requestDigest")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#in_progress", "in_progress")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":digest", text(request.request))
            .expression_attribute_values(":now", text(now))
            .expression_attribute_values(":second", number(now.as_second()));
        match self.put_if(put, request.item_key(), &stored).await? {
            Put::Done(_) => Ok(Begun::New),
            // The very same lease may be another run's: wait, rather than run twice.
            Put::Same => Ok(Begun::InProgress {
                until: request.leased_until,
            }),
            Put::Other(found) if found.data.request_digest != request.request.to_string() => {
                Ok(Begun::Mismatch)
            }
            Put::Other(found) => Ok(match found.data.state {
                State::InProgress { until } => Begun::InProgress { until },
                State::Done { status, response } => Begun::Done { status, response },
            }),
            Put::Missing => Err(contended()),
        }
    }

    /// Keeps the answer of a request that was begun.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if the lease has ended and another run has begun.
    pub async fn finish_idempotent(
        &self,
        request: &IdempotentRequest,
        status: u16,
        response: Sealed,
    ) -> Result<(), StoreError> {
        let stored = request.entry(State::Done { status, response });
        let put = self
            .client()
            .put_item()
            .condition_expression(OURS)
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#digest", "requestDigest")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#in_progress", "in_progress")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":digest", text(request.request))
            .expression_attribute_values(":until", text(request.leased_until));
        match self.put_if(put, request.item_key(), &stored).await? {
            Put::Done(_) | Put::Same => Ok(()),
            Put::Missing | Put::Other(_) => Err(StoreError::Conflict),
        }
    }

    /// Forgets a request that was begun and had no effect, so that it can be repeated at once.
    ///
    /// # Errors
    ///
    /// If the table does not answer. A lease that is another run's by now stays.
    pub async fn abandon_idempotent(&self, request: &IdempotentRequest) -> Result<(), StoreError> {
        let delete = self
            .client()
            .delete_item()
            .table_name(self.table())
            .set_key(Some(request.item_key().attributes()))
            .condition_expression(OURS)
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#digest", "requestDigest")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#in_progress", "in_progress")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":digest", text(request.request))
            .expression_attribute_values(":until", text(request.leased_until));
        match Box::pin(delete.send()).await.map_err(StoreError::from) {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl IdempotentRequest {
    fn item_key(&self) -> ItemKey {
        ItemKey::Idempotency(self.organization, self.key)
    }

    fn entry(&self, state: State) -> Stored<Entry> {
        let request_digest = self.request.to_string();
        Stored::first(Entry {
            request_digest,
            state,
        })
        .until(self.expires_at)
    }
}
