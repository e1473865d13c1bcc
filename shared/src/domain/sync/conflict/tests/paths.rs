use super::*;

#[test]
fn paths_are_read_as_they_are_written() {
    let deep = FieldPath::of("address").member("city");
    for (path, text) in [
        (FieldPath::WHOLE, "*"),
        (FieldPath::of(""), ""),
        (FieldPath::of("name"), "name"),
        (deep, "address.city"),
        (FieldPath::of("Account.Name"), r"Account\.Name"),
        (FieldPath::of("*"), r"\*"),
        (FieldPath::of("a?").member(r"b\"), r"a\?.b\\"),
        (FieldPath::of("").member(""), "."),
        (FieldPath::of("Straße 1"), "Straße 1"),
    ] {
        assert_eq!(path.to_string(), text);
        assert_eq!(text.parse(), Ok(path));
    }
    for text in ["a*", "**", "a.?", r"a\", r"a\b"] {
        assert_eq!(text.parse::<FieldPath>(), Err(FieldPathError), "{text}");
    }
}

#[test]
fn a_path_finds_what_stands_there_and_has_something_else_stand_there() {
    let mut record = fields(json!({"a": {"b": 1, "c": 2}, "d": 3}));
    let found = |record: &Fields, text: &str| {
        let path: FieldPath = text.parse().unwrap();
        path.find(record).cloned()
    };
    assert_eq!(found(&record, "a.b"), Some(json!(1)));
    assert_eq!(found(&record, "d"), Some(json!(3)));
    for text in ["*", "a.x", "d.x", "x.y"] {
        assert_eq!(found(&record, text), None, "{text}");
    }
    let mut put = |text: &str, value: Option<Value>| {
        let mut whole = Some(record.clone());
        text.parse::<FieldPath>().unwrap().put_in(&mut whole, value);
        record = whole.unwrap();
        Value::Object(record.clone())
    };
    assert_eq!(put("a.b", Some(json!(9)))["a"], json!({"b": 9, "c": 2}));
    assert_eq!(put("a.b", None)["a"], json!({"c": 2}));
    assert_eq!(put("d.e", Some(json!(4)))["d"], json!({"e": 4}));
    assert_eq!(put("d", None), json!({"a": {"c": 2}}));
    assert_eq!(put("x.y", None), json!({"a": {"c": 2}, "x": {}}));
}

#[test]
fn a_pattern_fits_paths_with_their_dots_and_only_the_bare_star_the_record() {
    let fits = |pattern: &str, path: &str| {
        let pattern: FieldPattern = pattern.parse().unwrap();
        pattern.matches(&path.parse().unwrap())
    };
    for (pattern, path) in [
        ("name", "name"),
        ("address.city", "address.city"),
        ("address.*", "address.city.code"),
        ("*.city", "address.city"),
        ("custom_*", "custom_7"),
        ("f?", "f1"),
        ("*", "anything"),
        ("*", "*"),
        (r"Account\.Name", r"Account\.Name"),
        ("First Name", "First Name"),
    ] {
        assert!(fits(pattern, path), "{pattern} {path}");
    }
    for (pattern, path) in [
        ("name", "names"),
        ("address", "address.city"),
        ("address.city", r"address\.city"),
        ("?", "*"),
        ("**", "*"),
        ("Name", "name"),
    ] {
        assert!(!fits(pattern, path), "{pattern} {path}");
    }
}

#[test]
fn a_pattern_names_what_is_below_up_to_its_first_wildcard() {
    let is_below = |pattern: &str, path: &str| {
        let pattern: FieldPattern = pattern.parse().unwrap();
        pattern.is_below(&path.parse().unwrap())
    };
    assert!(is_below("address.city", "address"));
    assert!(is_below("address.*", "address"));
    assert!(is_below("a.b.c", "a.b"));
    assert!(is_below("a.b.c", "a"));
    for (pattern, path) in [
        ("address", "address"),
        ("address2.city", "address"),
        ("*.city", "address"),
        ("addr*.city", "address"),
        ("*", "*"),
        (".a", "*"),
    ] {
        assert!(!is_below(pattern, path), "{pattern} {path}");
    }
}
