//! What it costs to read records where there are few of a kind and where there are many: calls of AWS, and
//! read units of the table. `cargo bench -p gatehouse --bench listed -- 1000 1000000`
//!
//! Nothing here depends on how fast the machine is.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "figures are printed, and what goes wrong ends the measuring"
)]

use std::path::Path;

use embedded_aws::{Stack, TimeSource, template};
use gatehouse::domain::sync::{
    ChangeOrigin, EntityName, EntityState, RecordChange, RecordHead, record_digest,
};
use gatehouse::domain::{IntegrationId, OrganizationId, Sealed, Timestamp};
use gatehouse::lambda::system_sources;
use gatehouse::store::{ChangeSet, Committed, FeedQuery, RecordWrite, Store, Versioned};

/// How many records there are, one after the other.
const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// So many are written in one transaction.
const SET: u64 = 30;
/// As many bytes as a record of half a kilobyte takes, sealed.
const SEALED_BYTES: usize = 600;
const PAGE: u16 = 100;

struct Records {
    stack: Stack,
    store: Store,
    organization: OrganizationId,
    integration: IntegrationId,
    entity: EntityName,
    now: Timestamp,
}

/// What is read.
#[derive(Clone, Copy)]
enum Read {
    /// A page of the feed, after so many hundredths of it.
    Page(u64),
    /// A record in the middle, by its id.
    Record,
}

const READS: [(Read, &str); 4] = [
    (Read::Page(0), "100 changes, the oldest"),
    (Read::Page(50), "100 changes, from the middle on"),
    (Read::Page(90), "100 changes, near the end"),
    (Read::Record, "a record, by its id"),
];

#[tokio::main]
async fn main() {
    let given: Vec<u64> = std::env::args().filter_map(|it| it.parse().ok()).collect();
    let sizes = if given.is_empty() { &SIZES[..] } else { &given };
    let records = Records::new().await;
    let mut state = None;
    let mut lines: Vec<String> = READS.map(|(_, what)| format!("| {what} |")).into();
    let mut first = None;
    for size in sizes {
        state = Some(records.fill(state, *size).await);
        let mut costs = Vec::new();
        for ((read, _), line) in READS.iter().zip(&mut lines) {
            let (calls, units) = records.cost(*read, *size).await;
            line.push_str(&format!(" {calls} · {units:.1} |"));
            costs.push((calls, units));
        }
        let first = first.get_or_insert_with(|| costs.clone());
        assert_eq!(*first, costs, "costs otherwise with {size} records");
    }
    let heads: String = sizes.iter().map(|size| format!(" {size} |")).collect();
    println!("| Records |{heads}");
    println!("|---|{}", "---|".repeat(sizes.len()));
    for line in lines {
        println!("{line}");
    }
}

impl Records {
    async fn new() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/template.yaml");
        let text = std::fs::read_to_string(path).unwrap();
        let template = template::Template::parse(&text).unwrap();
        let stack = Stack::in_memory(&template, TimeSource::system())
            .await
            .unwrap();
        let sources = system_sources();
        let (now, randomness) = (sources.now(), sources.randomness.as_ref());
        let variables = template.environment("processor", stack.endpoint(), &[]);
        let table = variables.unwrap()["GATEHOUSE_TABLE"].parse().unwrap();
        let client = aws_sdk_dynamodb::Client::new(&stack.sdk_config());
        stack.measure_capacity();
        Self {
            store: Store::new(client, table),
            stack,
            organization: OrganizationId::generate(now, randomness),
            integration: IntegrationId::generate(now, randomness),
            entity: "people".parse().unwrap(),
            now,
        }
    }

    /// Writes records until there are so many, as runs that find them new do; how their kind stands then.
    async fn fill(
        &self,
        state: Option<Versioned<EntityState>>,
        size: u64,
    ) -> Versioned<EntityState> {
        let store = &self.store;
        let mut state = match state {
            Some(state) => state,
            None => {
                let state = store.entity_state(self.organization, self.integration, &self.entity);
                state.await.unwrap()
            }
        };
        while state.item.records < size {
            let from = state.item.records;
            let mut set =
                ChangeSet::new(self.organization, self.integration, state.clone(), self.now);
            for number in from..size.min(from + SET) {
                self.add(&mut set, number);
            }
            match store.commit_changes(&set).await.unwrap() {
                Committed::Done(versions) => state = Versioned::new(set.state, versions.state),
                other => panic!("{other:?}"),
            }
        }
        state
    }

    fn add(&self, set: &mut ChangeSet, number: u64) {
        let record = record_digest(&number.to_string());
        let (sequence, changed_at) = set.state.take_change(false, true, self.now);
        let head = RecordHead {
            sequence,
            version: 1,
            source_hash: record.to_string(),
            deleted: false,
            source_version: None,
            observed_at: self.now,
            pending: false,
            conflict: None,
        };
        let change = RecordChange {
            digest: record.to_string(),
            version: 1,
            deleted: false,
            origin: ChangeOrigin::Sync,
            created_at: changed_at,
            changed_at,
            body: Sealed::from_bytes(vec![7; SEALED_BYTES]),
        };
        set.changes.push(RecordWrite {
            record,
            before: None,
            head,
            change: Some(change),
            expires_at: None,
        });
    }

    /// Calls of AWS and read units of one read, with so many records.
    async fn cost(&self, read: Read, size: u64) -> (u64, f64) {
        self.stack.reset_calls();
        let (store, organization, integration) = (&self.store, self.organization, self.integration);
        match read {
            Read::Page(hundredths) => {
                let query = FeedQuery {
                    after: size * hundredths / 100,
                    up_to: None,
                    limit: PAGE,
                    now: self.now,
                };
                let page = store.changes_after(organization, integration, &self.entity, query);
                assert_eq!(page.await.unwrap().items.len(), usize::from(PAGE));
            }
            Read::Record => {
                let record = record_digest(&(size / 2).to_string());
                let found = store.record(organization, integration, &self.entity, record, self.now);
                assert!(found.await.unwrap().is_some());
            }
        }
        (
            self.stack.calls().values().sum(),
            self.stack.capacity().read,
        )
    }
}
