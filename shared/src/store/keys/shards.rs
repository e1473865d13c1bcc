use ulid::Ulid;

use super::SHARDS;
use crate::domain::{Digest, IntegrationId, OrganizationId};

/// The partition of what is kept of one record besides itself.
pub(super) fn beside_record(
    (organization, integration): (OrganizationId, IntegrationId),
    entity: Digest,
    record: Digest,
) -> String {
    format!("ORG#{organization}#INTEGRATION#{integration}#ENTITY#{entity}#RECORD#{record}")
}

/// The shard of an event, a request or a page of the audit trail. It follows from the id alone, so
/// each is found by its id.
pub(crate) fn shard_of(ulid: Ulid) -> u8 {
    shard_of_digest(Digest::of(&ulid.to_bytes()))
}

/// The shard of what is found by a digest.
pub(crate) fn shard_of_digest(digest: Digest) -> u8 {
    let [first, ..] = digest.as_bytes();
    first % SHARDS
}
