mod properties;

use std::thread;

use serde_json::json;

use super::*;

/// What a thread of a function has, and half of what is needed to run short of it.
const STACK_BYTES: usize = 2 * 1024 * 1024;

fn expression(text: &str) -> Expression {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str) -> ExpressionError {
    text.parse::<Expression>()
        .err()
        .unwrap_or_else(|| panic!("{text} is accepted"))
}

/// Runs `test` with as much stack as a function has, half of it taken by what calls it.
fn on_a_small_stack<T: Send>(test: impl FnOnce() -> T + Send) -> T {
    let builder = thread::Builder::new().stack_size(STACK_BYTES / 2);
    thread::scope(|scope| builder.spawn_scoped(scope, test).unwrap().join().unwrap())
}

#[test]
fn filters_and_transforms_are_jmespath() {
    let document = json!({"data": {"amount": 120, "status": "paid"}});
    let filter = expression("data.status == 'paid' && data.amount >= `100`");
    assert_eq!(filter.matches(&document), Ok(true));
    assert_eq!(
        filter.matches(&json!({"data": {"status": "open"}})),
        Ok(false)
    );
    assert_eq!(filter.matches(&json!(null)), Ok(false));
    let transform = expression("{total: data.amount}");
    assert_eq!(transform.evaluate(&document), Ok(json!({"total": 120})));
}

#[test]
fn what_is_wrong_with_an_expression_is_said() {
    assert_eq!(refusal(""), ExpressionError::Length);
    assert_eq!(refusal(&"a".repeat(4097)), ExpressionError::Length);
    for (text, said) in [
        (
            "data.[",
            "not a JMESPath expression: Parse error: Unexpected nud token -- found Eof at column 6",
        ),
        (
            "a[::0]",
            "not a JMESPath expression: a slice has a step of 0 at column 5",
        ),
        ("lenght(a)", "there is no function `lenght`"),
        ("join(a)", "`join` takes 2 arguments, not 1"),
    ] {
        assert_eq!(refusal(text).to_string(), said, "{text}");
    }
    let long = format!("a '{}", "x".repeat(4000));
    assert!(refusal(&long).to_string().len() < 300);
}

#[test]
fn a_failure_names_functions_and_types_and_nothing_of_the_document() {
    let document = json!({"a": "canary", "n": 1, "list": ["canary", 2]});
    for (text, said) in [
        (
            "length(n)",
            "argument 1 of `length` is of the type number, not array or object or string",
        ),
        (
            "abs(a)",
            "argument 1 of `abs` is of the type string, not number",
        ),
        (
            "join(',', list)",
            "argument 2 of `join` is of the type array, not array[string]",
        ),
        (
            "map(&a, n)",
            "argument 2 of `map` is of the type number, not array",
        ),
        (
            "sort_by(a, &n)",
            "argument 1 of `sort_by` is of the type string, not array",
        ),
        (
            "sort_by(list, &@)",
            "the expression in `sort_by` gives a value of the type number and not only strings, \
             or only numbers",
        ),
        ("avg(`[]`)", "`avg` has no result"),
    ] {
        let error = expression(text).evaluate(&document).unwrap_err();
        let said = format!("the expression fails on this document: {said}");
        assert_eq!(error.to_string(), said, "{text}");
        assert_eq!(expression(text).matches(&document), Err(error));
        assert!(!expression(text).accepts(&document));
    }
}

#[test]
fn what_nests_or_chains_too_deeply_is_refused() {
    for part in [
        "!",
        "(",
        "[",
        "{a:",
        "[?",
        "abs(",
        "&",
        "*.",
        "map(&a, ",
        "a.",
        "a[0].",
        "a[*].",
        "a|",
        "a||",
        "a&&",
        "a==",
        "a[].",
        "@.[",
        "not_null(a,b,",
    ] {
        let text = part.repeat(4000 / part.len());
        for text in [text.clone(), format!("{text}a")] {
            let refused = on_a_small_stack(|| refusal(&text));
            assert_eq!(refused, ExpressionError::TooDeep, "{part}");
        }
    }
    for part in ["[0]", "[*]", "[]", ".*", ".a", "[?b]", "[1:]"] {
        let text = format!("a{}", part.repeat(4000 / part.len()));
        assert_eq!(
            on_a_small_stack(|| refusal(&text)),
            ExpressionError::TooDeep,
            "{part}"
        );
    }
}

