use ulid::Ulid;

use super::*;
use crate::domain::secret_rotation::SecretOwner;

pub(super) const ULID: &str = "01K72Z5QSW0123456789ABCDEF";
pub(super) const OTHER: &str = "01K72Z5QSW0123456789ABCDEG";

pub(super) fn id<Id: From<Ulid>>(ulid: &str) -> Id {
    Ulid::from_string(ulid).unwrap().into()
}

/// Every variant, with what `docs/data-model.md` says of it.
#[expect(clippy::too_many_lines, reason = "one table, easier to read whole")]
fn golden() -> Vec<(ItemKey, &'static str, &'static str)> {
    let organization = id(ULID);
    let integration = id(ULID);
    let digest = Digest::of(b"text");
    let under = "ORG#<org>#INTEGRATION#<int>";
    vec![
        (
            ItemKey::Integration(organization, integration),
            "ORG#<org>",
            "INTEGRATION#<int>",
        ),
        (
            ItemKey::Endpoint(organization, integration, id(ULID)),
            under,
            "ENDPOINT#<whk>",
        ),
        (
            ItemKey::EndpointPath(digest),
            "ENDPOINT_PATH#<digest>",
            "ENDPOINT_PATH",
        ),
        (
            ItemKey::Destination(organization, integration, id(ULID)),
            under,
            "DESTINATION#<dst>",
        ),
        (
            ItemKey::EventClaim(organization, id(ULID), digest),
            "ORG#<org>#ENDPOINT#<whk>#CLAIM#<digest>",
            "CLAIM",
        ),
        (
            ItemKey::Event(organization, integration, id(ULID)),
            "ORG#<org>#INTEGRATION#<int>#EVENTS#<shard>",
            "EVENT#<evt>",
        ),
        (
            ItemKey::EventPart(organization, id(ULID), 7),
            "ORG#<org>#EVENT#<evt>",
            "PART#<number>",
        ),
        (
            ItemKey::Attempt(organization, id(ULID), 7),
            "ORG#<org>#DELIVERY#<dlv>",
            "ATTEMPT#<number>",
        ),
        (
            ItemKey::DataKey(organization, 7),
            "ORG#<org>",
            "DATA_KEY#<number>",
        ),
        (
            ItemKey::Idempotency(organization, digest),
            "ORG#<org>#IDEMPOTENCY#<digest>",
            "IDEMPOTENCY",
        ),
        (
            ItemKey::Request(organization, integration, id(ULID)),
            "ORG#<org>#INTEGRATION#<int>#REQUESTS#<shard>",
            "REQUEST#<req>",
        ),
        (
            ItemKey::Quota(organization, integration, digest),
            "ORG#<org>#INTEGRATION#<int>#QUOTA",
            "QUOTA#<digest>",
        ),
        (
            ItemKey::CallerQuota(organization, digest),
            "ORG#<org>#CALLER_QUOTA#<digest>",
            "CALLER_QUOTA",
        ),
        (
            ItemKey::IntegrationsGuard(organization),
            "ORG#<org>",
            "GUARD#INTEGRATIONS",
        ),
        (
            ItemKey::EndpointsGuard(organization, integration),
            under,
            "GUARD#ENDPOINTS",
        ),
        (
            ItemKey::Gateway(organization, integration),
            under,
            "GATEWAY",
        ),
        (
            ItemKey::CachedResponse(organization, integration, digest),
            "ORG#<org>#INTEGRATION#<int>#CACHE#<digest>",
            "CACHE",
        ),
        (
            ItemKey::PendingConsent(digest),
            "CONSENT#<digest>",
            "CONSENT",
        ),
        (
            ItemKey::ConsentTicket(digest),
            "CONSENT_TICKET#<digest>",
            "CONSENT_TICKET",
        ),
        (
            ItemKey::SeenLogout(organization, integration, digest),
            "ORG#<org>#INTEGRATION#<int>#LOGOUT#<digest>",
            "LOGOUT",
        ),
        (
            ItemKey::Revocation(organization, digest),
            "ORG#<org>#REVOCATIONS",
            "REVOCATION#<digest>",
        ),
        (
            ItemKey::ApiKey(organization, id(ULID)),
            "ORG#<org>",
            "API_KEY#<key>",
        ),
        (ItemKey::ApiKeyOwner(id(ULID)), "API_KEY#<key>", "API_KEY"),
        (
            ItemKey::ApiKeyUse(organization, id(ULID)),
            "ORG#<org>",
            "API_KEY_USE#<key>",
        ),
        (
            ItemKey::Elevation(organization, id(ULID)),
            "ORG#<org>",
            "ELEVATION#<elv>",
        ),
        (
            ItemKey::Elevated(organization, digest),
            "ORG#<org>",
            "ELEVATED#<digest>",
        ),
        (
            ItemKey::User(organization, digest),
            "ORG#<org>#USERS",
            "USER#<digest>",
        ),
        (
            ItemKey::AuditPage(organization, id(ULID)),
            "ORG#<org>#AUDIT#<shard>",
            "AUDIT#<aud>",
        ),
        (
            ItemKey::AuditSpine(organization, 7),
            "ORG#<org>#AUDIT_SPINE",
            "SPINE#<place>",
        ),
        (ItemKey::Grant(organization, integration), under, "GRANT"),
        (
            ItemKey::GrantDue(Due {
                at: "2026-11-26T09:30:00Z".parse().unwrap(),
                organization,
                integration,
            }),
            "GRANTS_DUE#<day>",
            "GRANT#<instant>#<org>#<int>",
        ),
        (ItemKey::GrantsDueFrom, "GRANTS_DUE", "FROM"),
        (
            ItemKey::EntityState(organization, integration, digest),
            "ORG#<org>#INTEGRATION#<int>#SYNC",
            "STATE#<digest>",
        ),
        (
            ItemKey::SyncJob(organization, integration, id(ULID)),
            "ORG#<org>#INTEGRATION#<int>#SYNC_JOBS",
            "JOB#<syn>",
        ),
        (
            ItemKey::RecordHead(organization, integration, digest, digest),
            "ORG#<org>#INTEGRATION#<int>#ENTITY#<digest>#HEADS#<part>",
            "HEAD#<digest>",
        ),
        (
            ItemKey::RecordChange(organization, integration, digest, 7),
            "ORG#<org>#INTEGRATION#<int>#ENTITY#<digest>#FEED",
            "CHANGE#<sequence>",
        ),
        (
            ItemKey::SeenRecords(organization, id(ULID), 7),
            "ORG#<org>#SYNC_JOB#<syn>",
            "SEEN#<page>",
        ),
        (
            ItemKey::MissingRecords(organization, id(ULID), 7),
            "ORG#<org>#SYNC_JOB#<syn>",
            "MISSING#<page>",
        ),
        (
            ItemKey::RecordConflict(organization, integration, id(ULID)),
            "ORG#<org>#INTEGRATION#<int>#CONFLICTS",
            "CONFLICT#<cfl>",
        ),
        (
            ItemKey::SyncDue(SyncDue {
                at: "2026-11-26T09:30:00Z".parse().unwrap(),
                organization,
                integration,
                entity: digest,
            }),
            "SYNC_DUE#<shard>",
            "SYNC#<instant>#<org>#<int>#<digest>",
        ),
        (
            ItemKey::FeedCursor(organization, integration, digest),
            "ORG#<org>#INTEGRATION#<int>#SYNC",
            "CURSOR#<digest>",
        ),
        (
            ItemKey::RecordPush(organization, integration, digest, digest),
            "ORG#<org>#INTEGRATION#<int>#ENTITY#<digest>#RECORD#<digest>",
            "PUSH",
        ),
        (
            ItemKey::RecordLink(organization, integration, digest, digest, digest),
            "ORG#<org>#INTEGRATION#<int>#ENTITY#<digest>#RECORD#<digest>",
            "LINK#<digest>",
        ),
        (
            ItemKey::OfAlerts(AlertKey::Setup(organization)),
            "ORG#<org>",
            "ALERT_SETUP",
        ),
        (
            ItemKey::OfAlerts(AlertKey::Channel(organization, id(ULID))),
            "ORG#<org>",
            "CHANNEL_STATE#<chn>",
        ),
        (
            ItemKey::OfAlerts(AlertKey::Book(organization, integration)),
            under,
            "ALERT_BOOK",
        ),
        (
            ItemKey::OfAlerts(AlertKey::Volume(organization, integration, 7)),
            "ORG#<org>#INTEGRATION#<int>#VOLUME",
            "SLOT#<slot>",
        ),
        (
            ItemKey::OfAlerts(AlertKey::Alert(organization, id(ULID))),
            "ORG#<org>#ALERTS",
            "ALERT#<alr>",
        ),
        (
            ItemKey::OfAlerts(AlertKey::Open(organization, id(ULID))),
            "ORG#<org>#OPEN_ALERTS",
            "ALERT#<alr>",
        ),
        (
            ItemKey::OfAlerts(AlertKey::Notice(NoticeDue {
                at: "2026-11-26T09:30:00Z".parse().unwrap(),
                organization,
                notice: id(ULID),
            })),
            "NOTICE_DUE#<shard>",
            "NOTICE#<instant>#<org>#<ntc>",
        ),
        (
            ItemKey::RollUp(
                organization,
                integration,
                Width::FiveMinutes,
                "2026-11-26T09:30:00Z".parse().unwrap(),
            ),
            "ORG#<org>#INTEGRATION#<int>#ROLL_UPS#<width>",
            "ROLL_UP#<instant>",
        ),
        (
            ItemKey::Check(organization, integration, id(ULID)),
            "ORG#<org>#INTEGRATION#<int>#CHECKS",
            "CHECK#<chk>",
        ),
        (ItemKey::Watch(organization, integration), under, "WATCH"),
        (
            ItemKey::WatchDue(Due {
                at: "2026-11-26T09:30:00Z".parse().unwrap(),
                organization,
                integration,
            }),
            "WATCH_DUE#<shard>",
            "WATCH#<instant>#<org>#<int>",
        ),
        (
            ItemKey::RotationPlan(organization, integration),
            under,
            "ROTATION_PLAN",
        ),
        (
            ItemKey::Rotation(organization, integration, id(ULID)),
            "ORG#<org>#INTEGRATION#<int>#ROTATIONS",
            "ROTATION#<rot>",
        ),
        (
            ItemKey::RotationDue(Due {
                at: "2026-11-26T09:30:00Z".parse().unwrap(),
                organization,
                integration,
            }),
            "ROTATION_DUE#<shard>",
            "ROTATION#<instant>#<org>#<int>",
        ),
        (
            ItemKey::Emergency(organization, id(ULID)),
            "ORG#<org>#EMERGENCIES",
            "EMERGENCY#<rot>",
        ),
        (
            ItemKey::EmergencyMember(organization, id(ULID), integration),
            "ORG#<org>#EMERGENCY#<rot>",
            "INTEGRATION#<int>",
        ),
        (
            ItemKey::EmergencyDue(EmergencyDue {
                at: "2026-11-26T09:30:00Z".parse().unwrap(),
                organization,
                emergency: id(ULID),
            }),
            "EMERGENCY_DUE",
            "EMERGENCY#<instant>#<org>#<rot>",
        ),
        (
            ItemKey::SecretsDue(SecretsDue {
                at: "2026-11-26T09:30:00Z".parse().unwrap(),
                organization,
                integration,
                owner: SecretOwner::Destination(id(ULID)),
            }),
            "SECRETS_DUE#<shard>",
            "SECRETS#<instant>#<org>#<int>#<dst>",
        ),
        (ItemKey::DataKeyPlan(organization), "ORG#<org>", "DATA_KEYS"),
        (
            ItemKey::RecordRetention(organization),
            "ORG#<org>",
            "RECORD_RETENTION",
        ),
        (
            ItemKey::DataKeyDue(DataKeyDue {
                at: "2026-11-26T09:30:00Z".parse().unwrap(),
                organization,
            }),
            "DATA_KEYS_DUE",
            "DATA_KEYS#<instant>#<org>",
        ),
    ]
    .into_iter()
    .chain(incident_samples::golden())
    .collect()
}

