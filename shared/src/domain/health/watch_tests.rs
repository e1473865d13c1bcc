use std::collections::BTreeMap;

use super::*;
use crate::domain::health::Gate;

/// The start of an hour.
const START: i64 = 1_795_996_800;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).unwrap()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn nothing_is_rolled_up_that_was_never_marked() {
    let watch = Watch::new(at(0), 0.5);
    assert!(watch.is_quiet());
    assert_eq!(watch.span(at(100_000)), None);
    assert_eq!(watch.check_at, at(300));
    let settled = watch.settled(at(10));
    assert_eq!(settled.due_at, at(300));
}

#[test]
fn a_minute_is_rolled_up_two_minutes_after_its_end_and_the_watch_wakes_up_then() {
    let watch = Watch::new(at(-5_000), 1.0).marked(at(30), at(31)).unwrap();
    // What was stored in the same minute may have begun in the one before.
    assert_eq!(watch.rolled_up_to, at(-60));
    assert_eq!(watch.due_at, at(180).min(watch.check_at));
    let span = watch.span(at(179)).unwrap();
    assert_eq!((span.from, span.to), (at(-60), at(0)));
    let span = watch.span(at(180)).unwrap();
    assert_eq!((span.from, span.to, span.is_late), (at(-60), at(60), false));
    let next = watch.rolled_up(span, at(180));
    assert_eq!(next.span(at(180)), None);
    let checked = next.checked(Vec::new(), at(180), 0.5);
    assert_eq!(checked.settled(at(180)).due_at, at(240));
}

#[test]
fn a_watch_goes_quiet_when_all_is_rolled_up_that_a_mark_may_stand_for() {
    let mut watch = Watch::new(at(0), 1.0).marked(at(0), at(0)).unwrap();
    let mut visits = Vec::new();
    let mut now = watch.due_at;
    while !watch.is_quiet() {
        visits.push(now.since(at(0)).as_secs());
        while let Some(span) = watch.span(now) {
            watch = watch.rolled_up(span, now);
        }
        watch = watch.checked(Vec::new(), at(7_000), 0.5).settled(now);
        now = watch.due_at;
    }
    // Each minute for eleven, and then the hour.
    let expected: Vec<u64> = (3..=13).map(|minute| minute * 60).chain([3_720]).collect();
    assert_eq!(visits, expected);
    assert_eq!(watch.rolled_up_to, at(3_600));
    assert_eq!(watch.due_at, watch.check_at);
    assert_eq!(watch.measured_to(at(9_000)), at(8_880));
    // What begins then is not looked for in the time between.
    let later = at(50_000);
    let woken = watch.marked(later, later).unwrap();
    assert_eq!(
        woken.rolled_up_to,
        Width::Minute.start_of(later.minus(secs(60)))
    );
}

#[test]
fn a_mark_is_not_written_twice_in_five_minutes() {
    let watch = Watch::new(at(0), 0.5).marked(at(0), at(0)).unwrap();
    assert_eq!(watch.marked(at(299), at(299)), None);
    assert!(watch.marked(at(300), at(300)).is_some());
    // One that began in a minute that is rolled up already is written all the same.
    let watch = watch.rolled_up(
        Span {
            from: at(-60),
            to: at(120),
            is_late: false,
        },
        at(300),
    );
    let back = watch.marked(at(119), at(150)).unwrap();
    assert_eq!(back.rolled_up_to, at(60));
    assert_eq!(
        watch.marked(at(119), at(400)).unwrap().rolled_up_to,
        at(120)
    );
}

#[test]
fn what_is_stored_late_is_rolled_up_again_by_whole_hours() {
    let mut watch = Watch::new(at(0), 0.5).marked(at(0), at(0)).unwrap();
    watch.rolled_up_to = at(3 * 3_600);
    watch.marked_at = Some(at(3 * 3_600));
    let now = at(3 * 3_600 + 130);
    let late = watch.marked(at(4_000), now).unwrap();
    assert_eq!(late.due_at, now.plus(secs(120)).min(watch.due_at));
    assert_eq!(late.marked(at(4_010), now.plus(secs(60))), None);
    assert!(late.marked(at(4_010), now.plus(secs(61))).is_some());
    let span = late.span(now.plus(secs(120))).unwrap();
    assert_eq!((span.from, span.to), (at(3_600), at(7_200)));
    assert!(span.is_late);
    let again = late.rolled_up(span, now.plus(secs(120)));
    assert_eq!((again.late, again.rolled_up_to), (None, at(3 * 3_600)));
}

