//! Reading the feed of changes.
//!
//! A read has a fixed end: the number of the newest change when it began. A record that changes while
//! pages are read moves behind that end, so that it is not read twice; and the next read, which begins
//! at that end, has it. Where a read is, stands in its cursor.

use gatehouse::domain::sync::{EntityName, RecordChange};
use gatehouse::domain::{Error, IntegrationId, OrganizationId, Timestamp};
use gatehouse::http::Cursor;
use gatehouse::store::FeedQuery as StoreQuery;
use serde::{Deserialize, Serialize};

use super::kinds::{self, FoundKind};
use super::record_bodies::{ChangeView, FeedQuery};
use crate::State;

/// One page of a read asks the table so often at most: a page can be short, even empty, and not be the
/// last.
const MAX_REQUESTS: usize = 20;

/// Where a read is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Position {
    /// All changes up to this one are read.
    after: u64,
    /// The last change of this read.
    up_to: u64,
}

/// A read of an entity's changes.
pub(crate) struct Read {
    kind: FoundKind,
    /// Which cursors are its own.
    list: String,
    position: Position,
}

/// How much of a read one page has at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageSize {
    pub(crate) records: usize,
    /// Of JSON. One record is taken, however large it is.
    pub(crate) bytes: usize,
}

/// A page of a read.
pub(crate) struct ReadPage {
    pub(crate) records: Vec<ChangeView>,
    /// The cursor of the next page, if there may be one.
    pub(crate) next: Option<String>,
    /// Where the next read begins, on the last page.
    pub(crate) changes: Option<String>,
}

impl Read {
    /// Begins a read, or goes on with one, as `query` says. `list` tells its cursors from others.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], if there is no such integration or entity; [`Error::Malformed`], if a cursor
    /// is none of this read's.
    pub(crate) async fn of(
        state: &State,
        (organization, integration): (OrganizationId, IntegrationId),
        query: &FeedQuery,
        list: &str,
    ) -> Result<Self, Error> {
        let list = format!("{list}/{integration}/{}", query.entity);
        let position = match (&query.cursor, &query.changed_after) {
            (Some(_), Some(_)) => {
                let message = "`changedAfter` is of the first page; a cursor goes on with it";
                return Err(Error::Malformed(message.to_owned()));
            }
            (Some(cursor), None) => Some(Cursor::read(&list, cursor)?),
            (None, _) => None,
        };
        let begin = query.changed_after.as_deref();
        let begin = begin
            .map(|text| Begin::read(text, &changes(integration, &query.entity)))
            .transpose()?;
        let entity = query.entity.clone();
        let kind = kinds::find(state, organization, (integration, entity)).await?;
        let position = match position {
            Some(position) => position,
            None => first(state, &kind, begin).await?,
        };
        Ok(Self {
            kind,
            list,
            position,
        })
    }

    /// The next page.
    ///
    /// # Errors
    ///
    /// If the table or the vault does not answer.
    pub(crate) async fn page(mut self, state: &State, size: PageSize) -> Result<ReadPage, Error> {
        let kind = self.kind.kind();
        let (mut records, mut bytes) = (Vec::new(), 0);
        let mut is_over = self.position.after >= self.position.up_to;
        let mut requests = 0;
        'page: while !is_over && records.len() < size.records && requests < MAX_REQUESTS {
            requests += 1;
            let limit = (size.records - records.len()).min(1_000);
            let query = StoreQuery {
                after: self.position.after,
                up_to: Some(self.position.up_to),
                limit: u16::try_from(limit).unwrap_or(u16::MAX),
                now: state.sources.now(),
            };
            let (organization, integration) = (kind.organization, kind.integration);
            let store = &state.store;
            let page = store.changes_after(organization, integration, kind.entity, query);
            let page = page.await?;
            for (sequence, change) in page.items {
                let view = view(state, &self.kind, change).await?;
                let more = bytes_of(&view)?;
                if !records.is_empty() && bytes + more > size.bytes {
                    break 'page;
                }
                bytes += more;
                records.push(view);
                self.position.after = sequence;
            }
            match page.next {
                Some(next) => self.position.after = next,
                None => is_over = true,
            }
            is_over |= self.position.after >= self.position.up_to;
        }
        let changes = || {
            let list = changes(kind.integration, kind.entity);
            Cursor::write(&list, &self.position.up_to)
        };
        Ok(ReadPage {
            records,
            next: (!is_over).then(|| Cursor::write(&self.list, &self.position)),
            changes: is_over.then(changes),
        })
    }
}

/// From where on changes are asked for.
enum Begin {
    /// Those that were made after it.
    Instant(Timestamp),
    /// Those that an earlier read has not had.
    Sequence(u64),
}

impl Begin {
    fn read(text: &str, list: &str) -> Result<Self, Error> {
        if let Ok(instant) = text.parse() {
            return Ok(Self::Instant(instant));
        }
        Cursor::read(list, text).map(Self::Sequence).map_err(|_| {
            let message =
                "`changedAfter` is neither an instant nor a `changesCursor` of this entity";
            Error::Malformed(message.to_owned())
        })
    }
}

/// The list of which `changesCursor` is a cursor.
fn changes(integration: IntegrationId, entity: &EntityName) -> String {
    format!("changes/{integration}/{entity}")
}

async fn first(state: &State, kind: &FoundKind, begin: Option<Begin>) -> Result<Position, Error> {
    let kind = kind.kind();
    let (organization, integration) = (kind.organization, kind.integration);
    let store = &state.store;
    let newest = store.entity_state(organization, integration, kind.entity);
    let up_to = newest.await?.item.sequence;
    let after = match begin {
        None => 0,
        Some(Begin::Sequence(sequence)) => sequence,
        Some(Begin::Instant(instant)) => {
            let after = store.sequence_at(organization, integration, kind.entity, instant);
            after.await?
        }
    };
    Ok(Position {
        // An instant may be later than the end by now.
        after: after.min(up_to),
        up_to,
    })
}

async fn view(state: &State, kind: &FoundKind, change: RecordChange) -> Result<ChangeView, Error> {
    let of = kind.kind();
    let body = state
        .keys
        .open_record(of.organization, of.integration, of.entity, &change);
    let body = body.await?;
    Ok(ChangeView {
        id: body.id,
        entity: kind.entity.clone(),
        version: change.version,
        deleted: change.deleted,
        created_at: change.created_at,
        changed_at: change.changed_at,
        origin: change.origin,
        content: (!change.deleted).then_some(body.content),
    })
}

/// With what stands between two records.
fn bytes_of(view: &ChangeView) -> Result<usize, Error> {
    let json = serde_json::to_vec(view).map_err(|error| Error::Internal(error.into()))?;
    Ok(json.len() + 1)
}
