//! What must hold at any time, and what must hold in the end.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatehouse::domain::{
    Clock as _, Delivery, DeliveryStatus, DestinationStatus, Event, EventStatus,
};
use gatehouse::queue::Message;
use gatehouse::store::EventQuery;
use gatehouse::vault::SealContext;
use serde_json::Value;

use super::super::canary;
use super::Said;
use super::destination::{Received, Temper};
use super::world::{Arrival, Line, Target, World, message};

/// An integration, and the number of one of its events.
type Key = (usize, usize);

/// What has been seen so far.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// What each message of the queue holds, if it is an event.
    letters: BTreeMap<u64, Option<Key>>,
    stored: BTreeSet<Key>,
    /// By destination (of which integration, and which of them) and event: the id that it was sent with,
    /// how often it came, and how often it was taken.
    arrived: BTreeMap<(usize, usize, usize), (String, usize, usize)>,
    failed: u64,
}

/// All events of an integration, as they are listed.
pub(super) async fn stored(world: &World<'_>, line: &Line) -> Vec<Event> {
    let (mut events, mut after) = (Vec::new(), None);
    loop {
        let query = EventQuery {
            after,
            ..EventQuery::newest(100, world.clock().now())
        };
        let page = world
            .store
            .events(line.organization, line.integration, &query);
        let page = page.await.unwrap();
        events.extend(page.items);
        after = page.next;
        if after.is_none() {
            return events;
        }
    }
}

/// The number in an event's id.
fn number(id: &str) -> usize {
    id.strip_prefix("evt_").unwrap().parse().unwrap()
}

impl Checks {
    /// Nothing that was accepted is lost, stored twice, or where it does not belong; no destination was
    /// sent what is not its, or one event as two.
    pub(super) async fn safety(&mut self, world: &World<'_>, accepted: &[Key]) {
        self.look_into_letters(world).await;
        self.look_at_arrivals(world);
        let queued: BTreeSet<Key> = {
            let mut queues = world.aws.queues();
            let of = |url: &str, queues: &mut super::super::aws::Queues| -> Vec<u64> {
                queues.of(url).iter().map(|letter| letter.id).collect()
            };
            let mut ids = of(&world.queue_url, &mut queues);
            ids.extend(of(&world.dead_letter_url, &mut queues));
            ids.iter().filter_map(|id| self.letters[id]).collect()
        };
        let is_missing =
            |checks: &Self, key: &Key| !checks.stored.contains(key) && !queued.contains(key);
        if accepted.iter().any(|key| is_missing(self, key)) {
            self.look_at_stored(world).await;
        }
        for key in accepted {
            assert!(!is_missing(self, key), "{key:?} was accepted, and is lost");
        }
    }

    async fn look_into_letters(&mut self, world: &World<'_>) {
        let new: Vec<_> = {
            let queues = world.aws.queues();
            let ours = queues
                .all()
                .filter(|(url, _)| [&*world.queue_url, &*world.dead_letter_url].contains(url));
            let new = ours.filter(|(_, letter)| !self.letters.contains_key(&letter.id));
            new.map(|(_, letter)| letter.clone()).collect()
        };
        for letter in new {
            let found = canary::found_in(&letter.body);
            assert!(found.is_none(), "a message shows {found:?}");
            let key = match world.queue.open(&message(&letter)).await.unwrap() {
                Message::Delivery(_) => None,
                Message::Event(event, _) => {
                    let mut lines = world.lines.iter();
                    let line = lines
                        .position(|line| line.endpoint == event.endpoint_id)
                        .unwrap();
                    assert_eq!(world.lines[line].organization, event.organization_id);
                    Some((line, number(event.provider_event_id.as_deref().unwrap())))
                }
            };
            self.letters.insert(letter.id, key);
        }
    }

    /// Looks at all that is stored: each once, and none that nobody has said.
    async fn look_at_stored(&mut self, world: &World<'_>) {
        let mut found = BTreeSet::new();
        for (at, line) in world.lines.iter().enumerate() {
            for event in stored(world, line).await {
                let key = (at, number(event.provider_event_id.as_deref().unwrap()));
                assert_eq!(event.endpoint_id, line.endpoint);
                assert!(key.1 < 1_000_000, "what was forged is stored");
                assert!(found.insert(key), "{key:?} is stored twice");
            }
        }
        assert!(found.is_superset(&self.stored), "what was stored is gone");
        self.stored = found;
    }

    fn look_at_arrivals(&mut self, world: &World<'_>) {
        for (at, line) in world.lines.iter().enumerate() {
            for (which, target) in line.targets.iter().enumerate() {
                match &target.arrival {
                    Arrival::Http(place) => {
                        let received = std::mem::take(&mut place.lock().unwrap().received);
                        for received in received {
                            let (id, number) = read(at, line, target, &received);
                            self.arrive((at, which, number), &id, received.taken);
                        }
                    }
                    Arrival::Queue(url) => {
                        let letters = std::mem::take(world.aws.queues().of(url));
                        for letter in letters {
                            let message: Value = serde_json::from_str(&letter.body).unwrap();
                            let event =
                                line.scheme.event_of(message["body"].to_string().as_bytes());
                            let number = number(event["id"].as_str().unwrap());
                            assert_eq!(event, line.scheme.event(at, number));
                            self.arrive((at, which, number), message["id"].as_str().unwrap(), true);
                        }
                    }
                }
            }
        }
    }

