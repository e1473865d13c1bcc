//! Integrations as the store writes them, many.

use std::ops::Range;
use std::time::Duration;

use futures::StreamExt as _;
use gatehouse::domain::{Integration, IntegrationId, OrganizationId, Sources, Timestamp};
use gatehouse::store::Store;
use serde_json::json;

/// So many are written at the same time.
const AT_ONCE: usize = 32;
/// So many integrations has an organization, if they are spread.
const OF_ONE: usize = 10;
/// And the one of which things are asked: more than a page.
const OF_THE_ASKED: usize = 100;
/// When integrations are looked at that nobody is to look at now.
const LATER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Where the integrations are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Layout {
    /// All in the organization of which things are asked.
    One,
    /// Ten in each organization, and a hundred in the one of which things are asked.
    Spread,
}

impl Layout {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::One => "All in one organization",
            Self::Spread => "Ten in each organization",
        }
    }
}

/// Writes integrations that are looked at later.
pub(crate) async fn populate(
    store: &Store,
    sources: &Sources,
    (organization, layout): (OrganizationId, Layout),
    numbers: Range<usize>,
) {
    let mut owner = organization;
    let integrations = numbers.map(|number| {
        let is_next = number >= OF_THE_ASKED && number.is_multiple_of(OF_ONE);
        if matches!(layout, Layout::Spread) && is_next {
            owner = OrganizationId::generate(sources.now(), sources.randomness.as_ref());
        }
        let created_at = sources.now().plus(LATER);
        integration(sources, owner, created_at)
    });
    let writes = integrations.map(|integration| async move {
        store.create_integration(&integration).await.unwrap();
    });
    let writes = futures::stream::iter(writes).buffer_unordered(AT_ONCE);
    writes.collect::<()>().await;
}

/// An integration of the size that they have, as of some time: it is looked at soon after it.
pub(crate) fn integration(
    sources: &Sources,
    organization: OrganizationId,
    created_at: Timestamp,
) -> Integration {
    let id = IntegrationId::generate(sources.now(), sources.randomness.as_ref());
    let integration = json!({
        "id": id, "organizationId": organization, "name": "The payments of a branch",
        "type": "payment", "provider": "stripe", "baseUrl": "https://api.stripe.com/",
        "authMethod": "api_key", "status": "active",
        "credentials": {"version": id, "fields": ["apiKey"], "createdAt": created_at},
        "rateLimits": {"requestsPerSecond": 25},
        "createdAt": created_at, "updatedAt": created_at,
    });
    serde_json::from_value(integration).unwrap()
}
