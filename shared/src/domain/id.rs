use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::{Randomness, Timestamp};

/// Why a text is not an id of the wanted kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `{prefix}` and a ULID of 26 upper-case characters")]
pub struct IdError {
    prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal,)+) => {$(
        $(#[$doc])*
        ///
        /// A prefix and a ULID; no other character, so that two keys made of ids cannot collide.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id whose time part is `now`.
            #[must_use]
            pub fn generate(now: Timestamp, randomness: &dyn Randomness) -> Self {
                Self(randomness.ulid(now))
            }

            /// The ULID without its prefix.
            #[must_use]
            pub fn ulid(self) -> Ulid {
                self.0
            }
        }

        impl From<Ulid> for $name {
            fn from(ulid: Ulid) -> Self {
                Self(ulid)
            }
        }

        impl From<$name> for Ulid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse($prefix, text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                use utoipa::openapi::schema::{ObjectBuilder, Type};
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .pattern(Some(concat!("^", $prefix, "[0-7][0-9A-HJKMNP-TV-Z]{25}$")))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )+};
}

ids! {
    /// The organization that owns everything else.
    OrganizationId "org_",
    /// An organization's set-up of one provider.
    IntegrationId "int_",
    /// A registered inbound webhook URL.
    EndpointId "whk_",
    /// One verified inbound fact.
    EventId "evt_",
    /// A place where events go.
    DestinationId "dst_",
    /// Getting one event to one destination.
    DeliveryId "dlv_",
    /// One signing secret of an endpoint or of a destination.
    SecretId "sec_",
    /// One outbound call through the gateway.
    RequestId "req_",
    /// A machine's way in.
    ApiKeyId "key_",
    /// A role for a time.
    ElevationId "elv_",
    /// One entry of the audit trail.
    AuditId "aud_",
    /// One chain of entries of the audit trail.
    LaneId "lan_",
    /// One run over the records of an entity.
    SyncJobId "syn_",
    /// Fields of a record that both sides changed.
    ConflictId "cfl_",
    /// A rule that fired for an integration.
    AlertId "alr_",
    /// A place where people are told of alerts.
    ChannelId "chn_",
    /// A time in which alerts are not told, or not looked for.
    SilenceId "sil_",
    /// Something that people are to be told.
    NoticeId "ntc_",
    /// One health probe of an integration.
    CheckId "chk_",
    /// A record that was made here, before the provider has given it an id.
    NewRecordId "new_",
    /// Something that went wrong and that somebody looks after.
    IncidentId "inc_",
    /// An organization's own playbook.
    PlaybookId "pbk_",
    /// One run of a playbook.
    PlaybookRunId "run_",
    /// One replacement of an integration's credentials.
    RotationId "rot_",
}

/// `Ulid::from_string` also reads lower case and look-alikes (`i`, `l`, `o`); one id has one
/// spelling here, so only the canonical one is taken.
fn parse(prefix: &'static str, text: &str) -> Result<Ulid, IdError> {
    text.strip_prefix(prefix)
        .and_then(|rest| {
            let ulid = Ulid::from_string(rest).ok()?;
            (ulid.to_string() == rest).then_some(ulid)
        })
        .ok_or(IdError { prefix })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "int_01K72Z5QSW0123456789ABCDEF";

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let id: IntegrationId = TEXT.parse().unwrap();
        assert_eq!(id.to_string(), TEXT);
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{TEXT}\""));
        assert_eq!(
            serde_json::from_str::<IntegrationId>(&format!("\"{TEXT}\"")).unwrap(),
            id
        );
    }

    #[test]
    fn anything_but_the_one_spelling_is_refused() {
        for text in [
            "",
            "int_",
            "01K72Z5QSW0123456789ABCDEF",
            "org_01K72Z5QSW0123456789ABCDEF",
            "int_01k72z5qsw0123456789abcdef",
            "int_01K72Z5QSWO123456789ABCDEF",
            "int_81K72Z5QSW0123456789ABCDEF",
            "int_01K72Z5QSW0123456789ABCDEF0",
            "int_01K72Z5QSW0123456789ABCDE#",
        ] {
            assert!(text.parse::<IntegrationId>().is_err(), "{text}");
        }
    }
}
