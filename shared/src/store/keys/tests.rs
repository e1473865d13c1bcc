use proptest::prelude::*;

use ulid::Ulid;

use super::*;
use crate::domain::secret_rotation::SecretOwner;

const ULID: &str = "01K72Z5QSW0123456789ABCDEF";
const OTHER: &str = "01K72Z5QSW0123456789ABCDEG";

fn id<Id: From<Ulid>>(ulid: &str) -> Id {
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

/// Keys of few ids, so that many have parts in common.
#[expect(clippy::too_many_lines, reason = "one table, easier to read whole")]
fn any_key() -> impl Strategy<Value = ItemKey> {
    let ulid = || prop_oneof![Just(id::<EventId>(ULID)), Just(id(OTHER))];
    let digest = prop_oneof![Just(Digest::of(b"a")), Just(Digest::of(b"b"))];
    let number = prop_oneof![Just(1), Just(10), Just(u16::MAX)];
    (0..72, ulid(), ulid(), ulid(), digest, number).prop_map(
        |(variant, a, b, c, digest, number)| {
            let organization = a.ulid().into();
            let (b, c) = (b.ulid(), c.ulid());
            match variant {
                0 => ItemKey::Integration(organization, b.into()),
                1 => ItemKey::Endpoint(organization, b.into(), c.into()),
                2 => ItemKey::EndpointPath(digest),
                3 => ItemKey::Destination(organization, b.into(), c.into()),
                4 => ItemKey::EventClaim(organization, b.into(), digest),
                5 => ItemKey::Event(organization, b.into(), c.into()),
                6 => ItemKey::EventPart(organization, b.into(), number),
                7 => ItemKey::Attempt(organization, b.into(), number),
                8 => ItemKey::DataKey(organization, number),
                9 => ItemKey::Idempotency(organization, digest),
                10 => ItemKey::Request(organization, b.into(), c.into()),
                11 => ItemKey::Quota(organization, b.into(), digest),
                12 => ItemKey::Gateway(organization, b.into()),
                13 => ItemKey::CachedResponse(organization, b.into(), digest),
                14 => ItemKey::ApiKey(organization, b.into()),
                15 => ItemKey::ApiKeyOwner(b.into()),
                16 => ItemKey::ApiKeyUse(organization, b.into()),
                17 => ItemKey::Elevation(organization, b.into()),
                18 => ItemKey::Elevated(organization, digest),
                19 => ItemKey::Revocation(organization, digest),
                20 => ItemKey::User(organization, digest),
                21 => ItemKey::CallerQuota(organization, digest),
                22 => ItemKey::IntegrationsGuard(organization),
                23 => ItemKey::EndpointsGuard(organization, b.into()),
                24 => ItemKey::PendingConsent(digest),
                25 => ItemKey::ConsentTicket(digest),
                26 => ItemKey::SeenLogout(organization, b.into(), digest),
                27 => ItemKey::AuditPage(organization, b.into()),
                28 => ItemKey::AuditSpine(organization, number.into()),
                29 => ItemKey::Grant(organization, b.into()),
                30 => ItemKey::GrantDue(Due {
                    at: Timestamp::from_second(i64::from(number) * 3_600).unwrap(),
                    organization,
                    integration: b.into(),
                }),
                31 => ItemKey::EntityState(organization, b.into(), digest),
                32 => ItemKey::SyncJob(organization, b.into(), c.into()),
                33 => {
                    ItemKey::RecordHead(organization, b.into(), digest, Digest::of(&c.to_bytes()))
                }
                34 => ItemKey::RecordChange(organization, b.into(), digest, number.into()),
                35 => ItemKey::SeenRecords(organization, b.into(), number.into()),
                36 => ItemKey::MissingRecords(organization, b.into(), number.into()),
                37 => ItemKey::RecordConflict(organization, b.into(), c.into()),
                38 => ItemKey::SyncDue(SyncDue {
                    at: Timestamp::from_second(i64::from(number) * 3_600).unwrap(),
                    organization,
                    integration: b.into(),
                    entity: digest,
                }),
                39 => ItemKey::FeedCursor(organization, b.into(), digest),
                40 => {
                    ItemKey::RecordPush(organization, b.into(), digest, Digest::of(&c.to_bytes()))
                }
                41 => {
                    let (record, other) = (c.to_bytes(), number.to_be_bytes());
                    let (record, other) = (Digest::of(&record), Digest::of(&other));
                    ItemKey::RecordLink(organization, b.into(), digest, record, other)
                }
                42 => ItemKey::OfAlerts(AlertKey::Setup(organization)),
                43 => ItemKey::OfAlerts(AlertKey::Channel(organization, b.into())),
                44 => ItemKey::OfAlerts(AlertKey::Book(organization, b.into())),
                45 => {
                    let slot = u8::try_from(number % 168).unwrap();
                    ItemKey::OfAlerts(AlertKey::Volume(organization, b.into(), slot))
                }
                46 => ItemKey::OfAlerts(AlertKey::Alert(organization, b.into())),
                47 => ItemKey::OfAlerts(AlertKey::Open(organization, b.into())),
                48 => ItemKey::OfAlerts(AlertKey::Notice(NoticeDue {
                    at: Timestamp::from_second(i64::from(number) * 3_600).unwrap(),
                    organization,
                    notice: b.into(),
                })),
                49 => {
                    let start = Timestamp::from_second(i64::from(number) * 3_600).unwrap();
                    let width = Width::ALL[usize::from(number % 3)];
                    ItemKey::RollUp(organization, b.into(), width, start)
                }
                50 => ItemKey::Check(organization, b.into(), c.into()),
                51 => ItemKey::Watch(organization, b.into()),
                52 => ItemKey::WatchDue(Due {
                    at: Timestamp::from_second(i64::from(number) * 3_600).unwrap(),
                    organization,
                    integration: b.into(),
                }),
                54..=61 => {
                    let ids = (organization, b, c);
                    incident_samples::key(variant - 54, ids, digest, number)
                }
                62 => ItemKey::RotationPlan(organization, b.into()),
                63 => ItemKey::Rotation(organization, b.into(), c.into()),
                64 => ItemKey::RotationDue(Due {
                    at: Timestamp::from_second(i64::from(number) * 3_600).unwrap(),
                    organization,
                    integration: b.into(),
                }),
                65 => ItemKey::Emergency(organization, b.into()),
                66 => ItemKey::EmergencyMember(organization, b.into(), c.into()),
                67 => ItemKey::EmergencyDue(EmergencyDue {
                    at: Timestamp::from_second(i64::from(number) * 3_600).unwrap(),
                    organization,
                    emergency: b.into(),
                }),
                68 => ItemKey::SecretsDue(SecretsDue {
                    at: Timestamp::from_second(i64::from(number) * 3_600).unwrap(),
                    organization,
                    integration: b.into(),
                    owner: match digest == Digest::of(b"a") {
                        true => SecretOwner::Destination(c.into()),
                        false => SecretOwner::Endpoint(c.into()),
                    },
                }),
                69 => ItemKey::DataKeyPlan(organization),
                70 => ItemKey::DataKeyDue(DataKeyDue {
                    at: Timestamp::from_second(i64::from(number) * 3_600).unwrap(),
                    organization,
                }),
                _ => ItemKey::GrantsDueFrom,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn different_keys_never_render_alike(one in any_key(), other in any_key()) {
        prop_assert_eq!(one == other, one.render() == other.render());
    }

    #[test]
    fn what_is_owned_starts_with_its_organization(key in any_key()) {
        let (pk, _) = key.render();
        let owned = pk.starts_with(&format!("ORG#org_{ULID}"))
            || pk.starts_with(&format!("ORG#org_{OTHER}"));
        let is_found_from_outside = matches!(
            key,
            ItemKey::EndpointPath(_)
                | ItemKey::ApiKeyOwner(_)
                | ItemKey::PendingConsent(_)
                | ItemKey::ConsentTicket(_)
                | ItemKey::GrantDue(_)
                | ItemKey::GrantsDueFrom
                | ItemKey::SyncDue(_)
                | ItemKey::OfIncidents(IncidentKey::RunDue(_))
                | ItemKey::OfAlerts(AlertKey::Notice(_))
                | ItemKey::WatchDue(_)
                | ItemKey::RotationDue(_)
                | ItemKey::EmergencyDue(_)
                | ItemKey::SecretsDue(_)
                | ItemKey::DataKeyDue(_)
        );
        prop_assert_eq!(owned, !is_found_from_outside);
    }
}
