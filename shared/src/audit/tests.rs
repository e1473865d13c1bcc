//! A thousand random trails, each tampered with in every way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ulid::Ulid;

use super::chain::{self, Place, anchor_hash, hash_of};
use super::spine;
use super::verify::{Carried, Evidence, Finding, Report, Tampering, verify};
use crate::domain::{
    Actor, Anchor, AuditEntry, AuditOutcome, AuditSubject, EntryHash, LaneHead, LaneId,
    NewAuditEntry, OrganizationId, Timestamp,
};

const TRAILS: u64 = 1_000;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const RETENTION: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// SplitMix64: the same numbers from the same seed, everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end as u64)).unwrap()
    }
}

/// A trail as it is exported: links of the spine, entries of lanes, each the newest first.
#[derive(Clone)]
struct Trail {
    organization: OrganizationId,
    entries: Vec<AuditEntry>,
    links: Vec<AuditEntry>,
    heads: BTreeMap<LaneId, LaneHead>,
    anchor: Option<Anchor>,
    now: Timestamp,
}

impl Trail {
    fn random(random: &mut Random) -> Self {
        let mut trail = Self {
            organization: Ulid::from(7_u128).into(),
            entries: Vec::new(),
            links: Vec::new(),
            heads: BTreeMap::new(),
            anchor: None,
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        let lanes = 1 + random.below(5);
        let ids: Vec<LaneId> = (0..lanes)
            .map(|lane| Ulid::from(1_000 + lane as u128).into())
            .collect();
        for _ in 0..20 + random.below(40) {
            let wait = random.below(100_000) as u64;
            trail.now = trail.now.plus(Duration::from_millis(wait));
            let lane = ids[random.below(lanes)];
            for _ in 0..1 + random.below(4) {
                trail.add(lane, random);
            }
            if random.below(10) == 0 {
                trail.anchor();
            }
        }
        trail.anchor();
        trail.entries.reverse();
        trail.links.reverse();
        trail
    }

    fn place(&self, lane: LaneId) -> Place {
        let millisecond = u64::try_from(self.now.as_millisecond()).unwrap();
        let count = self.entries.len() + self.links.len();
        Place {
            organization: self.organization,
            lane,
            id: Ulid::from_parts(millisecond, count as u128).into(),
            at: self.now,
            expires_at: self.now.plus(RETENTION),
        }
    }

    fn add(&mut self, lane: LaneId, random: &mut Random) {
        let new = NewAuditEntry {
            subject: Some(AuditSubject::new("integration", random.next())),
            source: Some([10, 0, 0, 1].into()),
            request_id: Some(random.next().to_string()),
            detail: (random.below(2) == 0).then(|| random.next().to_string()),
            ..NewAuditEntry::new(Actor::user("me"), "a.b", AuditOutcome::Succeeded)
        };
        let head = self.heads.get(&lane).copied();
        let entry = chain::link(self.place(lane), head.as_ref(), new);
        if head.is_none() {
            self.link(spine::opening("test", lane), &[(&entry).into()]);
        }
        self.heads.insert(lane, (&entry).into());
        self.entries.push(entry);
    }

    fn link(&mut self, new: NewAuditEntry, heads: &[LaneHead]) -> LaneHead {
        let lane = chain::spine_lane();
        let link = chain::link(self.place(lane), self.heads.get(&lane), new);
        let link = chain::with_detail(link, spine::write(heads));
        let head = LaneHead::from(&link);
        self.links.push(link);
        self.heads.insert(lane, head);
        head
    }

    fn anchor(&mut self) {
        let of_lane = |head: &&LaneHead| head.lane != chain::spine_lane();
        let lanes: Vec<LaneHead> = self.heads.values().filter(of_lane).copied().collect();
        let spine = self.link(spine::anchoring("test"), &lanes);
        let mut anchor = Anchor {
            organization_id: self.organization,
            at: self.now,
            spine,
            lanes,
            hash: EntryHash::ZERO,
        };
        anchor.hash = anchor_hash(&anchor);
        self.anchor = Some(anchor);
    }

    fn evidence<'a>(&'a self, carried: &'a Carried, none: &'a BTreeSet<LaneId>) -> Evidence<'a> {
        Evidence {
            organization: self.organization,
            entries: &self.entries,
            links: &self.links,
            opened_since: none,
            from: None,
            to: None,
            goes_on: false,
            carried,
            anchor: self.anchor.as_ref(),
            now: self.now,
            slack: Duration::ZERO,
        }
    }

    fn verify(&self) -> Report {
        verify(&self.evidence(&Carried::default(), &BTreeSet::new()))
    }

    /// All places of a lane, lowest first.
    fn places(&self, lane: LaneId) -> Vec<u64> {
        let of_lane = self.entries.iter().filter(|entry| entry.lane == lane);
        let mut places: Vec<u64> = of_lane.map(|entry| entry.sequence).collect();
        places.sort_unstable();
        places
    }

    fn any_lane(&self, random: &mut Random) -> (LaneId, u64) {
        let lane = self.entries[random.below(self.entries.len())].lane;
        (lane, *self.places(lane).last().unwrap())
    }

    fn remove(&mut self, lane: LaneId, first: u64, last: u64) {
        let gone =
            |entry: &AuditEntry| entry.lane == lane && (first..=last).contains(&entry.sequence);
        self.entries.retain(|entry| !gone(entry));
    }
}

