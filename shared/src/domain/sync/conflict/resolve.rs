use serde_json::Value;

use super::condition::Conditions;
use super::merge::{MAX_DEPTH, Merger, Unit, names};
use super::same::same_fields;
use super::{
    ConflictPolicy, ConflictRule, FieldConflict, FieldPath, Fields, FlagReason, Resolution,
    RuleAction, Settled, Side,
};

/// What becomes of a record that was `base` when the source was last taken in, and is now as the
/// two sides have it. `base` is `None` if there was no such record, or nobody knows.
///
/// - What only one side has changed since is that side's, whatever the policy. This holds for the
///   record as a whole, which one side may have made or deleted, and for each of its fields.
/// - Where both have changed a field, and not to [the same](fn@super::same), or one has deleted the
///   record and the other changed it, the first rule that fits decides, else the strategy.
/// - An object is one field, unless it is merged, or a rule names a field in it: then its fields
///   are taken one by one, the first rule that fits deciding each.
///
/// It always ends, and takes time in proportion to the records' size, but for what has limits of
/// its own: texts that are merged and conditions. What exceeds them waits for a person.
#[must_use]
pub fn resolve(
    base: Option<&Fields>,
    source: Side<'_>,
    destination: Side<'_>,
    policy: &ConflictPolicy,
) -> Resolution {
    let mut resolver = Resolver {
        merger: Merger::new(source, destination),
        conditions: Conditions::new(base, source, destination),
        conflicts: Vec::new(),
    };
    let scope = Scope {
        rules: &policy.rules,
        otherwise: policy.strategy.action(),
    };
    let settled = resolver.record(base, source.fields, destination.fields, scope);
    let now = [source.fields, destination.fields];
    Resolution::of(now, settled, resolver.conflicts)
}

impl<T: Clone> Settled<T> {
    /// Both sides are `value`, of which the source is `source` now.
    fn on(value: Option<T>, source: Option<&T>) -> Self {
        Self {
            source: value.clone(),
            destination: value,
            base: source.cloned(),
        }
    }

    /// Each is what it was.
    pub(super) fn not(base: Option<&T>, source: Option<&T>, destination: Option<&T>) -> Self {
        Self {
            source: source.cloned(),
            destination: destination.cloned(),
            base: base.cloned(),
        }
    }
}

/// What decides on a field.
#[derive(Clone, Copy)]
struct Scope<'p> {
    /// The first that fits.
    rules: &'p [ConflictRule],
    /// What is done if none does.
    otherwise: RuleAction,
}

/// What is decided on a field.
enum Decision<'p> {
    Act(RuleAction),
    /// The fields of two objects are put together, each on its own.
    MergeFields(Scope<'p>),
    /// A rule names a field in it.
    TakeApart,
    Flag(FlagReason),
}

struct Resolver<'a> {
    merger: Merger,
    conditions: Conditions<'a>,
    conflicts: Vec<FieldConflict>,
}

