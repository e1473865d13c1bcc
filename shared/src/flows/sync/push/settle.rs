//! What becomes of a record when the provider has a change of it.

use super::super::apply::{Change as RecordChange, Changed, Need};
use super::super::decided::Decided;
use super::call::Accepted;
use super::{Attempt, Kind, Pusher, RecordDue};
use crate::domain::sync::conflict::Change;
use crate::domain::sync::{
    Answered, ChangeOrigin, EntitySync, HASH_OF_NOTHING, Observation, OutgoingCall, PushFailure,
    RecordBody, RecordHead, Sent, Standing, record_digest,
};
use crate::domain::{Digest, Error, Timestamp};
use crate::store::Versioned;

/// How often a record is read anew because it has changed meanwhile.
const TRIES: usize = 10;

/// The provider has taken a change of the record.
struct Settle<'a> {
    record: Digest,
    sent: &'a Sent,
    answered: &'a Answered,
}

impl RecordChange for Settle<'_> {
    fn record(&self) -> Digest {
        self.record
    }

    fn need(&self, head: Option<&Versioned<RecordHead>>) -> Need {
        // A conflict that was found meanwhile knows what the provider has: when it is settled, what is
        // still to be sent is found out anew.
        let is_open = head.is_some_and(|head| head.item.conflict.is_none());
        if is_open {
            Need::Content
        } else {
            Need::Nothing
        }
    }

    fn decide(
        &self,
        standing: Option<&Standing>,
        rules: &EntitySync,
    ) -> Result<Option<Changed>, Error> {
        let Some(standing) = standing else {
            return Ok(None);
        };
        let pushed = standing.pushed(self.sent, self.answered, rules);
        let origin = if pushed.has_changed {
            ChangeOrigin::Sync
        } else {
            standing.origin
        };
        Ok(Some(changed(
            pushed.head,
            pushed.body,
            origin,
            pushed.has_changed,
        )))
    }
}

impl Pusher {
    /// Nothing has to be sent: the provider has it.
    pub(super) async fn strike_off(
        &self,
        kind: Kind<'_>,
        due: &RecordDue,
        standing: &Standing,
    ) -> Result<(), Error> {
        let (head, body) = standing.struck_off();
        let decided = Decided {
            record: due.record,
            seen: Some(standing.head.clone()),
            changed: changed(head, body, standing.origin, false),
            links: Vec::new(),
        };
        match self.records.apply(kind, &[decided]).await {
            // It has changed: whoever did that has sent a message of its own.
            Err(Error::PreconditionFailed) => self.later(due, std::time::Duration::ZERO).await,
            Err(error) => Err(error),
            Ok(_) => Ok(()),
        }
    }

    /// The provider has taken the change.
    pub(super) async fn accepted(
        &self,
        attempt: &Attempt<'_>,
        answer: Accepted,
    ) -> Result<(), Error> {
        let mut sent = Sent {
            change: attempt.change.clone(),
            at: answer.at,
        };
        let id = match &attempt.change {
            Change::Create(_) => {
                let Some(id) = answer.id else {
                    // It is there, and nobody knows under which id.
                    let error = attempt.error_of(answer.request, "no_id", answer.at);
                    return self.failed(attempt, error, &PushFailure::Unknown).await;
                };
                id
            }
            Change::Update(_) | Change::Delete => attempt.standing.body.id.clone(),
        };
        let answered = match answer.answered {
            Some(answered) => answered,
            None => self.read_back(attempt, &id, &mut sent).await,
        };
        if id != attempt.standing.body.id {
            return self.moved(attempt, id, &sent, &answered).await;
        }
        let kind = attempt.due.kind(attempt.settings.rules);
        let settle = Settle {
            record: attempt.due.record,
            sent: &sent,
            answered: &answered,
        };
        self.records.apply(kind, &[settle]).await?;
        self.release(attempt, attempt.due).await
    }

    /// What the provider has made of the change, where its answer does not say so and a call reads it. It
    /// is not missed, if that fails: the next list has it.
    async fn read_back(&self, attempt: &Attempt<'_>, id: &str, sent: &mut Sent) -> Answered {
        if attempt.change == Change::Delete || attempt.settings.listed.is_none() {
            return Answered::default();
        }
        let Ok(read) = OutgoingCall::read(id, attempt.settings.rules) else {
            return Answered::default();
        };
        let Ok(Ok(seen)) = Box::pin(self.look(attempt, id, &read)).await else {
            return Answered::default();
        };
        let Some(fields) = seen.content else {
            return Answered::default();
        };
        sent.at = sent.at.max(seen.observed_at);
        Answered {
            fields,
            version: seen.source_version,
        }
    }

    /// The provider has no such record any more: whether it is made anew is for the policy.
    pub(super) async fn gone(&self, attempt: &Attempt<'_>, at: Timestamp) -> Result<(), Error> {
        let kind = attempt.due.kind(attempt.settings.rules);
        if attempt.change == Change::Delete {
            let sent = Sent {
                change: Change::Delete,
                at,
            };
            let settle = Settle {
                record: attempt.due.record,
                sent: &sent,
                answered: &Answered::default(),
            };
            self.records.apply(kind, &[settle]).await?;
        } else {
            let id = attempt.standing.body.id.clone();
            let gone = Observation::deleted(id, None, at, ChangeOrigin::Sync);
            self.observe(attempt, gone).await?;
        }
        self.release(attempt, attempt.due).await
    }

