use proptest::prelude::*;
use serde_json::json;

use super::super::detect::is_luhn;
use super::*;

const CARD: &str = "4111111111111111";

fn masking(paths: &[&str]) -> Masking {
    Masking {
        paths: paths.iter().map(|path| path.parse().unwrap()).collect(),
        detectors: Vec::new(),
    }
}

#[test]
fn places_are_masked_and_the_rest_is_left() {
    let document = json!({
        "customer": {"email": "x", "name": "y", "note": null},
        "items": [{"card": {"number": 1, "brand": "z"}}, {"card": null}],
        "deep": {"er": [{"birthday": "b"}]},
    });
    for (path, expected) in [
        (
            "customer.email",
            json!({"customer": {"email": MASKED, "name": "y", "note": null}}),
        ),
        ("customer.note", json!({})),
        (
            "customer.*",
            json!({"customer": {"email": MASKED, "name": MASKED, "note": null}}),
        ),
        (
            "*.email",
            json!({"customer": {"email": MASKED, "name": "y", "note": null}}),
        ),
        (
            "items[].card.number",
            json!({"items": [{"card": {"number": MASKED, "brand": "z"}}, {"card": null}]}),
        ),
        ("items[]", json!({"items": [MASKED, MASKED]})),
        ("items.card", json!({})),
        (
            "**.birthday",
            json!({"deep": {"er": [{"birthday": MASKED}]}}),
        ),
        (
            "**.email",
            json!({"customer": {"email": MASKED, "name": "y", "note": null}}),
        ),
        ("customer", json!({"customer": MASKED})),
        ("email", json!({})),
    ] {
        let mut wanted = document.clone();
        for (name, value) in expected.as_object().unwrap() {
            wanted[name] = value.clone();
        }
        assert_eq!(masking(&[path]).mask_json(&document), wanted, "{path}");
    }
    let list = json!([{"a": 1}]);
    assert_eq!(masking(&["[].a"]).mask_json(&list), json!([{"a": MASKED}]));
}

#[test]
fn members_that_hold_credentials_are_masked_without_a_rule() {
    let document = json!({"Access_Token": "x", "data": [{"client-secret": ["y"]}], "tokens": 3});
    let expected =
        json!({"Access_Token": MASKED, "data": [{"client-secret": MASKED}], "tokens": 3});
    assert_eq!(masking(&[]).mask_json(&document), expected);
}

#[test]
fn what_is_found_is_masked_in_values_names_and_numbers() {
    let document = json!({"a@example.com": 4_111_111_111_111_111_u64, "n": [1.5, "x a@b.co"]});
    let expected = json!({"[email]": "[card_number]", "n": [1.5, "x [email]"]});
    assert_eq!(Masking::default().mask_json(&document), expected);
    assert_eq!(masking(&[]).mask_json(&document), document);
}

#[test]
fn a_body_is_masked_by_its_kind() {
    let masking = Masking {
        paths: vec!["card.number".parse().unwrap(), "to[]".parse().unwrap()],
        ..Masking::default()
    };
    for (content_type, body, expected) in [
        (
            Some("application/json; charset=utf-8"),
            r#"{"card":{"number":"1"}}"#,
            r#"{"card":{"number":"[masked]"}}"#,
        ),
        (
            Some("application/problem+json"),
            r#"{"a":"a@b.co"}"#,
            r#"{"a":"[email]"}"#,
        ),
        (
            Some("application/json"),
            r#"{"card":{"number":"1"#,
            "[20 bytes]",
        ),
        (
            None,
            r#"{"card":{"number":"1"}}"#,
            r#"{"card":{"number":"[masked]"}}"#,
        ),
        (None, "plain", "[5 bytes]"),
        (
            Some("application/x-www-form-urlencoded"),
            "card[number]=1&card.number=1&card.numbers=1&to[0]=x&to[]=y&password=p&q=a%40b.co&r=1+2",
            "card%5Bnumber%5D=%5Bmasked%5D&card.number=%5Bmasked%5D&card.numbers=1&to%5B0%5D=%5Bmasked%5D&to%5B%5D=%5Bmasked%5D\
             &password=%5Bmasked%5D&q=%5Bemail%5D&r=1+2",
        ),
        (Some("text/plain"), "to a@b.co", "to [email]"),
        (Some("application/xml"), "<a>a@b.co</a>", "<a>[email]</a>"),
        (Some("image/png"), "a@b.co", "[6 bytes]"),
        (
            Some("multipart/form-data; boundary=x"),
            "a@b.co",
            "[6 bytes]",
        ),
        (Some("image/png"), "", ""),
    ] {
        assert_eq!(
            masking.mask_body(content_type, body.as_bytes()),
            expected,
            "{body}"
        );
    }
    assert_eq!(masking.mask_body(Some("text/plain"), b"\xff"), "[1 bytes]");
    assert_eq!(
        Masking::default().mask_body(None, b"to a@b.co"),
        "to [email]"
    );
}