#[test]
fn checks_of_many_integrations_are_spread() {
    let watch = Watch::new(at(0), 0.0);
    let times = [0.0, 0.5, 1.0].map(|fraction| {
        let checked = watch.checked(Vec::new(), at(0), fraction);
        checked.check_at.since(at(0)).as_secs()
    });
    assert_eq!(times, [3_240, 3_600, 3_960]);
}

/// A generator of numbers, the same each time (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// Functions that store what they do, each with a gate, and a monitor that comes each minute or not, and
/// dies between the roll-ups and the watch or not.
struct World {
    numbers: Numbers,
    watch: Watch,
    gates: [Gate; 3],
    /// What happened, by its minute and hour; and what the roll-ups say.
    minutes: BTreeMap<Timestamp, u64>,
    hours: BTreeMap<Timestamp, u64>,
    rolled_minutes: BTreeMap<Timestamp, u64>,
    rolled_hours: BTreeMap<Timestamp, u64>,
}

impl World {
    fn store(&mut self, at: Timestamp, now: Timestamp) {
        let gate = usize::try_from(self.numbers.below(3)).unwrap();
        if self.gates[gate].needs_mark(at, now) {
            if let Some(marked) = self.watch.marked(at, now) {
                self.watch = marked;
            }
            self.gates[gate].marked(at, now);
        }
        *self.minutes.entry(Width::Minute.start_of(at)).or_default() += 1;
        *self.hours.entry(Width::Hour.start_of(at)).or_default() += 1;
    }

    fn run(&mut self, now: Timestamp) {
        while let Some(span) = self.watch.span(now).filter(|_| self.watch.due_at <= now) {
            let range = span.from..span.to;
            self.rolled_minutes
                .extend(self.minutes.range(range).map(|(at, n)| (*at, *n)));
            let mut hour = Width::Hour.start_of(span.from);
            while hour.plus(secs(3_600)) <= span.to {
                let minutes = self.rolled_minutes.range(hour..hour.plus(secs(3_600)));
                let sum = minutes.map(|(_, n)| *n).sum();
                if sum > 0 {
                    self.rolled_hours.insert(hour, sum);
                }
                hour = hour.plus(secs(3_600));
            }
            if self.numbers.below(4) == 0 {
                return;
            }
            self.watch = self.watch.rolled_up(span, now);
        }
        if self.watch.check_at <= now {
            self.watch = self.watch.checked(Vec::new(), now, 0.5);
        }
        self.watch = self.watch.settled(now);
    }
}

#[test]
fn nothing_is_missed_whatever_comes_late_and_whoever_dies() {
    for seed in 1..=200 {
        let mut world = World {
            numbers: Numbers(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed)),
            watch: Watch::new(at(0), 0.5),
            gates: [Gate::default(); 3],
            minutes: BTreeMap::new(),
            hours: BTreeMap::new(),
            rolled_minutes: BTreeMap::new(),
            rolled_hours: BTreeMap::new(),
        };
        let mut second = 0;
        let mut next_run = 0;
        while second < 40_000 {
            second += match world.numbers.below(40) {
                0 => world.numbers.below(5_000),
                _ => world.numbers.below(20),
            } as i64;
            while next_run <= second {
                world.run(at(next_run));
                next_run += if world.numbers.below(50) == 0 {
                    2_000
                } else {
                    60
                };
            }
            let delay = match world.numbers.below(30) {
                0 => world.numbers.below(9_000),
                1 => world.numbers.below(200),
                _ => world.numbers.below(30),
            };
            let now = at(second);
            world.store(now.minus(secs(delay)), now);
        }
        let last = next_run.max(second) + 20_000;
        while next_run < last {
            world.run(at(next_run));
            next_run += 60;
        }
        assert!(world.watch.is_quiet(), "{seed}");
        assert_eq!(world.rolled_minutes, world.minutes, "{seed}");
        assert_eq!(world.rolled_hours, world.hours, "{seed}");
    }
}

#[test]
fn a_span_is_cut_to_whole_minutes_and_what_is_late_to_whole_hours() {
    let from = Timestamp::from_second(7_200).unwrap();
    let span = |is_late| Span {
        from,
        to: from.plus(MOST),
        is_late,
    };
    let five = Duration::from_secs(5 * 60 + 59);
    assert_eq!(
        span(false).cut(five).to,
        from.plus(Duration::from_secs(300))
    );
    let hour = Width::Hour.duration();
    assert_eq!(span(true).cut(five).to, from.plus(hour));
    assert_eq!(span(false).cut(MOST * 2), span(false));
}
