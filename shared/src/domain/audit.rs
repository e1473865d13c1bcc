use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use ulid::Ulid;
use utoipa::ToSchema;

use super::{AuditId, EntryHash, LaneId, OrganizationId, Timestamp};

/// The most characters of an actor's id.
const MAX_ACTOR: usize = 256;
/// The most characters of a subject's id.
const MAX_SUBJECT: usize = 128;
/// The most characters of an action, of a kind, of a code, and of a request's id.
const MAX_WORD: usize = 64;
/// The most characters of a detail.
const MAX_DETAIL: usize = 512;

/// One thing that somebody did, or was not let do: a link of a chain.
///
/// What it holds is about a request, never of its contents: no secret and no body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Its id. The time part is `at`.
    pub id: AuditId,
    /// Whose trail it is in.
    pub organization_id: OrganizationId,
    /// The chain that it is a link of.
    pub lane: LaneId,
    /// Its place in the chain, counted from 1 without a gap.
    pub sequence: u64,
    /// When it got its place.
    pub at: Timestamp,
    /// When it stops being kept. A whole second.
    pub expires_at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// What was done: a stable word with a dot, such as `integration.update`.
    pub action: String,
    /// To what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<AuditSubject>,
    /// How that ended.
    pub outcome: AuditOutcome,
    /// The code of the problem, if it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The address that the request came from, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub source: Option<IpAddr>,
    /// The request, as answers and logs name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What is to be known besides, such as the version of a credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When the entry before it in the chain was made; none in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_at: Option<Timestamp>,
    /// When the entry before it in the chain stops being kept; none in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_expires_at: Option<Timestamp>,
    /// The hash of the entry before it in the chain; zeros in the first.
    pub previous_hash: EntryHash,
    /// The hash of all of the above.
    pub hash: EntryHash,
}

/// What is to be recorded. It gets its place in the trail when it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAuditEntry {
    /// Who did it.
    pub actor: Actor,
    /// What was done: one of the words of docs/audit.md.
    pub action: &'static str,
    /// To what.
    pub subject: Option<AuditSubject>,
    /// How that ended.
    pub outcome: AuditOutcome,
    /// The code of the problem, if it did not succeed.
    pub code: Option<String>,
    /// The address that the request came from.
    pub source: Option<IpAddr>,
    /// The request.
    pub request_id: Option<String>,
    /// What is to be known besides. Never a secret, nor anything out of a body.
    pub detail: Option<String>,
}

impl NewAuditEntry {
    /// An entry that says no more than this.
    #[must_use]
    pub fn new(actor: Actor, action: &'static str, outcome: AuditOutcome) -> Self {
        Self {
            actor,
            action,
            subject: None,
            outcome,
            code: None,
            source: None,
            request_id: None,
            detail: None,
        }
    }

    /// The same, of `subject`.
    #[must_use]
    pub fn of(self, subject: AuditSubject) -> Self {
        Self {
            subject: Some(subject),
            ..self
        }
    }

    /// The same, by a request from `origin`.
    #[must_use]
    pub fn from(self, origin: &Origin) -> Self {
        Self {
            source: origin.source,
            request_id: origin.request_id.clone(),
            ..self
        }
    }

    /// The same, without control characters and not longer than is kept.
    #[must_use]
    pub fn cleaned(self) -> Self {
        Self {
            code: self.code.map(|text| clean(&text, MAX_WORD)),
            request_id: self.request_id.map(|text| clean(&text, MAX_WORD)),
            detail: self.detail.map(|text| clean(&text, MAX_DETAIL)),
            ..self
        }
    }
}

/// Where a request came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The address, if that is known.
    pub source: Option<IpAddr>,
    /// The request, as answers and logs name it.
    pub request_id: Option<String>,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Actor {
    /// What the id names.
    pub kind: ActorKind,
    /// Their id: a token's `sub`, an API key's id, a function's name.
    pub id: String,
}

impl Actor {
    /// An actor; control characters of its id are replaced, and it is cut after 256 characters.
    #[must_use]
    pub fn new(kind: ActorKind, id: &str) -> Self {
        Self {
            kind,
            id: clean(id, MAX_ACTOR),
        }
    }

    /// A person, or a machine with a token.
    #[must_use]
    pub fn user(subject: &str) -> Self {
        Self::new(ActorKind::User, subject)
    }

    /// A function that acts by itself.
    #[must_use]
    pub fn system(function: &str) -> Self {
        Self::new(ActorKind::System, function)
    }
}

/// What kind of actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// Who brought an access token.
    User,
    /// Who brought an API key.
    ApiKey,
    /// A function of this system.
    System,
}

