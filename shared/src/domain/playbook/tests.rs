use std::time::Duration;

use proptest::prelude::*;
use ulid::Ulid;

use super::*;
use crate::domain::incident::{Incident, IncidentAlert};
use crate::domain::{Actor, Breaker, GatewayState};

fn at(second: u64) -> Timestamp {
    Timestamp::from_second(1_790_000_000)
        .unwrap()
        .plus(Duration::from_secs(second))
}

fn step(action: StepAction, approval: Approval, on_failure: OnFailure) -> PlaybookStep {
    PlaybookStep {
        action,
        minutes: (action == StepAction::OpenBreaker).then_some(5),
        network: None,
        emergency: None,
        text: None,
        approval,
        on_failure,
    }
}

fn spec(steps: Vec<PlaybookStep>) -> PlaybookSpec {
    PlaybookSpec {
        name: "a playbook".to_owned(),
        description: String::new(),
        trigger: None,
        approver: Approver::Other,
        approval_minutes: 10,
        steps,
    }
}

fn run(steps: Vec<PlaybookStep>) -> PlaybookRun {
    let new = NewRun {
        id: Ulid::from(1).into(),
        organization: Ulid::from(2).into(),
        playbook: "a-playbook",
        spec: &spec(steps),
        integration: Ulid::from(3).into(),
        incident: None,
        parameters: RunParameters::default(),
        by: Actor::user("starter"),
    };
    PlaybookRun::new(new, at(0))
}

fn waiting() -> PlaybookRun {
    let suspend = StepAction::SuspendIntegration;
    let step = step(suspend, Approval::Required, OnFailure::Stop);
    run(vec![step]).asked(0, at(0))
}

#[test]
fn a_step_that_needs_it_waits_for_another_person_and_not_for_ever() {
    let run = waiting();
    assert_eq!(run.status, RunStatus::Waiting);
    assert_eq!(run.next(at(599)), RunNext::Wait(at(600)));
    assert_eq!(run.due_at, Some(at(600)));
    let decide = |index, by: &str, second| run.decided(index, true, Actor::user(by), at(second));
    assert_eq!(decide(0, "starter", 1).unwrap_err(), RunRefusal::Yourself);
    assert_eq!(decide(1, "other", 1).unwrap_err(), RunRefusal::NotWaiting);
    assert_eq!(decide(0, "other", 600).unwrap_err(), RunRefusal::TooLate);
    let approved = decide(0, "other", 599).unwrap();
    assert_eq!(approved.next(at(599)), RunNext::Take(0));
    let twice = approved.decided(0, true, Actor::user("third"), at(599));
    assert_eq!(twice.unwrap_err(), RunRefusal::NotWaiting);
    assert_eq!(run.next(at(600)), RunNext::Expire(0));
    let expired = run.expired(0, at(600));
    assert_eq!((expired.status, expired.due_at), (RunStatus::Expired, None));
    assert_eq!(expired.next(at(601)), RunNext::Ended);
}

/// Who has asked may say no, though not yes.
#[test]
fn a_rejection_ends_a_run_and_skips_the_rest() {
    let suspend = step(
        StepAction::SuspendIntegration,
        Approval::Required,
        OnFailure::Continue,
    );
    let run = run(vec![suspend.clone(), suspend]).asked(0, at(0));
    let rejected = run
        .decided(0, false, Actor::user("starter"), at(1))
        .unwrap();
    assert_eq!(rejected.status, RunStatus::Rejected);
    let states: Vec<_> = rejected.steps.iter().map(|step| step.state).collect();
    assert_eq!(states, [StepState::Rejected, StepState::Skipped]);
    assert_eq!(rejected.cancelled(at(2)).unwrap_err(), RunRefusal::Ended);
}

#[test]
fn a_failure_ends_a_run_where_it_says_so_and_is_told_where_it_goes_on() {
    for (on_failure, last) in [
        (OnFailure::Stop, StepState::Skipped),
        (OnFailure::Continue, StepState::Done),
    ] {
        let first = step(StepAction::OpenBreaker, Approval::Automatic, on_failure);
        let failed =
            run(vec![first.clone(), first]).ended(0, StepEnd::Failed("x".to_owned()), at(1));
        let ended = match failed.next(at(1)) {
            RunNext::Take(1) => failed.ended(1, StepEnd::Done("y".to_owned(), None), at(2)),
            _ => failed,
        };
        assert_eq!(ended.status, RunStatus::Failed, "{on_failure:?}");
        assert_eq!(ended.steps[1].state, last, "{on_failure:?}");
    }
}