fn each(test: impl FnMut(Trail, &mut Random)) {
    some(TRAILS, test);
}

fn some(count: u64, mut test: impl FnMut(Trail, &mut Random)) {
    for seed in 0..count {
        let mut random = Random(seed);
        let trail = Trail::random(&mut random);
        test(trail, &mut random);
    }
}

#[test]
fn nothing_is_found_in_what_nobody_has_touched() {
    each(|mut trail, _| {
        assert_eq!(trail.verify().findings, []);
        trail.anchor = None;
        assert_eq!(trail.verify().findings, []);
    });
}

#[test]
fn every_deletion_is_found_with_its_places() {
    let mut tried = 0;
    each(|mut trail, random| {
        let (lane, last) = trail.any_lane(random);
        if last == 1 {
            return;
        }
        tried += 1;
        let most = usize::try_from(last - 1).unwrap();
        let first = 1 + random.below(most) as u64;
        let to = first + random.below(usize::try_from(last - first).unwrap()) as u64;
        trail.remove(lane, first, to);
        let expected = Finding::places(Tampering::Deleted, lane, first, to);
        assert_eq!(trail.verify().findings, [expected]);
    });
    assert!(tried > 950, "{tried}");
}

#[test]
fn every_truncation_is_found_with_its_places_by_an_anchor_and_by_the_spine() {
    each(|mut trail, random| {
        let (lane, last) = trail.any_lane(random);
        let first = 1 + random.below(usize::try_from(last).unwrap()) as u64;
        trail.remove(lane, first, last);
        for anchor in [trail.anchor.clone(), None] {
            trail.anchor = anchor;
            let findings = trail.verify().findings;
            // With its first entry gone, nothing of the lane is left.
            let kinds: Vec<Tampering> = findings.iter().map(|finding| finding.kind).collect();
            if first == 1 {
                let last = findings
                    .iter()
                    .map(|f| f.last_sequence.max(f.sequence))
                    .max();
                assert_eq!(last.flatten(), last_seen(&trail, lane));
                assert!(kinds.contains(&Tampering::Deleted), "{findings:?}");
            } else {
                assert!(kinds.iter().all(|kind| *kind == Tampering::Truncated));
                let whole = Finding::places(Tampering::Truncated, lane, first, last);
                assert!(findings.contains(&whole), "{findings:?}");
            }
        }
    });
}

/// How far the spine says that a lane had come.
fn last_seen(trail: &Trail, lane: LaneId) -> Option<u64> {
    let heads = trail.links.iter().flat_map(spine::read);
    let heads = heads.filter(|head| head.lane == lane);
    heads.map(|head| head.sequence).max()
}

/// Changes one field of an entry.
fn edit(entry: &mut AuditEntry, random: &mut Random) {
    match random.below(12) {
        0 => entry.actor = Actor::user("somebody else"),
        1 => entry.action = "c.d".to_owned(),
        2 => entry.subject = Some(AuditSubject::new("integration", "other")),
        3 => entry.outcome = AuditOutcome::Refused,
        4 => entry.code = Some("forbidden".to_owned()),
        5 => entry.source = None,
        6 => entry.request_id = None,
        7 => entry.detail = Some("other".to_owned()),
        8 => entry.at = entry.at.plus(Duration::from_millis(1)),
        9 => entry.expires_at = entry.expires_at.plus(DAY),
        10 => entry.organization_id = Ulid::from(8_u128).into(),
        _ => entry.actor = Actor::system("me"),
    }
}

