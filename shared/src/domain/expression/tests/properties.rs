use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use super::on_a_small_stack;

/// Pieces that make texts which often parse.
fn soup() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a",
        "b",
        "a",
        "@",
        "`1`",
        "`[1,{\"a\":2}]`",
        "'x'",
        "\"a\"",
        ".",
        ".",
        "[0]",
        "[*]",
        "[]",
        "[?",
        "]",
        "[",
        "[-1:]",
        "[::2]",
        "*",
        "(",
        ")",
        "{a:",
        "{b:",
        "}",
        ",",
        "&",
        "&&",
        "||",
        "|",
        "!",
        "==",
        "<",
        "!=",
        "length(",
        "map(&",
        "sort_by(",
        "to_string(",
        "join('-',",
        "keys(",
        "values(",
        "merge(",
        "not_null(",
        "max_by(",
        "type(",
        "reverse(",
        "to_array(",
        "sum(",
        "sort(",
        "contains(",
    ]);
    prop::collection::vec(pieces, 1..40).prop_map(|pieces| pieces.concat())
}

/// Texts that parse more often than not.
fn written() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "a", "b", "@", "`1`", "'x'", "`[1, 2]`", "*", "a[0]", "a[*]", "[]",
    ]);
    leaf.prop_map(str::to_owned)
        .prop_recursive(6, 24, 3, |inner| {
            let forms = prop::sample::select(vec![
                "(1)",
                "!1",
                "1.a",
                "1[*].a",
                "1[?2]",
                "1[].b",
                "1 | 2",
                "1 || 2",
                "1 && 2",
                "1 == 2",
                "1 < 2",
                "[1, 2]",
                "{a: 1, b: 2}",
                "1.{a: a}",
                "length(1)",
                "map(&1, 2)",
                "sort_by(1, &2)",
                "max_by(1, &2)",
                "min_by(1, &2)",
                "to_string(1)",
                "to_array(1)",
                "not_null(1, 2)",
                "contains(1, 2)",
                "join('-', 1)",
                "keys(1)",
                "values(1)",
                "merge(1, 2)",
                "type(1)",
                "reverse(1)",
                "sum(1)",
                "1[1:]",
                "1[::-1]",
            ]);
            (forms, inner.clone(), inner).prop_map(|(form, one, two)| {
                form.replace('1', "\u{1}")
                    .replace('2', "\u{2}")
                    .replace('\u{1}', &one)
                    .replace('\u{2}', &two)
            })
        })
}

fn documents() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (-3..4_i32).prop_map(Value::from),
        "[a-c\"]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[ab]", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn tree_height(ast: &Ast) -> u32 {
    let highest = |parts: &mut dyn Iterator<Item = &Ast>| parts.map(tree_height).max().unwrap_or(0);
    1 + match ast {
        Ast::Identity { .. }
        | Ast::Field { .. }
        | Ast::Index { .. }
        | Ast::Literal { .. }
        | Ast::Slice { .. } => 0,
        Ast::Flatten { node, .. } | Ast::Not { node, .. } | Ast::ObjectValues { node, .. } => {
            tree_height(node)
        }
        Ast::Expref { ast, .. } => tree_height(ast),
        Ast::Condition {
            predicate, then, ..
        } => tree_height(predicate).max(tree_height(then)),
        Ast::Comparison { lhs, rhs, .. }
        | Ast::Projection { lhs, rhs, .. }
        | Ast::And { lhs, rhs, .. }
        | Ast::Or { lhs, rhs, .. }
        | Ast::Subexpr { lhs, rhs, .. } => tree_height(lhs).max(tree_height(rhs)),
        Ast::Function { args, .. } => highest(&mut args.iter()),
        Ast::MultiList { elements, .. } => highest(&mut elements.iter()),
        Ast::MultiHash { elements, .. } => highest(&mut elements.iter().map(|pair| &pair.value)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_is_at_most_twice_as_high_as_was_measured(text in prop_oneof![soup(), written()]) {
        if let Ok(ast) = jmespath::parse(&text) {
            prop_assert!(tree_height(&ast) <= 2 * height(&text), "{text}: {ast:?}");
        }
    }

    #[test]
    fn results_are_the_librarys(text in prop_oneof![soup(), written()], document in documents()) {
        if let Ok(ours) = text.parse::<Expression>() {
            let theirs = jmespath::compile(&text).unwrap().search(&document);
            match (ours.evaluate(&document), theirs) {
                (Ok(ours), Ok(theirs)) => {
                    prop_assert_eq!(ours, serde_json::to_value(&*theirs).unwrap(), "{}", text);
                }
                (ours, theirs) => prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}: {:?}", text, ours),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// A few repeated pieces are what nests deepest and grows fastest.
    #[test]
    fn no_text_overflows_the_stack_or_goes_over_its_budget(
        pieces in prop::collection::vec((soup(), 1..60_usize), 1..4),
        document in documents(),
    ) {
        let text: String = pieces.iter().map(|(piece, times)| piece.repeat(*times)).collect();
        on_a_small_stack(|| {
            if let Ok(expression) = text.parse::<Expression>() {
                drop(expression.evaluate(&document));
                drop(expression.evaluate_within(&document, 1_000));
            }
            let text: String = text.chars().take(Expression::MAX_LENGTH).collect();
            drop(Expression::stored(text).matches(&document));
        });
    }
}