#[test]
fn a_step_that_was_begun_is_nobody_elses_until_its_lease_is_over() {
    let revoke = step(
        StepAction::RevokeGrant,
        Approval::Automatic,
        OnFailure::Stop,
    );
    let begun = run(vec![revoke]).started(0, at(0));
    assert_eq!(begun.next(at(59)), RunNext::Wait(at(60)));
    assert_eq!(begun.cancelled(at(59)).unwrap_err(), RunRefusal::Busy);
    assert_eq!(begun.next(at(60)), RunNext::Take(0));
    let cancelled = begun.cancelled(at(60)).unwrap();
    assert_eq!(cancelled.status, RunStatus::Cancelled);
    // Nobody knows whether it was done: it is not said that it was not.
    assert_eq!(cancelled.steps[0].state, StepState::Failed);
}

#[test]
fn a_breaker_is_opened_for_longer_only_and_closed_only_as_it_was_left() {
    let state = GatewayState::default();
    let Plan::Change { item, memo, .. } = Plan::open_breaker(&state, at(300)) else {
        panic!("it is not opened");
    };
    let StepMemo::Breaker { set, before } = memo else {
        panic!("{memo:?}");
    };
    assert_eq!((set.open_until, before), (at(300), None));
    let again = Plan::open_breaker(&item, at(299));
    assert!(matches!(again, Plan::Nothing(_)), "{again:?}");
    let closed = Undoing::close_breaker(&item, (set, before), at(10));
    assert_eq!(
        closed,
        Undoing::Change {
            item: state.clone(),
            says: "calls are made again".to_owned()
        }
    );
    let reopened = Breaker {
        openings: set.openings + 1,
        ..set
    };
    let moved = GatewayState {
        breaker: Some(reopened),
        ..state
    };
    let undoing = Undoing::close_breaker(&moved, (set, before), at(10));
    assert!(matches!(undoing, Undoing::Moved(_)), "{undoing:?}");
    // One that was open before stays so, unless its time is over.
    let earlier = Breaker {
        open_until: at(100),
        openings: 4,
        is_held: false,
    };
    for (second, left) in [(99, Some(earlier)), (100, None)] {
        let undoing = Undoing::close_breaker(&item, (set, Some(earlier)), at(second));
        let Undoing::Change { item, .. } = undoing else {
            panic!("{undoing:?}");
        };
        assert_eq!(item.breaker, left);
    }
}

