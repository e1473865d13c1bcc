//! How deep the parser would have to go into a text, found without going there.
//!
//! The parser recurses, and so does everything that walks its tree, down to dropping it: a text of
//! some hundred `!` ends the process. So each text is measured first, in one pass over its bytes.

/// The height of the highest tree that is parsed and evaluated. A level costs the parser up to 4 KB
/// of stack in a debug build, and less in an optimised one, so this takes a quarter of the 2 MiB
/// that a thread has; a test holds it to that.
pub(super) const MAX_HEIGHT: u32 = 100;

/// Ways to put operands together, from those that bind tightest: `a.b`, `a == b`, `a && b`,
/// `a || b`, `a | b`.
const STRENGTHS: usize = 5;
const CHAIN: usize = 0;
const COMPARISON: usize = 1;
const AND: usize = 2;
const OR: usize = 3;
const PIPE: usize = 4;

/// Never less than half of the height of the tree of `text`, nor than the nesting of its parser.
pub(super) fn height(text: &str) -> u32 {
    let mut groups = vec![Group::default()];
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        let Some(group) = groups.last_mut() else {
            break;
        };
        match byte {
            b'\'' | b'"' | b'`' => skip(&mut bytes, byte),
            b'.' | b'*' => group.join(CHAIN),
            b'=' | b'<' | b'>' => {
                bytes.next_if_eq(&b'=');
                group.join(COMPARISON);
            }
            b'!' if bytes.next_if_eq(&b'=').is_some() => group.join(COMPARISON),
            b'!' => group.join(CHAIN),
            b'&' if bytes.next_if_eq(&b'&').is_some() => group.join(AND),
            b'&' => group.prefix(),
            b'|' if bytes.next_if_eq(&b'|').is_some() => group.join(OR),
            b'|' => group.join(PIPE),
            b',' => group.end_item(),
            b'[' if bytes.next_if_eq(&b']').is_some() => group.join(CHAIN),
            b'(' | b'[' | b'{' => {
                group.join(CHAIN);
                groups.push(Group::default());
            }
            b')' | b']' | b'}' => close(&mut groups),
            _ => {}
        }
    }
    while groups.len() > 1 {
        close(&mut groups);
    }
    groups.pop().map_or(0, Group::height)
}

/// Takes a quoted text from `bytes`, up to its end.
fn skip(bytes: &mut impl Iterator<Item = u8>, quote: u8) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            _ if byte == quote => return,
            _ => {}
        }
    }
}

/// Ends the innermost group. One that was never opened is for the parser to find.
fn close(groups: &mut Vec<Group>) {
    if groups.len() > 1
        && let Some(inner) = groups.pop()
        && let Some(outer) = groups.last_mut()
    {
        outer.hold(inner.height());
    }
}

/// What stands between two brackets.
#[derive(Debug, Default)]
struct Group {
    /// How many operators of each strength there are in what has been begun.
    joins: [u32; STRENGTHS],
    /// The highest operand of each of them.
    highest: [u32; STRENGTHS],
    /// The highest item that a comma has ended.
    items: u32,
}

impl Group {
    /// An operator: it ends what binds tighter.
    fn join(&mut self, strength: usize) {
        let ended = self.fold(strength);
        if let (Some(joins), Some(highest)) =
            (self.joins.get_mut(strength), self.highest.get_mut(strength))
        {
            *joins += 1;
            *highest = ended.max(*highest);
        }
    }

    /// A `&`: all that follows is below it, however loosely it binds.
    fn prefix(&mut self) {
        let [.., joins] = &mut self.joins;
        *joins += 1;
    }

    /// A group that is an operand here.
    fn hold(&mut self, height: u32) {
        let [highest, ..] = &mut self.highest;
        *highest = height.max(*highest);
    }

    fn end_item(&mut self) {
        self.items = self.fold(STRENGTHS).max(self.items);
    }

    fn height(mut self) -> u32 {
        self.end_item();
        self.items.saturating_add(1)
    }

    /// The height of what binds tighter than `strength`, which is over.
    fn fold(&mut self, strength: usize) -> u32 {
        let tighter = self.joins.iter_mut().zip(&mut self.highest).take(strength);
        tighter.fold(0, |below, (joins, highest)| {
            std::mem::take(joins).saturating_add(std::mem::take(highest).max(below))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_each_other_and_what_stands_in_each_other_counts() {
        for (text, expected) in [
            ("a", 1),
            ("a.b.c", 3),
            ("!!a", 3),
            ("a[0]", 3),
            ("(((a)))", 7),
            ("a | b | c | d", 4),
            ("a[*].b[]", 6),
            ("map(&a.b, c)", 5),
        ] {
            assert_eq!(height(text), expected, "{text}");
        }
    }

    #[test]
    fn what_stands_beside_each_other_does_not() {
        let fields = vec!["f: a.b"; 200].join(", ");
        assert_eq!(height(&format!("{{{fields}}}")), 4);
        assert_eq!(height("a.b == c.d"), 3);
        assert_eq!(height("a.b == c.d && e.f == g.h || i.j"), 5);
    }

    #[test]
    fn what_is_quoted_does_not_count() {
        for text in [r"'((\'(('", r#""((\"((""#, r"`[\`[[\\`", "'unended (((("] {
            assert_eq!(height(text), 1, "{text}");
        }
    }

    #[test]
    fn a_group_that_ends_too_often_or_never_is_measured_too() {
        assert_eq!(height(")))a.b"), 2);
        assert_eq!(height("((("), 7);
    }
}