    fn arrive(&mut self, key: (usize, usize, usize), id: &str, taken: bool) {
        let arrived = self.arrived.entry(key).or_insert((id.to_owned(), 0, 0));
        assert_eq!(arrived.0, id, "{key:?} came under two ids");
        arrived.1 += 1;
        arrived.2 += usize::from(taken);
    }

    /// Everything that was said is stored, and what is stored has come to its end: with a destination
    /// that takes it, or given up where a destination does not. How often anything arrived.
    pub(super) async fn all_settled(&mut self, world: &World<'_>, said: &Said) -> usize {
        self.look_at_stored(world).await;
        let said: BTreeSet<Key> = said.keys().copied().collect();
        assert_eq!(self.stored, said);
        let left: Vec<_> = {
            let queues = world.aws.queues();
            queues
                .all()
                .map(|(url, letter)| (url.to_owned(), letter.id))
                .collect()
        };
        assert!(left.is_empty(), "messages are left: {left:?}");
        for (at, line) in world.lines.iter().enumerate() {
            for event in stored(world, line).await {
                let number = number(event.provider_event_id.as_deref().unwrap());
                assert_eq!(event.deliveries.len(), line.targets.len());
                assert_ne!(event.status, EventStatus::Retrying);
                assert_eq!(event.status, EventStatus::of(&event.deliveries));
                self.body_is_whole(world, line, &event, (at, number)).await;
                for delivery in &event.deliveries {
                    self.delivery_is_over(line, (at, number), &event, delivery);
                }
            }
            for target in &line.targets {
                let stored =
                    world
                        .store
                        .destination(line.organization, line.integration, target.id);
                let status = stored.await.unwrap().unwrap().item.status;
                if target.temper != Temper::Gone {
                    assert_eq!(status, DestinationStatus::Active);
                }
            }
        }
        self.arrived.values().map(|(_, times, _)| times).sum()
    }

    fn delivery_is_over(&mut self, line: &Line, key: Key, event: &Event, delivery: &Delivery) {
        let mut targets = line.targets.iter();
        let which = targets
            .position(|target| target.id == delivery.destination_id)
            .unwrap();
        let arrived = self.arrived.get(&(key.0, which, key.1));
        if let Some((id, ..)) = arrived {
            assert_eq!(*id, event.id.to_string(), "it was sent under another id");
        }
        let taken = arrived.map_or(0, |(_, _, taken)| *taken);
        match line.targets[which].temper {
            Temper::Takes => {
                assert_eq!(
                    delivery.status,
                    DeliveryStatus::Delivered,
                    "{key:?} {delivery:?}"
                );
                assert!(taken > 0, "{key:?} is said to be delivered");
            }
            Temper::Refuses | Temper::Gone => {
                assert_eq!(
                    delivery.status,
                    DeliveryStatus::Failed,
                    "{key:?} {delivery:?}"
                );
                assert_eq!(taken, 0);
                self.failed += 1;
            }
        }
    }

    async fn body_is_whole(&self, world: &World<'_>, line: &Line, event: &Event, key: Key) {
        let context = SealContext::EventPayload {
            endpoint: line.endpoint,
            event: event.id,
        };
        // What is listed comes without its body.
        let found = world.store.event(
            line.organization,
            line.integration,
            event.id,
            world.clock().now(),
        );
        let event = found.await.unwrap().unwrap();
        let sealed = world.store.payload(&event).await.unwrap();
        let body = world
            .keys
            .open_payload(line.organization, &context, &sealed, event.body_bytes);
        let body = body.await.unwrap();
        assert_eq!(line.scheme.event_of(&body), line.scheme.event(key.0, key.1));
    }

    /// How many deliveries were given up for good.
    pub(super) fn failed(&self) -> u64 {
        self.failed
    }

    /// No secret and no body is in the table, or in what was written down.
    pub(super) fn no_canary(&self, world: &World<'_>, lines: &str) {
        for item in world.aws.items() {
            let text = item.to_string();
            let found = canary::found_in(&text);
            assert!(found.is_none(), "the table shows {found:?}");
        }
        let found = canary::found_in(lines);
        assert!(found.is_none(), "the log shows {found:?}");
    }
}

/// Which event of the integration a destination was sent, and as which.
fn read(at: usize, line: &Line, target: &Target, received: &Received) -> (String, usize) {
    let header = |name: &str| received.headers[name].to_str().unwrap();
    let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
    assert_eq!(header("idempotency-key"), id);
    assert_eq!(header("gatehouse-endpoint-id"), line.endpoint.to_string());
    let key = STANDARD
        .decode(target.secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let text = [format!("{id}.{time}.").as_bytes(), &received.body].concat();
    let signature = STANDARD.encode(hmac::sign(&key, &text));
    assert_eq!(header("webhook-signature"), format!("v1,{signature}"));
    let event = line.scheme.event_of(&received.body);
    let number = number(event["id"].as_str().unwrap());
    assert_eq!(
        event,
        line.scheme.event(at, number),
        "it is another's, or not as it was said"
    );
    (id.to_owned(), number)
}