#[test]
fn a_segment_that_gives_itself_away_is_replaced_as_a_whole() {
    let masking = Masking::default();
    for (path, expected) in [
        ("/users/a%40example.com/x", "/users/[email]/x"),
        ("/users/id:a@example.com", "/users/id:[email]"),
        ("/cards/4111111111111111", "/cards/[card_number]"),
        ("/t/eyJhbG.eyJz.c2ln", "/t/[jwt]"),
        ("/a%2Fb/50%25", "/a%2Fb/50%25"),
        ("/", "/"),
        ("", ""),
    ] {
        assert_eq!(masking.mask_path(path), expected);
    }
}

/// Whether a run of digits, neither preceded nor followed by another, is a card number.
fn has_card(text: &str) -> bool {
    let runs = text.split(|c: char| !c.is_ascii_digit());
    runs.filter(|run| (13..=19).contains(&run.len()))
        .any(|run| is_luhn(run.as_bytes()))
}

fn any_text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just(CARD.to_owned()),
        Just("4111 1111 1111 1111".to_owned()),
        Just("DE89370400440532013000".to_owned()),
        Just("DE89 3704 0044 0532 0130 00".to_owned()),
        Just("eyJhbG.eyJz.c2ln".to_owned()),
        Just("a.b@example.com".to_owned()),
        "[0-9]{1,20}",
        "[0-9]{3,5}([ -][0-9]{3,5}){2,4}",
        "[a-zA-Z0-9@. _-]{0,6}",
        "\\PC{0,4}",
        Just("[email]".to_owned()),
    ];
    proptest::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_card_is_left_and_masking_twice_is_masking_once(text in any_text()) {
        let masking = Masking::default();
        let once = masking.mask_text(&text);
        prop_assert!(!has_card(&once), "{text:?} {once:?}");
        prop_assert_eq!(masking.mask_text(&once), once);
    }

    #[test]
    fn plain_text_is_untouched(text in "([A-Za-z,.:!?()/-]{1,12} ){0,12}[0-9]{0,12}") {
        prop_assert_eq!(Masking::default().mask_text(&text), text);
    }

    #[test]
    fn no_card_is_left_in_any_body(text in any_text(), name in any_text(), number in any::<u64>()) {
        let masking = Masking::default();
        let document = json!({name: [text.clone(), number], "x": {"y": text}});
        let body = document.to_string();
        let once = masking.mask_body(Some("application/json"), body.as_bytes());
        prop_assert!(!has_card(&once), "{}", once);
        prop_assert_eq!(masking.mask_body(None, once.as_bytes()), once.clone());
        let path = masking.mask_path(&body);
        prop_assert!(!has_card(&path), "{}", path);
    }

    #[test]
    fn any_bytes_have_a_masked_form(
        body in proptest::collection::vec(any::<u8>(), 0..60),
        content_type in "(application/json|text/plain|application/x-www-form-urlencoded|image/gif)?",
    ) {
        let masked = Masking::default().mask_body(Some(&content_type), &body);
        prop_assert_eq!(masked.is_empty(), body.is_empty() || (body.iter().all(|b| *b == b'&')
            && content_type.ends_with("urlencoded")));
    }
}
