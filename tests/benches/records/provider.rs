use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A provider that lists people by pages.
pub(crate) struct Provider {
    records: u64,
    /// The first so many of them differ from what they were at first.
    changed: AtomicU64,
    pub(crate) url: String,
}

impl Provider {
    pub(crate) async fn start(records: u64) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Arc::new(Self {
            records,
            changed: AtomicU64::new(0),
            url: format!("http://{}", listener.local_addr().unwrap()),
        });
        let router = Router::new()
            .route("/people", get(people))
            .with_state(Arc::clone(&provider));
        tokio::spawn(async { axum::serve(listener, router).await });
        provider
    }

    /// From now on this many differ.
    pub(crate) fn change(&self, records: u64) {
        self.changed.store(records, Ordering::SeqCst);
    }

    /// Of the size that people have in a customer relationship system: half a kilobyte.
    fn person(&self, number: u64) -> Value {
        let is_changed = number < self.changed.load(Ordering::SeqCst);
        let (stage, day) = if is_changed {
            ("customer", "02")
        } else {
            ("lead", "01")
        };
        json!({
            "id": format!("con_{number:020}"),
            "firstName": "Ada", "lastName": format!("Lovelace the {number}th"),
            "email": format!("ada.{number}@example.com"), "phone": format!("+44 20 {number:08}"),
            "company": {"id": format!("com_{:020}", number / 7), "name": "Analytical Engines Ltd"},
            "address": {"street": format!("{number} St James's Square"), "city": "London",
                "postalCode": "SW1Y 4LE", "country": "GB"},
            "tags": ["mathematics", "engines", stage], "stage": stage, "score": number % 100,
            "createdAt": "2026-01-01T00:00:00Z", "updatedAt": format!("2026-11-{day}T00:00:00Z"),
        })
    }
}

async fn people(
    State(provider): State<Arc<Provider>>,
    Query(page): Query<BTreeMap<String, String>>,
) -> Json<Value> {
    let number = |name: &str| page.get(name).map_or(0, |text| text.parse().unwrap());
    let after = number("after");
    let end = (after + number("limit")).min(provider.records);
    let people: Vec<Value> = (after..end).map(|number| provider.person(number)).collect();
    let next = (end < provider.records).then(|| end.to_string());
    Json(json!({ "people": people, "next": next }))
}