/// The deepest expressions of each kind that are accepted.
fn deepest() -> Vec<String> {
    let kinds = [
        ("!", "a", ""),
        ("(", "a", ")"),
        ("[", "a", "]"),
        ("{a:", "a", "}"),
        ("[?", "a", "]"),
        ("abs(", "a", ")"),
        ("not_null(", "a", ")"),
        ("map(&", "a", ", @)"),
        ("sort_by(@, &", "a", ")"),
        ("*.", "a", ""),
        ("", "a", ".a"),
        ("", "a", "[*]"),
        ("", "a", "[0]"),
        ("", "a", "[]"),
        ("", "a", "[?a]"),
        ("", "a", "[1:]"),
        ("", "a", "|a"),
        ("", "a", "||a"),
        ("", "a", "&&a"),
        ("", "a", "==a"),
        ("[*].[", "a", "]"),
        ("", "@", ".[@]"),
    ];
    let nested = kinds.iter().map(|(open, middle, close)| {
        let text = |n| format!("{}{middle}{}", open.repeat(n), close.repeat(n));
        let fitting = (0..=u32::MAX as usize).take_while(|n| height(&text(*n)) <= MAX_HEIGHT);
        text(fitting.last().unwrap())
    });
    nested.collect()
}

#[test]
fn the_deepest_that_is_accepted_fits_a_quarter_of_a_functions_stack() {
    let mut document = json!([[1], {"a": 1}]);
    for _ in 0..60 {
        document = json!([{"a": document}]);
    }
    for text in deepest() {
        let outcome = thread::scope(|scope| {
            let builder = thread::Builder::new().stack_size(STACK_BYTES / 4);
            let run = || match text.parse::<Expression>() {
                Ok(expression) => drop(expression.evaluate(&document)),
                Err(error) => assert_ne!(error, ExpressionError::Length),
            };
            builder.spawn_scoped(scope, run).unwrap().join()
        });
        assert!(outcome.is_ok(), "{text}");
    }
}

#[test]
fn ordinary_mappings_are_accepted() {
    let fields = |value: &str| {
        let fields: Vec<String> = (0..100).map(|n| format!("f{n}: {value}")).collect();
        format!("{{{}}}", fields.join(", "))
    };
    let document =
        json!({"data": {"items": vec![json!({"a": {"b": "x"}}); 500]}, "list": ["a", "b"]});
    let conditions: Vec<String> = (0..40).map(|n| format!("data.kind == 'k{n}'")).collect();
    for text in [
        fields("data.items[0].a.b"),
        format!("{{one: {{two: {}}}}}", fields("data.items[].a.b")),
        format!("data.items[*].{}", fields("a.b || 'none'")),
        "data.items[?a.b == 'x'].{id: a.b, tags: join(',', @.tags || `[]`)} | {lines: @, count: length(@)}".to_owned(),
        conditions.join(" || "),
        "contains(list, 'a') && !contains(list, 'c')".to_owned(),
        "sort_by(data.items, &a.b)[-1].a.b".to_owned(),
    ] {
        let evaluated = expression(&text).evaluate(&document);
        assert!(evaluated.is_ok(), "{text}: {evaluated:?}");
    }
}

#[test]
fn what_doubles_again_and_again_is_refused() {
    let doubled = ["[@,@]"; 22].join("|");
    for text in [
        doubled.clone(),
        format!("length(to_string({doubled})) > `1`"),
        format!("({doubled}) == ({doubled})"),
        ["to_string([@])"; 13].join("|"),
    ] {
        assert_eq!(refusal(&text), ExpressionError::Growth, "{text}");
    }
}

#[test]
fn what_a_document_makes_of_an_expression_is_bounded() {
    let long = json!({"list": vec!["x".repeat(1_000); 1_000], "text": "y".repeat(1_000_000)});
    let quotes = json!("\u{1}".repeat(500_000));
    let many = json!(vec![0; 3_000]);
    for (text, document) in [
        ("join(text, list)", &long),
        ("length(join(to_string(@), list)) > `1`", &long),
        (
            "map(&map(&map(&a, `[1,2,3,4]`), `[1,2,3,4,5,6]`), @)[?contains(@, `1`)]",
            &json!(vec![0; 600_000]),
        ),
        ("[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|to_string(@)", &quotes),
        (
            "[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|@ == [[[[`1`]]]]",
            &json!(vec![0; 30_000]),
        ),
        (
            "[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[][][][][][][][][][][]",
            &many,
        ),
    ] {
        let error = expression(text).matches(document).unwrap_err();
        let said = "the expression fails on this document: it is more work than is allowed";
        assert_eq!(error.to_string(), said, "{text}");
    }
    let grown = expression("[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]");
    assert_eq!(grown.evaluate(&many), Err(ExpressionError::TooLarge));
    assert_eq!(
        grown.evaluate_within(&many, 1_000_000),
        Err(ExpressionError::TooLarge)
    );
    let large = json!(vec![0; 1_000_000]);
    let error = expression("@").matches(&large).unwrap_err();
    assert_eq!(
        error,
        ExpressionError::evaluation("the document is too large")
    );
}

