//! Which parts of a document an expression looks at.

use jmespath::ast::Ast;

use super::Expression;

impl Expression {
    /// The name, if it is nothing but the name of a member.
    #[must_use]
    pub fn as_member(&self) -> Option<&str> {
        match self.0.parsed.as_ref().ok()? {
            Ast::Field { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The parts of the document that its result depends on, each as the names that lead there. A
    /// part is named as far as names alone lead: of `a.b[0].c` that is `a`, `b`. The empty path is
    /// the whole document. A constant depends on none.
    #[must_use]
    pub fn paths(&self) -> Vec<Vec<&str>> {
        let mut paths = Vec::new();
        if let Ok(ast) = &self.0.parsed {
            collect(ast, &[], &mut paths);
        }
        paths
    }
}

fn collect<'a>(ast: &'a Ast, base: &[&'a str], paths: &mut Vec<Vec<&'a str>>) {
    match ast {
        Ast::Literal { .. } | Ast::Expref { .. } => {}
        Ast::Identity { .. } | Ast::Index { .. } | Ast::Slice { .. } => paths.push(base.to_vec()),
        Ast::Field { name, .. } => paths.push(joined(base, &[name])),
        Ast::Subexpr { lhs, rhs, .. } => match names(lhs) {
            Some(names) => collect(rhs, &joined(base, &names), paths),
            // What follows looks at the result of this, not at the document.
            None => collect(lhs, base, paths),
        },
        Ast::Projection { lhs, .. } => collect(lhs, base, paths),
        Ast::Flatten { node, .. } | Ast::ObjectValues { node, .. } | Ast::Not { node, .. } => {
            collect(node, base, paths);
        }
        Ast::And { lhs, rhs, .. } | Ast::Or { lhs, rhs, .. } | Ast::Comparison { lhs, rhs, .. } => {
            collect(lhs, base, paths);
            collect(rhs, base, paths);
        }
        Ast::Condition {
            predicate, then, ..
        } => {
            collect(predicate, base, paths);
            collect(then, base, paths);
        }
        Ast::MultiList { elements, .. } | Ast::Function { args: elements, .. } => {
            for element in elements {
                collect(element, base, paths);
            }
        }
        Ast::MultiHash { elements, .. } => {
            for pair in elements {
                collect(&pair.value, base, paths);
            }
        }
    }
}

/// The names that `ast` is made of, if it is made of nothing else.
fn names(ast: &Ast) -> Option<Vec<&str>> {
    match ast {
        Ast::Identity { .. } => Some(Vec::new()),
        Ast::Field { name, .. } => Some(vec![name]),
        Ast::Subexpr { lhs, rhs, .. } => Some(joined(&names(lhs)?, &names(rhs)?)),
        _ => None,
    }
}

fn joined<'a>(first: &[&'a str], then: &[&'a str]) -> Vec<&'a str> {
    first.iter().chain(then).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_that_are_looked_at_are_named() {
        for (text, expected) in [
            ("email", vec!["email"]),
            ("\"odd name\"", vec!["odd name"]),
            ("a.b.c", vec!["a.b.c"]),
            ("a.b[0].c", vec!["a.b"]),
            ("a[*].b", vec!["a"]),
            ("a[?b == c].d | [0]", vec!["a"]),
            ("a.{x: b, y: c.d}", vec!["a.b", "a.c.d"]),
            ("join(' ', [first, p.last])", vec!["first", "p.last"]),
            ("a || b", vec!["a", "b"]),
            ("a && `1`", vec!["a"]),
            ("!a", vec!["a"]),
            ("sort_by(a, &b)", vec!["a"]),
            ("@", vec![""]),
            ("@.a", vec!["a"]),
            ("values(@)", vec![""]),
            ("a[]", vec!["a"]),
            ("*.b", vec![""]),
            ("'x'", vec![]),
        ] {
            let expression: Expression = text.parse().unwrap();
            let paths = expression.paths();
            let paths: Vec<_> = paths.iter().map(|path| path.join(".")).collect();
            assert_eq!(paths, expected, "{text}");
        }
    }

    #[test]
    fn only_a_name_is_a_name() {
        let member = |text: &str| {
            let expression: Expression = text.parse().unwrap();
            expression.as_member().map(str::to_owned)
        };
        assert_eq!(member("email").as_deref(), Some("email"));
        assert_eq!(member("\"e-mail\"").as_deref(), Some("e-mail"));
        for text in ["a.b", "a[0]", "'a'", "@", "a || b"] {
            assert_eq!(member(text), None, "{text}");
        }
        assert_eq!(Expression::stored("[".to_owned()).paths(), [[""; 0]; 0]);
    }
}