#[test]
fn every_key_is_spelled_as_documented() {
    let document = include_str!("../../../../docs/data-model.md");
    for (key, pk, sk) in golden() {
        let spell = |pattern: &str| {
            let ids = [
                "org", "int", "whk", "dst", "evt", "dlv", "req", "key", "elv", "aud", "syn", "cfl",
                "inc", "pbk", "run", "alr", "chn", "ntc", "chk", "rot",
            ];
            let text = ids.iter().fold(pattern.to_owned(), |text, prefix| {
                text.replace(&format!("<{prefix}>"), &format!("{prefix}_{ULID}"))
            });
            text.replace("<number>", "00007")
                .replace("<place>", "000000000007")
                .replace("<sequence>", "0000000000000007")
                .replace("<page>", "000000007")
                .replace("<slot>", "007")
                .replace("<shard>", "3")
                .replace("<part>", "0")
                .replace("<width>", "FIVE_MINUTES")
                .replace("<day>", "2026-11-26")
                .replace("<instant>", "2026-11-26T09:30:00.000Z")
                .replace(
                    "<digest>",
                    "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1",
                )
        };
        assert_eq!(key.render(), (spell(pk), spell(sk)), "{key:?}");
        let row = format!("| `{}` | `{pk}` | `{sk}` |", key.item_type());
        assert!(document.contains(&row), "docs/data-model.md lacks {row}");
    }
}

#[test]
fn numbers_are_padded_so_that_text_order_is_their_order() {
    let (_, two) = ItemKey::Attempt(id(ULID), id(ULID), 2).render();
    let (_, ten) = ItemKey::Attempt(id(ULID), id(ULID), 10).render();
    assert!(two < ten);
}

#[test]
fn events_spread_over_all_shards() {
    let first: u128 = Ulid::from_string(ULID).unwrap().into();
    let mut counts = [0; SHARDS as usize];
    for next in first..first + 800 {
        counts[usize::from(shard_of(Ulid::from(next)))] += 1;
    }
    assert!(counts.iter().all(|count| *count > 50), "{counts:?}");
}
