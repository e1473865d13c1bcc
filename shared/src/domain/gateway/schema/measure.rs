use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// How large a part of a schema is with every reference replaced by what it refers to.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) values: u64,
    pub(super) height: usize,
}

impl Size {
    const NONE: Self = Self {
        values: 0,
        height: 0,
    };
    const HUGE: Self = Self {
        values: u64::MAX,
        height: usize::MAX,
    };

    fn beside(self, other: Self) -> Self {
        Self {
            values: self.values.saturating_add(other.values),
            height: self.height.max(other.height),
        }
    }

    fn within_another(self) -> Self {
        Self {
            values: self.values.saturating_add(1),
            height: self.height.saturating_add(1),
        }
    }
}

/// Measures a schema.
pub(super) struct Measure<'s> {
    schema: &'s Value,
    /// By reference; `None` while it is being measured.
    known: HashMap<&'s str, Option<Size>>,
    depth: usize,
}

impl<'s> Measure<'s> {
    pub(super) const MAX_DEPTH: usize = 256;

    pub(super) fn of(schema: &'s Value) -> Size {
        let mut measure = Self {
            schema,
            known: HashMap::new(),
            depth: 0,
        };
        measure.part(schema)
    }

    /// One that is too deep to be walked is too large.
    fn part(&mut self, part: &'s Value) -> Size {
        if self.depth == Self::MAX_DEPTH {
            return Size::HUGE;
        }
        self.depth += 1;
        let parts = match part {
            Value::Array(items) => self.parts(items.iter()),
            Value::Object(members) => {
                let referred = members.get("$ref").and_then(Value::as_str);
                let referred = referred.map_or(Size::NONE, |reference| self.referred(reference));
                self.parts(members.values()).beside(referred)
            }
            _ => Size::NONE,
        };
        self.depth -= 1;
        parts.within_another()
    }

    fn parts(&mut self, parts: impl Iterator<Item = &'s Value>) -> Size {
        parts.fold(Size::NONE, |sum, part| sum.beside(self.part(part)))
    }

    /// What refers to itself counts once: how deep it goes depends on the body.
    fn referred(&mut self, reference: &'s str) -> Size {
        if let Some(known) = self.known.get(reference) {
            return known.unwrap_or(Size::NONE);
        }
        let pointer = reference.strip_prefix('#').and_then(|fragment| {
            let pointer = percent_decode_str(fragment).decode_utf8().ok()?;
            self.schema.pointer(&pointer)
        });
        self.known.insert(reference, None);
        let size = pointer.map_or(Size::NONE, |part| self.part(part));
        self.known.insert(reference, Some(size));
        size
    }
}