impl Resolver<'_> {
    fn record(
        &mut self,
        base: Option<&Fields>,
        source: Option<&Fields>,
        destination: Option<&Fields>,
        scope: Scope<'_>,
    ) -> Settled<Fields> {
        if same_records(source, base) {
            return Settled::on(destination.cloned(), source);
        }
        if same_records(destination, base) || same_records(source, destination) {
            return Settled::on(source.cloned(), source);
        }
        if let (Some(source), Some(destination)) = (source, destination) {
            return self.fields(&FieldPath::WHOLE, (base, source, destination), scope);
        }
        let unit = Unit {
            base: None,
            source: None,
            destination: None,
        };
        match self.decide(&FieldPath::WHOLE, unit, scope) {
            Decision::Act(RuleAction::Overwrite) => Settled::on(source.cloned(), source),
            Decision::Act(RuleAction::Preserve) => Settled::on(destination.cloned(), source),
            decision => {
                let reason = match decision {
                    Decision::Flag(reason) => reason,
                    _ => FlagReason::Removed,
                };
                let whole = |fields: Option<&Fields>| fields.cloned().map(Value::Object);
                self.conflicts.push(FieldConflict {
                    field: FieldPath::WHOLE,
                    base: whole(base),
                    source: whole(source),
                    destination: whole(destination),
                    reason,
                });
                Settled::not(base, source, destination)
            }
        }
    }

    /// Settles the fields of a record or an object that both sides have, at `path`.
    fn fields(
        &mut self,
        path: &FieldPath,
        (base, source, destination): (Option<&Fields>, &Fields, &Fields),
        scope: Scope<'_>,
    ) -> Settled<Fields> {
        let [mut new_source, mut new_destination, mut new_base] = [(); 3].map(|()| Fields::new());
        for name in names(source, destination) {
            let unit = Unit::field(name, base, source, destination);
            let settled = self.field(path, name, unit, scope);
            for (fields, value) in [
                (&mut new_source, settled.source),
                (&mut new_destination, settled.destination),
                (&mut new_base, settled.base),
            ] {
                if let Some(value) = value {
                    fields.insert(name.clone(), value);
                }
            }
        }
        Settled {
            source: Some(new_source),
            destination: Some(new_destination),
            base: Some(new_base),
        }
    }

    fn field(
        &mut self,
        parent: &FieldPath,
        name: &str,
        unit: Unit<'_>,
        scope: Scope<'_>,
    ) -> Settled<Value> {
        if let Some(value) = unit.undisputed() {
            return Settled::on(value.cloned(), unit.source);
        }
        let path = parent.member(name);
        let decision = self.decide(&path, unit, scope);
        match (decision, unit.objects()) {
            (Decision::Act(RuleAction::Overwrite), _) => {
                Settled::on(unit.source.cloned(), unit.source)
            }
            (Decision::Act(RuleAction::Preserve), _) => {
                Settled::on(unit.destination.cloned(), unit.source)
            }
            (Decision::TakeApart, Some(objects)) => self.objects(&path, objects, scope),
            (Decision::MergeFields(within), Some(objects)) if path.names().len() <= MAX_DEPTH => {
                self.objects(&path, objects, within)
            }
            (Decision::Flag(reason), _) => self.flag(path, unit, reason),
            _ => match self.merger.merged(unit, path.names().len()) {
                Ok(value) => Settled::on(value, unit.source),
                Err(reason) => self.flag(path, unit, reason),
            },
        }
    }

    fn objects(
        &mut self,
        path: &FieldPath,
        objects: (Option<&Fields>, &Fields, &Fields),
        scope: Scope<'_>,
    ) -> Settled<Value> {
        let settled = self.fields(path, objects, scope);
        Settled {
            source: settled.source.map(Value::Object),
            destination: settled.destination.map(Value::Object),
            base: settled.base.map(Value::Object),
        }
    }

    fn flag(&mut self, field: FieldPath, unit: Unit<'_>, reason: FlagReason) -> Settled<Value> {
        self.conflicts.push(FieldConflict {
            field,
            base: unit.base.cloned(),
            source: unit.source.cloned(),
            destination: unit.destination.cloned(),
            reason,
        });
        Settled::not(unit.base, unit.source, unit.destination)
    }

    /// The first rule that fits decides; else, what is done otherwise.
    fn decide<'p>(&mut self, path: &FieldPath, unit: Unit<'_>, scope: Scope<'p>) -> Decision<'p> {
        let are_objects = unit.objects().is_some();
        for (n, rule) in scope.rules.iter().enumerate() {
            if are_objects && rule.field.is_below(path) {
                return Decision::TakeApart;
            }
            if !rule.field.matches(path) {
                continue;
            }
            match self.conditions.hold(rule, path, unit) {
                Ok(false) => {}
                Err(reason) => return Decision::Flag(reason),
                Ok(true) if rule.action == RuleAction::Merge && are_objects => {
                    // What follows the rule is not asked about the fields: it fits them, but was
                    // not to decide on the object.
                    return Decision::MergeFields(Scope {
                        rules: scope.rules.get(..n).unwrap_or_default(),
                        otherwise: RuleAction::Merge,
                    });
                }
                Ok(true) if rule.action == RuleAction::Flag => {
                    return Decision::Flag(FlagReason::Rule);
                }
                Ok(true) => return Decision::Act(rule.action),
            }
        }
        match scope.otherwise {
            RuleAction::Flag => Decision::Flag(FlagReason::Strategy),
            RuleAction::Merge if are_objects => Decision::MergeFields(scope),
            action => Decision::Act(action),
        }
    }
}

fn same_records(one: Option<&Fields>, other: Option<&Fields>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same_fields(one, other),
        (None, None) => true,
        _ => false,
    }
}
