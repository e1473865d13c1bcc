use ulid::Ulid;

use super::{IncidentKey, ItemKey, RunDue};
use crate::domain::{Digest, OrganizationId, Timestamp};

fn id<Id: From<Ulid>>() -> Id {
    Ulid::from_string("01K72Z5QSW0123456789ABCDEF")
        .unwrap()
        .into()
}

/// Every variant, with what `docs/data-model.md` says of it.
pub(super) fn golden() -> Vec<(ItemKey, &'static str, &'static str)> {
    let organization = id();
    let due = RunDue {
        at: "2026-11-26T09:30:00Z".parse().unwrap(),
        organization,
        run: id(),
    };
    let keys = [
        (
            IncidentKey::Incident(organization, id()),
            "ORG#<org>#INCIDENTS",
            "INCIDENT#<inc>",
        ),
        (
            IncidentKey::Live(organization, id()),
            "ORG#<org>#LIVE_INCIDENTS",
            "LIVE#<inc>",
        ),
        (
            IncidentKey::Group(organization, Digest::of(b"text")),
            "ORG#<org>#INCIDENT_GROUP#<digest>",
            "GROUP",
        ),
        (
            IncidentKey::Entry(organization, id(), 7),
            "ORG#<org>#INCIDENT#<inc>",
            "ENTRY#<number>",
        ),
        (
            IncidentKey::Playbook(organization, id()),
            "ORG#<org>#PLAYBOOKS",
            "PLAYBOOK#<pbk>",
        ),
        (
            IncidentKey::PlaybooksGuard(organization),
            "ORG#<org>",
            "GUARD#PLAYBOOKS",
        ),
        (
            IncidentKey::Run(organization, id()),
            "ORG#<org>#PLAYBOOK_RUNS",
            "RUN#<run>",
        ),
        (
            IncidentKey::RunDue(due),
            "PLAYBOOK_RUNS_DUE",
            "RUN#<instant>#<org>#<run>",
        ),
    ];
    keys.map(|(key, pk, sk)| (ItemKey::OfIncidents(key), pk, sk))
        .into()
}

/// A key of few ids.
pub(super) fn key(
    variant: i32,
    (organization, b, c): (OrganizationId, Ulid, Ulid),
    digest: Digest,
    number: u16,
) -> ItemKey {
    ItemKey::OfIncidents(match variant {
        0 => IncidentKey::Incident(organization, b.into()),
        1 => IncidentKey::Live(organization, b.into()),
        2 => IncidentKey::Group(organization, digest),
        3 => IncidentKey::Entry(organization, b.into(), number),
        4 => IncidentKey::Playbook(organization, b.into()),
        5 => IncidentKey::PlaybooksGuard(organization),
        6 => IncidentKey::Run(organization, c.into()),
        _ => IncidentKey::RunDue(RunDue {
            at: Timestamp::from_second(i64::from(number) * 3_600).unwrap(),
            organization,
            run: c.into(),
        }),
    })
}