    /// Ends the lease. If something was written meanwhile, or is left, it is sent at once.
    async fn release(&self, attempt: &Attempt<'_>, due: &RecordDue) -> Result<(), Error> {
        let (at, version) = (attempt.due.at(), attempt.push.version);
        match self.store.forget_record_push(at, version).await {
            Ok(()) | Err(crate::store::StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
        let kind = due.kind(attempt.settings.rules);
        let standing = self.records.standing(kind, due.record).await?;
        let is_left = standing
            .is_some_and(|standing| standing.head.pending && standing.head.conflict.is_none());
        if is_left {
            self.later(due, std::time::Duration::ZERO).await?;
        }
        Ok(())
    }

    /// The record goes on under the id that the provider has given it.
    async fn moved(
        &self,
        attempt: &Attempt<'_>,
        id: String,
        sent: &Sent,
        answered: &Answered,
    ) -> Result<(), Error> {
        let (due, rules) = (attempt.due, attempt.settings.rules);
        let kind = due.kind(rules);
        let to = RecordDue {
            record: record_digest(&id),
            ..due.clone()
        };
        let (from, goal) = (due.at(), to.at());
        Box::pin(self.records.copy_links(from, goal)).await?;
        for _ in 0..TRIES {
            let old = self.records.standing(kind, due.record).await?;
            let Some(old) = old.filter(|old| old.body.moved_to.is_none()) else {
                break;
            };
            let new = self.records.standing(kind, to.record).await?;
            let moved = Moved { old, new, id: &id };
            match self
                .records
                .apply(kind, &moved.decide(attempt, sent, answered))
                .await
            {
                Err(Error::PreconditionFailed) => {}
                Err(error) => return Err(error),
                Ok(_) => break,
            }
        }
        Box::pin(self.records.turn_links(from, goal)).await?;
        self.release(attempt, &to).await
    }
}

/// A record that goes on under another id.
struct Moved<'a> {
    old: Standing,
    /// What is there under the new id: a list may have shown it already.
    new: Option<Standing>,
    id: &'a str,
}

impl Moved<'_> {
    fn decide(self, attempt: &Attempt<'_>, sent: &Sent, answered: &Answered) -> Vec<Decided> {
        let rules = attempt.settings.rules;
        let pushed = self.old.pushed(sent, answered, rules);
        let is_as_sent = self.old.head.version == attempt.version;
        let tombstone = self.tombstone(rules);
        let mut decided = vec![tombstone];
        let next = match self.new {
            None => {
                let head = RecordHead {
                    sequence: 0,
                    version: 1,
                    conflict: None,
                    ..pushed.head
                };
                let body = RecordBody {
                    id: self.id.to_owned(),
                    history: Vec::new(),
                    ..pushed.body
                };
                Some((None, changed(head, body, self.old.origin, true)))
            }
            // It is what was made of what was sent, or newer.
            Some(_) if is_as_sent => None,
            Some(new) => {
                let ours = (!self.old.head.deleted).then_some(&self.old.body.content);
                let since = Change::between(sent.change.applied_to(None).as_ref(), ours);
                since.and_then(|since| rewritten(new, &since, rules))
            }
        };
        decided.extend(next.map(|(seen, changed)| Decided {
            record: record_digest(self.id),
            seen,
            changed,
            links: Vec::new(),
        }));
        decided
    }

    /// The record under the id that it had here: it is deleted, and names the one that it has now.
    fn tombstone(&self, rules: &EntitySync) -> Decided {
        let old = &self.old;
        let head = RecordHead {
            version: old.head.version.saturating_add(1),
            source_hash: HASH_OF_NOTHING.to_owned(),
            source_version: None,
            deleted: true,
            pending: false,
            ..old.head.clone()
        };
        let body = RecordBody {
            base: None,
            moved_to: Some(self.id.to_owned()),
            ..old.followed(rules)
        };
        Decided {
            record: record_digest(&old.body.id),
            seen: Some(old.head.clone()),
            changed: changed(head, body, old.origin, true),
            links: Vec::new(),
        }
    }
}

/// What was written here after it was sent, over what a list has shown.
fn rewritten(
    new: Standing,
    since: &Change,
    rules: &EntitySync,
) -> Option<(Option<RecordHead>, Changed)> {
    let there = (!new.head.deleted).then_some(&new.body.content)?;
    let content = since.applied_to(Some(there));
    let base = if new.head.pending {
        new.body.base.clone()
    } else {
        Some(there.clone())
    };
    let head = RecordHead {
        version: new.head.version.saturating_add(1),
        deleted: content.is_none(),
        pending: true,
        ..new.head.clone()
    };
    let body = RecordBody {
        content: content.unwrap_or_else(|| there.clone()),
        base,
        ..new.followed(rules)
    };
    Some((
        Some(new.head),
        changed(head, body, ChangeOrigin::Local, true),
    ))
}

fn changed(head: RecordHead, body: RecordBody, origin: ChangeOrigin, moves: bool) -> Changed {
    Changed {
        head,
        body,
        open: Vec::new(),
        moves,
        origin,
        settled_by: None,
    }
}
