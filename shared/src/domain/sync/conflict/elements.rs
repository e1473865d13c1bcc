//! Lists as sets: of scalars, or of objects with an `id`, which is what they are compared by.

use std::collections::HashMap;

use serde_json::Value;

use super::FlagReason;
use super::merge::{Merger, Unit};
use super::same::scalar_key;

/// A list of more elements is not merged.
pub(super) const MAX_ELEMENTS: usize = 10_000;
/// The field that objects in a list are recognised by.
const ID: &str = "id";

/// What the changes of both sides make of a set: it has what both have added, and not what either
/// has removed. It is in the source's order; then follows what only the destination has added, in
/// the destination's order.
///
/// `lists` are the base, the source and the destination.
///
/// # Errors
///
/// If one of the lists is no set or is too large, if an object was removed by one side and changed
/// by the other, or if the changes of an object cannot be merged.
pub(super) fn merged(
    merger: &mut Merger,
    lists: [&[Value]; 3],
    depth: usize,
) -> Result<Vec<Value>, FlagReason> {
    let form = Form::of(lists)?;
    let [base, source, destination] = lists.map(|list| Set::of(list, form));
    let (base, source, destination) = (base?, source?, destination?);
    let mut merged = Vec::new();
    let only_there = destination
        .keys
        .iter()
        .filter(|key| !source.elements.contains_key(*key));
    for key in source.keys.iter().chain(only_there) {
        let element = Unit {
            base: base.elements.get(key).copied(),
            source: source.elements.get(key).copied(),
            destination: destination.elements.get(key).copied(),
        };
        merged.extend(match form {
            Form::Scalars => element.undisputed().unwrap_or(element.source).cloned(),
            Form::Objects => merger.settled(element, depth + 1)?,
        });
    }
    Ok(merged)
}

/// What a set is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Scalars,
    Objects,
}

impl Form {
    /// The first element tells it; those that differ are found when the sets are made.
    fn of(lists: [&[Value]; 3]) -> Result<Self, FlagReason> {
        if lists.iter().any(|list| list.len() > MAX_ELEMENTS) {
            return Err(FlagReason::TooLarge);
        }
        let first = lists.iter().find_map(|list| list.first());
        Ok(match first {
            Some(Value::Object(_)) => Self::Objects,
            _ => Self::Scalars,
        })
    }

    fn key(self, element: &Value) -> Option<String> {
        match self {
            Self::Scalars => scalar_key(element),
            Self::Objects => element
                .get(ID)
                .filter(|id| id.is_string() || id.is_number())
                .and_then(scalar_key),
        }
    }
}

/// A list without an element that occurs twice.
struct Set<'a> {
    /// In the list's order.
    keys: Vec<String>,
    elements: HashMap<String, &'a Value>,
}

impl<'a> Set<'a> {
    fn of(list: &'a [Value], form: Form) -> Result<Self, FlagReason> {
        let keys = list.iter().map(|element| form.key(element));
        let keys: Option<Vec<String>> = keys.collect();
        let keys = keys.ok_or(FlagReason::NotASet)?;
        let elements: HashMap<_, _> = keys.iter().cloned().zip(list).collect();
        if elements.len() < keys.len() {
            return Err(FlagReason::NotASet);
        }
        Ok(Self { keys, elements })
    }
}
