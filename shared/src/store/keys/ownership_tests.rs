use proptest::prelude::*;

use super::tests::{OTHER, ULID, id};
use super::*;
use crate::domain::secret_rotation::SecretOwner;

/// Keys of few ids, so that many have parts in common.
#[expect(clippy::too_many_lines, reason = "one table, easier to read whole")]
fn any_key() -> impl Strategy<Value = ItemKey> {
    let ulid = || prop_oneof![Just(id::<EventId>(ULID)), Just(id(OTHER))];
    let digest = prop_oneof![Just(Digest::of(b"a")), Just(Digest::of(b"b"))];
    let number = prop_oneof![Just(1), Just(10), Just(u16::MAX)];
    (0..73, ulid(), ulid(), ulid(), digest, number).prop_map(
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
                71 => ItemKey::RecordRetention(organization),
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