#[test]
fn a_body_that_could_take_too_much_memory_is_not_parsed() {
    let too_large = ExpressionError::evaluation("the document is too large");
    for (element, count) in [(r#"{"":0},"#, 100_000), ("0,", 3_000_000)] {
        let body = format!("[{}0]", element.repeat(count));
        let document = Expression::document(body.as_bytes());
        assert_eq!(document, Err(too_large.clone()), "{element}");
    }
    // What is in a string takes no more than its text.
    let text = r#"[{:,\"\\"#.repeat(500_000);
    let body = format!(r#"{{"text":"{text}"}}"#);
    assert!(Expression::document(body.as_bytes()).unwrap().is_some());
}

#[test]
fn a_body_is_a_document_none_or_unreadable() {
    let document = |body: &str| Expression::document(body.as_bytes());
    assert_eq!(document(" {\"a\":1}"), Ok(Some(json!({"a": 1}))));
    assert_eq!(document("7"), Ok(Some(json!(7))));
    for body in ["", "plain", "a=1&b=2", "<a/>"] {
        assert_eq!(document(body), Ok(None), "{body}");
    }
    for body in [r#"{"text":"\ud83d"}"#, r#"{"n":1e999}"#, "[", "{} {}"] {
        assert!(document(body).is_err(), "{body}");
    }
}

#[test]
fn lists_are_paid_for_before_they_are_joined() {
    let ast = jmespath::parse("[]").unwrap();
    let Ast::Projection { lhs: flatten, .. } = ast else {
        panic!("{ast:?}")
    };
    let lists = document::shared(&json!([vec![0; 1_000]])).unwrap();
    assert!(Evaluation::new(1_000).value(&flatten, &lists).is_err());
    assert!(Evaluation::new(100_000).value(&flatten, &lists).is_ok());
}

#[test]
fn a_result_is_cut_off_at_the_byte() {
    let twice = expression("[@, @]");
    assert_eq!(twice.evaluate_within(&json!(1), 5).unwrap(), b"[1,1]");
    assert_eq!(
        twice.evaluate_within(&json!(1), 4),
        Err(ExpressionError::TooLarge)
    );
}

#[test]
fn a_stored_expression_that_is_not_accepted_any_more_can_be_read_and_has_no_result() {
    for (text, refused) in [
        ("!".repeat(1_000), ExpressionError::TooDeep),
        (["[@,@]"; 22].join("|"), ExpressionError::Growth),
        ("nope(@)".to_owned(), refusal("nope(@)")),
    ] {
        let read = on_a_small_stack(|| Expression::stored(text.clone()));
        assert_eq!(serde_json::to_value(&read).unwrap(), json!(text));
        assert_eq!(read.evaluate(&json!({})), Err(refused.clone()));
        assert_eq!(read.matches(&json!({})), Err(refused));
        assert!(serde_json::from_value::<Expression>(json!(text)).is_err());
    }
    assert_eq!(Expression::stored("a".to_owned()), expression("a"));
}

#[test]
fn slices_with_large_steps_end() {
    for (text, expected) in [
        ("[1::2147483647]", json!([2])),
        ("[::-2147483647]", json!([4])),
        ("[-1:-3:-1]", json!([4, 3])),
        ("[5:0:-2]", json!([4, 2])),
        ("[1:3]", json!([2, 3])),
        ("[9:]", json!([])),
    ] {
        assert_eq!(
            expression(text).evaluate(&json!([1, 2, 3, 4])),
            Ok(expected),
            "{text}"
        );
    }
}

#[test]
fn a_number_is_read_from_a_text_and_nothing_else_is() {
    for (text, expected) in [
        ("'1.5'", json!(1.5)),
        ("'[1]'", json!(null)),
        ("`true`", json!(null)),
    ] {
        let call = expression(&format!("to_number({text})"));
        assert_eq!(call.evaluate(&json!(null)), Ok(expected), "{text}");
    }
}