#[test]
fn a_playbook_is_for_the_incidents_that_its_trigger_says() {
    let trigger = Trigger {
        alert_kinds: vec![AlertKind::Slow],
        incident_types: vec![IncidentType::Availability],
        min_severity: Some(Severity::High),
        integrations: vec![Ulid::from(3).into()],
        start: TriggerStart::Suggest,
    };
    let incident = |incident_type, severity, integration: Option<u128>, alert| {
        let (id, organization) = (Ulid::from(9).into(), Ulid::from(2).into());
        let alerts = Option::into_iter(alert).map(|kind| IncidentAlert {
            id: Ulid::from(8).into(),
            kind,
            at: at(0),
        });
        Incident {
            incident_type,
            severity,
            integration_id: integration.map(|id| Ulid::from(id).into()),
            alerts: alerts.collect(),
            ..Incident::blank(id, organization, (Actor::user("me"), at(0)))
        }
    };
    let (up, slow) = (IncidentType::Availability, Some(AlertKind::Slow));
    for (kind, severity, integration, alert, matches) in [
        (up, Severity::High, Some(3), slow, true),
        (up, Severity::Critical, Some(3), slow, true),
        (up, Severity::High, Some(3), None, true),
        (up, Severity::Medium, Some(3), slow, false),
        (IncidentType::Data, Severity::High, Some(3), slow, false),
        (up, Severity::High, Some(4), slow, false),
        (up, Severity::High, None, slow, false),
        (
            up,
            Severity::High,
            Some(3),
            Some(AlertKind::ErrorRate),
            false,
        ),
    ] {
        let incident = incident(kind, severity, integration, alert);
        assert_eq!(trigger.matches(&incident), matches, "{incident:?}");
        assert!(Trigger::default().matches(&incident));
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, easier to read whole")]
fn what_a_playbook_may_not_say_is_named_with_its_place() {
    let good = spec(vec![step(
        StepAction::OpenBreaker,
        Approval::Automatic,
        OnFailure::Stop,
    )]);
    assert_eq!(good.wrong_fields(), []);
    let block = |network: Option<&str>| PlaybookStep {
        network: network.map(|network| network.parse().unwrap()),
        ..step(
            StepAction::BlockSourceNetwork,
            Approval::Required,
            OnFailure::Stop,
        )
    };
    let with = |change: &dyn Fn(&mut PlaybookSpec)| {
        let mut spec = good.clone();
        change(&mut spec);
        spec
    };
    let automatic = |integrations: Vec<u128>| Trigger {
        integrations: integrations
            .into_iter()
            .map(|id| Ulid::from(id).into())
            .collect(),
        start: TriggerStart::Automatic,
        ..Trigger::default()
    };
    for (spec, pointer) in [
        (
            with(&|spec| spec.steps[0].emergency = Some(true)),
            "/steps/0/emergency",
        ),
        (with(&|spec| spec.name = "x".repeat(101)), "/name"),
        (
            with(&|spec| spec.description = "x".repeat(2_001)),
            "/description",
        ),
        (with(&|spec| spec.approval_minutes = 0), "/approvalMinutes"),
        (
            with(&|spec| spec.approval_minutes = 1_441),
            "/approvalMinutes",
        ),
        (with(&|spec| spec.steps.clear()), "/steps"),
        (
            with(&|spec| spec.steps = vec![spec.steps[0].clone(); 11]),
            "/steps",
        ),
        (
            with(&|spec| spec.steps[0].minutes = Some(1_441)),
            "/steps/0/minutes",
        ),
        (
            with(&|spec| spec.steps[0].minutes = None),
            "/steps/0/minutes",
        ),
        (
            with(&|spec| spec.steps.push(block(Some("0.0.0.0/0")))),
            "/steps/1/network",
        ),
        (
            with(&|spec| spec.steps.push(block(Some("::/0")))),
            "/steps/1/network",
        ),
        (
            with(&|spec| spec.steps.push(block(Some("192.0.2.1/24")))),
            "/steps/1/network",
        ),
        (
            with(&|spec| spec.steps[0].text = Some("x".to_owned())),
            "/steps/0/text",
        ),
        (
            with(&|spec| {
                spec.steps[0].action = StepAction::Notify;
                spec.steps[0].minutes = None;
                spec.steps[0].text = Some(" ".to_owned());
            }),
            "/steps/0/text",
        ),
        (
            with(&|spec| spec.trigger = Some(automatic(vec![]))),
            "/trigger/integrations",
        ),
        (
            with(&|spec| spec.trigger = Some(automatic(vec![1, 1]))),
            "/trigger/integrations/1",
        ),
        (
            with(&|spec| spec.trigger = Some(automatic((0..26).collect()))),
            "/trigger/integrations",
        ),
        (
            with(&|spec| {
                spec.trigger = Some(automatic(vec![1]));
                spec.steps.push(block(Some("192.0.2.0/24")));
            }),
            "/trigger/start",
        ),
    ] {
        let errors = spec.wrong_fields();
        let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, [pointer], "{errors:?}");
    }
}

#[derive(Clone, Debug)]
enum Move {
    GoOn(u8),
    Decide(usize, bool, bool),
    Cancel,
    Undo(bool),
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        6 => (0..4_u8).prop_map(Move::GoOn),
        3 => (0..4_usize, any::<bool>(), any::<bool>())
            .prop_map(|(index, yes, other)| Move::Decide(index, yes, other)),
        1 => Just(Move::Cancel),
        2 => any::<bool>().prop_map(Move::Undo),
    ]
}