#[test]
fn every_edit_is_found_with_its_place_even_if_the_hash_is_computed_anew() {
    each(|mut trail, random| {
        let place = random.below(trail.entries.len());
        let original = trail.entries[place].clone();
        for recomputes in [false, true] {
            let mut entry = original.clone();
            edit(&mut entry, random);
            if recomputes {
                entry.hash = hash_of(&entry);
            }
            let expected = Finding::entry(Tampering::Edited, &entry);
            trail.entries[place] = entry;
            assert_eq!(trail.verify().findings, [expected]);
        }
    });
}

#[test]
fn an_edited_place_or_hash_is_found() {
    some(200, |mut trail, random| {
        let place = random.below(trail.entries.len());
        let original = trail.entries[place].clone();
        let entry = &mut trail.entries[place];
        entry.sequence += 1 + random.next() % 5;
        let expected = Finding::entry(Tampering::Edited, entry);
        assert!(trail.verify().findings.contains(&expected));
        trail.entries[place] = original.clone();
        trail.entries[place].hash.0[random.below(32)] ^= 1;
        let expected = Finding::entry(Tampering::Edited, &original);
        assert_eq!(trail.verify().findings, [expected]);
    });
}

#[test]
fn everything_that_changed_places_is_found() {
    each(|mut trail, random| {
        let count = trail.entries.len();
        let (one, other) = (random.below(count), random.below(count));
        if one == other {
            return;
        }
        trail.entries.swap(one, other);
        let found = |place: usize| Finding::entry(Tampering::Reordered, &trail.entries[place]);
        let mut expected = [found(one), found(other)];
        expected.sort();
        assert_eq!(trail.verify().findings, expected);
    });
}

#[test]
fn the_spine_is_guarded_as_lanes_are() {
    some(200, |trail, random| {
        let count = trail.links.len();
        let spine = chain::spine_lane();
        let mut deleted = trail.clone();
        let gone = deleted.links.remove(1 + random.below(count - 1)).sequence;
        let finding = Finding::places(Tampering::Deleted, spine, gone, gone);
        assert!(deleted.verify().findings.contains(&finding));
        let mut edited = trail.clone();
        let place = random.below(count);
        edited.links[place].detail = Some("none".to_owned());
        edited.links[place].hash = hash_of(&edited.links[place]);
        let finding = Finding::entry(Tampering::Edited, &edited.links[place]);
        assert!(edited.verify().findings.contains(&finding));
        let mut truncated = trail;
        let last = truncated.links.remove(0).sequence;
        let finding = Finding::places(Tampering::Truncated, spine, last, last);
        assert!(truncated.verify().findings.contains(&finding));
    });
}

#[test]
fn a_lane_that_the_spine_does_not_know_and_a_second_entry_in_one_place_are_found() {
    some(200, |mut trail, random| {
        let copy = trail.entries[random.below(trail.entries.len())].clone();
        let stranger = LaneId::from(Ulid::from(9_999_u128));
        let mut place = trail.place(stranger);
        place.id = Ulid::from_parts(1, 1).into();
        let new = NewAuditEntry::new(Actor::user("me"), "a.b", AuditOutcome::Succeeded);
        let forged = chain::link(place, None, new);
        trail.entries.push(forged.clone());
        let finding = Finding::entry(Tampering::Inserted, &forged);
        assert_eq!(trail.verify().findings, [finding]);
        trail.entries.pop();
        let at = trail.entries.iter().position(|entry| entry.id == copy.id);
        trail.entries.insert(at.unwrap(), copy.clone());
        let finding = Finding::entry(Tampering::Inserted, &copy);
        assert_eq!(trail.verify().findings, [finding]);
    });
}

