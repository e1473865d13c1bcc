use std::collections::BTreeMap;

use super::conflict::{Choice, FieldConflict, FieldPath, SettleError, settle};
use super::{EntitySync, RecordBody, RecordHead, Standing, check_content};

/// A record after a person has decided on a conflict of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// With the next version and no sequence yet.
    pub head: RecordHead,
    /// What it holds now.
    pub body: RecordBody,
    /// What still waits, if something does.
    pub open: Vec<FieldConflict>,
}

impl Standing {
    /// The record after the choices that were made on some of `conflicts`, which are all that is open
    /// of it. It is pending, if the provider has to be told.
    ///
    /// # Errors
    ///
    /// If there is no such conflict, the record is not what it was when the conflict was found, or it
    /// would hold more than a record may.
    pub fn settled(
        &self,
        conflicts: &[FieldConflict],
        choices: &BTreeMap<FieldPath, Choice>,
        rules: &EntitySync,
    ) -> Result<Settlement, SettleError> {
        let content = (!self.head.deleted).then_some(&self.body.content);
        let resolution = settle(self.body.base.as_ref(), content, conflicts, choices)?;
        if let Some(content) = &resolution.content {
            check_content(content)?;
        }
        let deleted = resolution.content.is_none();
        let waits = !resolution.conflicts.is_empty();
        let head = RecordHead {
            version: self.head.version.saturating_add(1),
            deleted,
            pending: resolution.to_source.is_some(),
            conflict: self.head.conflict.filter(|_| waits),
            ..self.head.clone()
        };
        let body = RecordBody {
            base: resolution.new_base.filter(|_| waits || head.pending),
            // What it held last, if it is deleted.
            content: resolution
                .content
                .unwrap_or_else(|| self.body.content.clone()),
            ..self.followed(rules)
        };
        Ok(Settlement {
            head,
            body,
            open: resolution.conflicts,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::sync::conflict::{ConflictPolicy, Resolution, Side, Strategy, resolve};
    use crate::domain::sync::{ChangeOrigin, ContentError, Fields};

    fn fields(value: Value) -> Fields {
        value.as_object().unwrap().clone()
    }

    /// A record of which both sides have changed, as its reading leaves it: with what waits.
    fn disputed(
        base: &Value,
        source: Option<Value>,
        ours: &Value,
    ) -> (Standing, Vec<FieldConflict>) {
        let (base, ours) = (fields(base.clone()), fields(ours.clone()));
        let source = source.map(fields);
        let source = Side {
            fields: source.as_ref(),
            changed_at: None,
        };
        let policy = ConflictPolicy::of(Strategy::Manual);
        let Resolution {
            content,
            conflicts,
            new_base,
            ..
        } = resolve(Some(&base), source, Side::present(&ours, None), &policy);
        let standing = Standing {
            head: RecordHead {
                sequence: 4,
                version: 2,
                source_hash: "hash".to_owned(),
                deleted: false,
                source_version: None,
                observed_at: Timestamp::UNIX_EPOCH,
                pending: true,
                conflict: Some(ulid::Ulid::from(7_u128).into()),
            },
            origin: ChangeOrigin::Sync,
            created_at: Timestamp::UNIX_EPOCH,
            changed_at: Timestamp::UNIX_EPOCH,
            body: RecordBody {
                id: "c1".to_owned(),
                content: content.unwrap(),
                base: new_base,
                history: Vec::new(),
                moved_to: None,
            },
        };
        (standing, conflicts)
    }

    fn choices(of: &[(&str, Choice)]) -> BTreeMap<FieldPath, Choice> {
        let parsed = of
            .iter()
            .map(|(field, choice)| (field.parse().unwrap(), choice.clone()));
        parsed.collect()
    }

    fn value(value: Value) -> Choice {
        Choice::Value { value }
    }

    #[test]
    fn the_provider_is_told_what_it_does_not_have() {
        let base = json!({"name": "A", "city": "X"});
        let source = json!({"name": "B", "city": "X"});
        let ours = json!({"name": "C", "city": "X"});
        for (choice, content, agreed) in [
            (Choice::Source {}, "B", true),
            (Choice::Destination {}, "C", false),
            (value(json!("D")), "D", false),
            (value(json!("B")), "B", true),
        ] {
            let (standing, conflicts) = disputed(&base, Some(source.clone()), &ours);
            let choices = choices(&[("name", choice)]);
            let rules = EntitySync::default();
            let settled = standing.settled(&conflicts, &choices, &rules).unwrap();
            assert_eq!(settled.body.content["name"], content);
            assert_eq!((settled.head.version, settled.head.conflict), (3, None));
            assert_eq!(settled.head.pending, !agreed);
            // What the provider has now is what both sides know of.
            let known = (!agreed).then(|| fields(source.clone()));
            assert_eq!(settled.body.base, known);
            assert_eq!(settled.body.history[0].content, fields(ours.clone()));
            assert!(settled.open.is_empty());
        }
    }

    #[test]
    fn what_nobody_decided_on_stays_open() {
        let base = json!({"name": "A", "city": "X"});
        let (source, ours) = (
            json!({"name": "B", "city": "Y"}),
            json!({"name": "C", "city": "Z"}),
        );
        let (standing, conflicts) = disputed(&base, Some(source), &ours);
        let choices = choices(&[("name", Choice::Source {})]);
        let settled = standing
            .settled(&conflicts, &choices, &EntitySync::default())
            .unwrap();
        assert_eq!(settled.open.len(), 1);
        assert!(settled.head.conflict.is_some());
        assert_eq!(
            settled.body.content,
            fields(json!({"name": "B", "city": "Z"}))
        );
        assert_eq!(
            settled.body.base,
            Some(fields(json!({"name": "B", "city": "X"})))
        );
    }

    #[test]
    fn a_record_that_was_deleted_on_one_side_goes_or_comes_back_as_a_whole() {
        let (base, ours) = (json!({"name": "A"}), json!({"name": "C"}));
        for (choice, deleted, pending) in [
            (Choice::Source {}, true, false),
            (Choice::Destination {}, false, true),
        ] {
            let (standing, conflicts) = disputed(&base, None, &ours);
            let settled = standing
                .settled(
                    &conflicts,
                    &choices(&[("*", choice)]),
                    &EntitySync::default(),
                )
                .unwrap();
            assert_eq!(
                (settled.head.deleted, settled.head.pending),
                (deleted, pending)
            );
            assert_eq!(settled.body.content, fields(ours.clone()));
            assert_eq!(settled.body.base, None);
        }
    }

    #[test]
    fn a_value_that_a_record_cannot_hold_is_refused() {
        let base = json!({"name": "A"});
        let (source, ours) = (json!({"name": "B"}), json!({"name": "C"}));
        let (standing, conflicts) = disputed(&base, Some(source), &ours);
        let deep = (0..65).fold(json!(1), |inner, _| json!([inner]));
        for (decided, error) in [
            (json!("x".repeat(131_072)), ContentError::TooLarge),
            (deep, ContentError::TooDeep),
        ] {
            let choices = choices(&[("name", value(decided))]);
            let refused = standing.settled(&conflicts, &choices, &EntitySync::default());
            assert_eq!(refused, Err(SettleError::Content(error)));
        }
    }

    #[test]
    fn what_is_not_in_conflict_or_has_changed_is_not_settled() {
        let base = json!({"name": "A"});
        let (source, ours) = (json!({"name": "B"}), json!({"name": "C"}));
        let (mut standing, conflicts) = disputed(&base, Some(source), &ours);
        let rules = EntitySync::default();
        let other = choices(&[("city", Choice::Source {})]);
        let refused = standing.settled(&conflicts, &other, &rules);
        assert!(matches!(refused, Err(SettleError::NotOpen(_))));
        standing.body.content = fields(json!({"name": "E"}));
        let name = choices(&[("name", Choice::Source {})]);
        let refused = standing.settled(&conflicts, &name, &rules);
        assert!(matches!(refused, Err(SettleError::Changed(_))));
    }
}