fn any_steps() -> impl Strategy<Value = Vec<PlaybookStep>> {
    let action = proptest::sample::select(StepAction::ALL.to_vec());
    let one = (action, any::<bool>(), any::<bool>()).prop_map(|(action, waits, stops)| {
        let approval = if waits {
            Approval::Required
        } else {
            Approval::Automatic
        };
        let on_failure = if stops {
            OnFailure::Stop
        } else {
            OnFailure::Continue
        };
        step(action, approval, on_failure)
    });
    proptest::collection::vec(one, 1..4)
}

/// What a runner and people do with a run; `None`, if that is refused.
fn moved(run: &PlaybookRun, one: &Move, now: Timestamp) -> Option<PlaybookRun> {
    match one {
        Move::GoOn(end) => match run.next(now) {
            RunNext::Ended | RunNext::Wait(_) => None,
            RunNext::Ask(index) => Some(run.asked(index, now)),
            RunNext::Expire(index) => Some(run.expired(index, now)),
            RunNext::Take(index) => {
                let memo = StepMemo::Status {
                    before: crate::domain::IntegrationStatus::Active,
                    version: 1,
                };
                Some(match end {
                    0 => run.ended(index, StepEnd::Done(String::new(), Some(memo)), now),
                    1 => run.ended(index, StepEnd::Unchanged(String::new()), now),
                    2 => run.ended(index, StepEnd::Failed(String::new()), now),
                    _ => run.started(index, now),
                })
            }
        },
        Move::Decide(index, yes, other) => {
            let by = Actor::user(if *other { "other" } else { "starter" });
            run.decided(*index, *yes, by, now).ok()
        }
        Move::Cancel => run.cancelled(now).ok(),
        Move::Undo(was_undone) => {
            let (index, _) = run.to_undo().ok()?;
            Some(run.undone(index, *was_undone, "", now))
        }
    }
}

proptest! {
    /// Whatever happens: steps are taken in their order; what has ended stays ended, but for what is
    /// undone after the run; nothing that needs a person is begun without one, and not with who has
    /// started the run; a run has a time at which it is looked at exactly as long as it goes on.
    #[test]
    fn whatever_happens_a_run_stays_sound(
        steps in any_steps(),
        moves in proptest::collection::vec((any_move(), 0..400_u64), 1..40),
    ) {
        let mut run = run(steps);
        let mut now = at(0);
        for (one, seconds) in moves {
            now = now.plus(Duration::from_secs(seconds));
            let Some(after) = moved(&run, &one, now) else { continue };
            for (index, (was, is)) in run.steps.iter().zip(&after.steps).enumerate() {
                if was.state.has_ended() {
                    let undoes = run.status.has_ended()
                        && was.state == StepState::Done
                        && matches!(is.state, StepState::Undone | StepState::NotUndone);
                    prop_assert!(was.state == is.state || undoes, "{:?} {:?}", one, is);
                }
                let acts = matches!(is.state, StepState::Started | StepState::Done);
                if acts && is.step.approval == Approval::Required {
                    let by = &is.decided.as_ref().unwrap().by;
                    prop_assert!(*by != run.started_by);
                }
                if acts {
                    let earlier = &after.steps[..index];
                    prop_assert!(earlier.iter().all(|step| step.state.has_ended()));
                }
            }
            prop_assert!(!run.status.has_ended() || after.status == run.status);
            prop_assert_eq!(after.status.has_ended(), after.due_at.is_none());
            prop_assert_eq!(after.status.has_ended(), after.ended_at.is_some());
            prop_assert_eq!(after.status.has_ended(), after.current().is_none());
            run = after;
        }
    }

    /// A runner that is never disturbed comes to an end, in as many moves as there can be.
    #[test]
    fn a_run_that_somebody_goes_on_with_ends(steps in any_steps(), ends in any::<[u8; 64]>()) {
        let mut run = run(steps);
        let mut now = at(0);
        let mut moves = 0;
        for end in ends {
            now = now.plus(Duration::from_secs(61));
            let tries = run.current().map_or(0, |(_, step)| step.tries);
            let end = if tries >= MAX_TRIES { 2 } else { end % 4 };
            if let Some(after) = moved(&run, &Move::GoOn(end), now) {
                run = after;
            }
            moves += 1;
            if run.status.has_ended() { break }
        }
        prop_assert!(run.status.has_ended() || moves == 64);
        prop_assert!(run.status.has_ended(), "{:?}", run);
    }
}
