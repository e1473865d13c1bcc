//! How much work an evaluation may be.

use std::io;

use jmespath::Variable;

use super::ExpressionError;

/// Of so many bytes may an evaluation make or read copies. A function has 256 MB of memory, and
/// this is beside the document.
pub(super) const BUDGET: usize = 64 * 1024 * 1024;

/// What it costs to evaluate a part of an expression once.
pub(super) const STEP: usize = 16;
/// What it costs to put an element into a list.
pub(super) const ELEMENT: usize = 16;
/// What it costs to begin an object.
pub(super) const OBJECT: usize = 256;
/// What it costs to put a member into an object, besides its name.
pub(super) const MEMBER: usize = 64;

/// Counts what an evaluation costs, in bytes, before it is done.
#[derive(Debug)]
pub(super) struct Meter {
    left: usize,
}

impl Meter {
    pub(super) fn new(budget: usize) -> Self {
        Self { left: budget }
    }

    /// Pays for `bytes`.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), ExpressionError> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(exhausted()),
        }
    }

    /// Pays for `count` things that cost `each`.
    pub(super) fn spend_each(&mut self, count: usize, each: usize) -> Result<(), ExpressionError> {
        self.spend(count.saturating_mul(each))
    }

    /// Pays for a value without what is inside its elements or members.
    pub(super) fn spend_shallow(&mut self, value: &Variable) -> Result<(), ExpressionError> {
        match value {
            Variable::String(text) => self.spend(text.len()),
            Variable::Array(elements) => self.spend_each(elements.len(), ELEMENT),
            Variable::Object(members) => {
                self.spend_each(members.len(), MEMBER)?;
                members.keys().try_for_each(|name| self.spend(name.len()))
            }
            Variable::Null | Variable::Bool(_) | Variable::Number(_) | Variable::Expref(_) => {
                Ok(())
            }
        }
    }

    /// Pays for a value with all that is in it, as often as it is in it.
    pub(super) fn spend_deep(&mut self, value: &Variable) -> Result<(), ExpressionError> {
        self.spend_shallow(value)?;
        match value {
            Variable::Array(elements) => {
                let mut elements = elements.iter();
                elements.try_for_each(|element| self.spend_deep(element))
            }
            Variable::Object(members) => {
                let mut members = members.values();
                members.try_for_each(|member| self.spend_deep(member))
            }
            _ => Ok(()),
        }
    }

    /// The JSON of a value, paid for.
    pub(super) fn json(&mut self, value: &Variable) -> Result<String, ExpressionError> {
        let json = json_within(value, self.left).map_err(|_| exhausted())?;
        self.spend(json.len())?;
        String::from_utf8(json).map_err(|_| ExpressionError::evaluation("a text is not UTF-8"))
    }
}

fn exhausted() -> ExpressionError {
    ExpressionError::evaluation("it is more work than is allowed")
}

/// The JSON of a value, if it has at most `max_bytes`.
pub(super) fn json_within(value: &Variable, max_bytes: usize) -> Result<Vec<u8>, ExpressionError> {
    let mut json = Bounded {
        bytes: Vec::new(),
        max_bytes,
    };
    // Only the writer fails: a value has no keys but texts.
    serde_json::to_writer(&mut json, value).map_err(|_| ExpressionError::TooLarge)?;
    Ok(json.bytes)
}

/// Takes so many bytes and no more.
struct Bounded {
    bytes: Vec<u8>,
    max_bytes: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.max_bytes.saturating_sub(self.bytes.len()) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