impl ActorKind {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::ApiKey => "api_key",
            Self::System => "system",
        }
    }
}

/// What something was done to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditSubject {
    /// What it is: `integration`, `endpoint`, ….
    pub kind: String,
    /// Its id.
    pub id: String,
}

impl AuditSubject {
    /// A subject; control characters of its id are replaced, and it is cut after 128 characters.
    #[must_use]
    pub fn new(kind: &str, id: impl fmt::Display) -> Self {
        Self {
            kind: clean(kind, MAX_WORD),
            id: clean(&id.to_string(), MAX_SUBJECT),
        }
    }

    /// What an id names, by its prefix; none, if it is no id of ours.
    #[must_use]
    pub fn of_id(id: &str) -> Option<Self> {
        let (prefix, rest) = id.split_at_checked(4)?;
        Ulid::from_string(rest).ok()?;
        let kind = match prefix {
            "int_" => "integration",
            "whk_" => "endpoint",
            "evt_" => "event",
            "dst_" => "destination",
            "sec_" => "secret",
            "req_" => "request",
            "org_" => "organization",
            "key_" => "api_key",
            "elv_" => "elevation",
            "syn_" => "sync_job",
            "cfl_" => "conflict",
            "inc_" => "incident",
            "pbk_" => "playbook",
            "run_" => "playbook_run",
            "alr_" => "alert",
            "chn_" => "channel",
            "sil_" => "silence",
            _ => return None,
        };
        Some(Self::new(kind, id))
    }
}

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuditOutcome {
    /// It is about to be done. Without a later entry of the same request it is unknown how it ended.
    Started,
    /// It was done.
    Succeeded,
    /// The actor may not do it.
    Denied,
    /// It was not done, because of what was asked for.
    Refused,
    /// It failed, for a reason of ours or of what we depend on. It may have been done in part.
    Failed,
}

impl AuditOutcome {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Denied => "denied",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// How far a chain has come: what is taken away from its end later is missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LaneHead {
    /// The chain.
    pub lane: LaneId,
    /// Its last entry's place.
    pub sequence: u64,
    /// Its last entry's hash.
    pub hash: EntryHash,
    /// When that entry was made.
    pub at: Timestamp,
    /// When that entry stops being kept.
    pub expires_at: Timestamp,
}

impl From<&AuditEntry> for LaneHead {
    fn from(entry: &AuditEntry) -> Self {
        Self {
            lane: entry.lane,
            sequence: entry.sequence,
            hash: entry.hash,
            at: entry.at,
            expires_at: entry.expires_at,
        }
    }
}

/// A trail as it was at an instant, in a few lines: whoever keeps it elsewhere can tell later
/// whether anything of before was taken away or changed, even by somebody who can write to the table
/// and computes every hash anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Anchor {
    /// Whose trail it is of.
    pub organization_id: OrganizationId,
    /// When it was made.
    pub at: Timestamp,
    /// How far the spine had come, which holds every earlier anchor.
    pub spine: LaneHead,
    /// The lanes that had gone on since the anchor before, and how far.
    pub lanes: Vec<LaneHead>,
    /// The hash of all of the above.
    pub hash: EntryHash,
}

/// Replaces control characters, and cuts off what is too long. An empty text says so, since an empty
/// field is hashed like an absent one.
fn clean(text: &str, most: usize) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    let replaced = |c: char| {
        if c.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    text.chars().take(most).map(replaced).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_text_is_cut_and_holds_no_control_characters() {
        let actor = Actor::user(&format!("a\r\nb\u{1b}[31m{}", "x".repeat(400)));
        assert_eq!(actor.id.chars().count(), 256);
        assert!(!actor.id.chars().any(char::is_control));
        assert_eq!(Actor::user("").id, "-");
        let entry = NewAuditEntry {
            detail: Some("x\0y".repeat(400)),
            ..NewAuditEntry::new(actor, "a.b", AuditOutcome::Started)
        };
        let detail = entry.cleaned().detail.unwrap();
        assert_eq!(detail.chars().count(), 512);
        assert!(!detail.contains('\0'));
    }

    #[test]
    fn an_id_says_what_it_names() {
        let subject = AuditSubject::of_id("whk_01K72Z5QSW0123456789ABCDEF").unwrap();
        assert_eq!(subject.kind, "endpoint");
        for other in [
            "",
            "whk",
            "whk_1",
            "stripe",
            "ключ",
            "xyz_01K72Z5QSW0123456789ABCDEF",
        ] {
            assert_eq!(AuditSubject::of_id(other), None, "{other}");
        }
    }
}
