use crate::domain::Timestamp;
use crate::domain::sync::conflict::{Change, ConflictPolicy, Resolution, Side, Strategy, resolve};
use crate::domain::sync::{
    EntitySync, Fields, HASH_OF_NOTHING, RecordBody, RecordHead, SourceVersion, Standing,
    check_content, content_hash,
};

/// What was sent to the provider, and accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// The change.
    pub change: Change,
    /// When the answer was there: what was seen before is older.
    pub at: Timestamp,
}

/// What the provider's answer shows of the record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answered {
    /// The fields that it shows.
    pub fields: Fields,
    /// How new it says the record is.
    pub version: Option<SourceVersion>,
}

/// A record after the provider has accepted a change of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Pushed {
    /// With the next version and no sequence yet, if it has changed; in the present one, if not.
    pub head: RecordHead,
    /// What it holds.
    pub body: RecordBody,
    /// Whether readers of the feed see a change.
    pub has_changed: bool,
}

impl Standing {
    /// The record, as it is now, after the provider has accepted `sent`, which may be of an earlier
    /// version of it. What both sides agree on is what was sent, over what they agreed on before; where
    /// the answer shows otherwise, the provider has changed it since, and what was written here meanwhile
    /// outranks that, since it is newer than what was sent. It stays pending if there is such.
    ///
    /// An answer that makes the record more than one may hold is not taken: the next list names it.
    #[must_use]
    pub fn pushed(&self, sent: &Sent, answered: &Answered, rules: &EntitySync) -> Pushed {
        let pushed = self.answered(sent, answered, rules);
        let fits = |content: &Fields| check_content(content).is_ok();
        if fits(&pushed.body.content) && pushed.body.base.as_ref().is_none_or(fits) {
            return pushed;
        }
        self.answered(sent, &Answered::default(), rules)
    }

    fn answered(&self, sent: &Sent, answered: &Answered, rules: &EntitySync) -> Pushed {
        let here = (!self.head.deleted).then_some(&self.body.content);
        // Our own write may have been seen in a list before its answer was here: then all is agreed on.
        let agreed = if self.head.pending || self.head.conflict.is_some() {
            self.body.base.as_ref()
        } else {
            here
        };
        let base = sent.change.applied_to(agreed);
        let source = base.clone().map(|mut fields| {
            fields.extend(answered.fields.clone());
            fields
        });
        let policy = ConflictPolicy::of(Strategy::DestinationWins);
        let source_side = Side {
            fields: source.as_ref(),
            changed_at: None,
        };
        let here_side = Side {
            fields: here,
            changed_at: None,
        };
        let Resolution {
            content,
            new_base,
            to_source,
            ..
        } = resolve(base.as_ref(), source_side, here_side, &policy);
        let deleted = content.is_none();
        let content = content.unwrap_or_else(|| self.body.content.clone());
        let has_changed = deleted != self.head.deleted || content != self.body.content;
        let pending = to_source.is_some_and(|change| is_sendable(&change, rules));
        let head = RecordHead {
            version: self.head.version.saturating_add(u64::from(has_changed)),
            source_hash: source
                .as_ref()
                .map_or_else(|| HASH_OF_NOTHING.to_owned(), content_hash),
            source_version: answered
                .version
                .clone()
                .or_else(|| self.head.source_version.clone()),
            observed_at: self.head.observed_at.max(sent.at),
            deleted,
            pending,
            ..self.head.clone()
        };
        let before = if has_changed {
            self.followed(rules)
        } else {
            self.body.clone()
        };
        let body = RecordBody {
            content,
            base: new_base.filter(|_| pending),
            ..before
        };
        Pushed {
            head,
            body,
            has_changed,
        }
    }

    /// The record after it has turned out that the provider has all that waits here.
    #[must_use]
    pub fn struck_off(&self) -> (RecordHead, RecordBody) {
        let head = RecordHead {
            pending: false,
            ..self.head.clone()
        };
        let body = RecordBody {
            base: None,
            ..self.body.clone()
        };
        (head, body)
    }
}

/// Whether any of a change can be written at the provider.
fn is_sendable(change: &Change, rules: &EntitySync) -> bool {
    let Change::Update(update) = change else {
        return true;
    };
    let mapper = rules.mapper();
    let mut names = update.set.keys().chain(&update.removed);
    names.any(|name| mapper.is_writable(name))
}