#[test]
fn what_has_expired_may_be_missing_and_what_has_not_may_not() {
    some(200, |mut trail, random| {
        let place = random.below(trail.entries.len());
        // All that is as old as this one has expired.
        let at = trail.entries[place].at;
        trail.now = at.plus(RETENTION);
        let now = trail.now;
        trail.entries.retain(|entry| entry.expires_at > now);
        trail.links.retain(|link| link.expires_at > now);
        assert_eq!(trail.verify().findings, []);
        let Some(oldest) = trail.entries.pop() else {
            return;
        };
        let findings = trail.verify().findings;
        assert!(!findings.is_empty(), "{oldest:?}");
        let of_it = |finding: &Finding| finding.lane == Some(oldest.lane);
        assert!(findings.iter().all(of_it), "{findings:?}");
    });
}

/// Judges a trail in windows of so many entries.
fn in_windows(trail: &Trail, size: usize) -> Vec<Finding> {
    let (mut carried, mut to) = (Carried::default(), None);
    let mut findings = Vec::new();
    loop {
        let older = |entry: &&AuditEntry| to.is_none_or(|to| entry.at < to);
        let entries: Vec<AuditEntry> = trail.entries.iter().filter(older).cloned().collect();
        let cut = entries
            .get(size)
            .map(|entry| entry.at.plus(Duration::from_millis(1)));
        let held = |entry: &&AuditEntry| older(entry) && cut.is_none_or(|cut| entry.at >= cut);
        let window = Trail {
            entries: trail.entries.iter().filter(held).cloned().collect(),
            links: trail.links.iter().filter(held).cloned().collect(),
            ..trail.clone()
        };
        let none = BTreeSet::new();
        let evidence = Evidence {
            from: cut,
            to,
            goes_on: cut.is_some(),
            ..window.evidence(&carried, &none)
        };
        let report = verify(&evidence);
        findings.extend(report.findings);
        if cut.is_none() {
            findings.sort();
            findings.dedup();
            return findings;
        }
        (carried, to) = (report.carried, cut);
    }
}

#[test]
fn windows_find_what_is_found_in_one_go() {
    some(200, |mut trail, random| {
        let size = 5 + random.below(20);
        assert_eq!(in_windows(&trail, size), []);
        let (lane, last) = trail.any_lane(random);
        let first = 1 + random.below(usize::try_from(last).unwrap()) as u64;
        let to = first + random.below(usize::try_from(last - first).unwrap() + 1) as u64;
        trail.remove(lane, first, to);
        let places = |findings: &[Finding]| -> BTreeMap<Option<LaneId>, BTreeSet<u64>> {
            let mut places: BTreeMap<_, BTreeSet<u64>> = BTreeMap::new();
            for finding in findings {
                let first = finding.sequence.unwrap();
                let last = finding.last_sequence.unwrap_or(first);
                places.entry(finding.lane).or_default().extend(first..=last);
            }
            places
        };
        let (whole, parts) = (trail.verify().findings, in_windows(&trail, size));
        assert!(!parts.is_empty());
        // What is missing at the lane's end may be told with fewer of its places.
        let (whole, parts) = (places(&whole), places(&parts));
        assert_eq!(
            whole.keys().collect::<Vec<_>>(),
            parts.keys().collect::<Vec<_>>()
        );
        assert!(
            parts[&Some(lane)].is_subset(&whole[&Some(lane)]),
            "{whole:?} {parts:?}"
        );
    });
}

#[test]
fn the_hash_of_an_entry_is_of_what_the_documentation_says() {
    let organization: OrganizationId = "org_01K72Z5QSW0123456789ABCDEF".parse().unwrap();
    let place = Place {
        organization,
        lane: "lan_01K72Z5QSW0123456789ABCDEF".parse().unwrap(),
        id: "aud_01K72Z5QSW0123456789ABCDEF".parse().unwrap(),
        at: "2026-01-01T00:00:00Z".parse().unwrap(),
        expires_at: "2027-02-05T00:00:00Z".parse().unwrap(),
    };
    let new = NewAuditEntry {
        source: Some([192, 0, 2, 1].into()),
        ..NewAuditEntry::new(
            Actor::user("me"),
            "integration.update",
            AuditOutcome::Started,
        )
    };
    let entry = chain::link(place, None, new);
    let documentation = include_str!("../../../docs/audit.md");
    assert!(
        documentation.contains(&entry.hash.to_string()),
        "{}",
        entry.hash
    );
    let shown = serde_json::to_string(&entry).unwrap();
    assert!(documentation.contains(&shown), "{shown}");
}
