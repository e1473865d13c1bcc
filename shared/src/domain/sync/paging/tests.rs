use serde_json::json;

use super::*;
use crate::domain::Entity;
use crate::domain::sync::SourceVersion;

fn pagination(value: Value) -> Pagination {
    serde_json::from_value(value).unwrap()
}

fn said<'a>(document: &'a Value, links: &'a [&'a str]) -> PageSaid<'a> {
    let items = document["items"].as_array().map_or(&[][..], Vec::as_slice);
    PageSaid {
        document,
        links,
        items,
    }
}

fn after(pagination: &Pagination, document: &Value) -> Result<Option<Place>, PagingError> {
    let next = Bookmark::default().next(pagination, said(document, &[]))?;
    Ok(next.and_then(|next| next.place))
}

fn cursor() -> Pagination {
    pagination(
        json!({"kind": "cursor", "next": "next", "parameter": "cursor",
        "size": {"parameter": "limit", "max": 100}}),
    )
}

#[test]
fn a_cursor_is_a_text_or_a_number_and_its_absence_is_the_end() {
    let kind = cursor();
    let next = |value: Value| after(&kind, &json!({"next": value}));
    assert_eq!(next(json!("a")).unwrap(), Some(Place::Cursor("a".into())));
    assert_eq!(next(json!(7)).unwrap(), Some(Place::Cursor("7".into())));
    for end in [json!(null), json!(""), json!(false)] {
        assert_eq!(next(end).unwrap(), None);
    }
    for wrong in [json!([1]), json!({}), json!(true), json!("x".repeat(9000))] {
        assert!(matches!(next(wrong), Err(PagingError::NotAPlace)));
    }
}

#[test]
fn where_more_is_asked_it_decides() {
    let kind = pagination(
        json!({"kind": "cursor", "next": "items[-1].id", "parameter": "after",
        "more": "has_more"}),
    );
    let last = json!({"items": [{"id": "x"}], "has_more": false});
    assert_eq!(after(&kind, &last).unwrap(), None);
    let more = json!({"items": [{"id": "x"}], "has_more": true});
    assert_eq!(
        after(&kind, &more).unwrap(),
        Some(Place::Cursor("x".into()))
    );
    let nowhere = json!({"items": [], "has_more": true});
    assert!(matches!(after(&kind, &nowhere), Err(PagingError::NoPlace)));
}

#[test]
fn links_come_from_the_header_before_the_body() {
    let kind = pagination(json!({"kind": "link", "next": "next"}));
    let document = json!({"next": "https://a/2"});
    let header =
        [r#"<https://a/1>; rel="prev", <https://a/3?x=1,2>; title="a, \"b"; rel="last next""#];
    let place = |links: &[&str]| {
        let next = Bookmark::default().next(&kind, said(&document, links));
        next.unwrap().unwrap().place.unwrap()
    };
    assert_eq!(place(&header), Place::Url("https://a/3?x=1,2".into()));
    assert_eq!(place(&["</x>; rel=prev"]), Place::Url("https://a/2".into()));
    assert_eq!(place(&["<", "<>", ""]), Place::Url("https://a/2".into()));
    assert_eq!(place(&["</n>; REL=NEXT"]), Place::Url("/n".into()));
}

#[test]
fn counted_lists_end_with_an_empty_page() {
    let offset = pagination(json!({"kind": "offset", "parameter": "skip",
        "size": {"parameter": "limit", "max": 3}}));
    let short = json!({"items": [1, 2]});
    assert_eq!(after(&offset, &short).unwrap(), Some(Place::Offset(2)));
    assert_eq!(after(&offset, &json!({"items": []})).unwrap(), None);
    let page = pagination(json!({"kind": "page", "parameter": "page"}));
    assert_eq!(after(&page, &short).unwrap(), Some(Place::Page(2)));
    let none = pagination(json!({"kind": "none"}));
    assert_eq!(after(&none, &short).unwrap(), None);
}

#[test]
fn circles_are_found_however_long() {
    let kind = cursor();
    for length in 1..40_u64 {
        let mut bookmark = Bookmark::default();
        let mut pages = 0_u64;
        let ended = loop {
            let document = json!({"next": format!("c{}", pages % length)});
            match bookmark.next(&kind, said(&document, &[])) {
                Ok(next) => bookmark = next.unwrap(),
                Err(error) => break error,
            }
            pages += 1;
            assert!(pages <= 3 * length + 2, "{length}");
        };
        assert!(matches!(ended, PagingError::Loop));
    }
    let page = pagination(json!({"kind": "page", "parameter": "page"}));
    let document = json!({"items": [{"id": 1}]});
    let next = |bookmark: &Bookmark| bookmark.next(&page, said(&document, &[]));
    let mut last = Bookmark::default();
    for _ in 0..MAX_SAME {
        last = next(&last).unwrap().unwrap();
    }
    assert!(matches!(next(&last), Err(PagingError::Loop)));
    assert!(next(&last.without_memory()).is_ok());
}

#[test]
fn an_unreadable_page_is_passed_where_the_next_can_be_counted() {
    let start = Bookmark::default();
    let offset = pagination(json!({"kind": "offset", "parameter": "skip",
        "size": {"parameter": "limit", "max": 3}}));
    let next = start.past_unreadable(&offset).unwrap();
    assert_eq!(next.place, Some(Place::Offset(3)));
    let page = pagination(json!({"kind": "page", "parameter": "page", "first": 0}));
    let next = start.past_unreadable(&page).unwrap();
    assert_eq!(next.place, Some(Place::Page(1)));
    assert_eq!(start.past_unreadable(&cursor()), None);
}

fn entity(more: Value) -> Entity {
    let mut entity = json!({"listPath": "/v1/users?status=all&cursor=0&updated=1", "items": "items", "id": "id",
        "cursorField": "updated", "changedSince": {"parameter": "updated", "template": ">{cursor}"}});
    for (name, value) in more.as_object().unwrap() {
        entity[name] = value.clone();
    }
    serde_json::from_value(entity).unwrap()
}

fn request(entity: &Entity, kind: &Pagination, place: Option<&Place>) -> ListRequest {
    let base = "https://api.example.com/base/".parse().unwrap();
    let since = SourceVersion("5".to_owned());
    ListRequest::new((&base, &[]), entity, kind, place, Some(&since)).unwrap()
}

#[test]
fn parameters_replace_those_of_the_path() {
    let place = Place::Cursor("a&b".to_owned());
    let request = request(&entity(json!({})), &cursor(), Some(&place));
    assert_eq!(request.endpoint, "/v1/users?status=all");
    let expected = [("limit", "100"), ("cursor", "a&b"), ("updated", ">5")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(request.params, expected);
    assert_eq!(request.body, None);
}

#[test]
fn items_are_counted_from_the_number_of_the_first() {
    let offset = |first: u32| {
        pagination(
            json!({"kind": "offset", "parameter": "startIndex", "first": first,
            "size": {"parameter": "count", "max": 3}}),
        )
    };
    let sent = |kind: &Pagination, place: Option<&Place>| {
        let request = request(&entity(json!({})), kind, place);
        let sent = request.params.into_iter();
        let mut sent = sent.filter(|(name, _)| name == "startIndex");
        sent.next().unwrap().1
    };
    let items = json!({"items": [1, 2]});
    let second = after(&offset(1), &items).unwrap().unwrap();
    assert_eq!(second, Place::Offset(2));
    assert_eq!(sent(&offset(1), None), "1");
    assert_eq!(sent(&offset(1), Some(&second)), "3");
    assert_eq!(sent(&offset(0), None), "0");
    assert_eq!(sent(&offset(0), Some(&second)), "2");
}

#[test]
fn a_url_is_taken_as_it_is_relative_to_the_list() {
    let kind = pagination(json!({"kind": "link", "size": {"parameter": "n", "max": 5}}));
    for (given, expected) in [
        ("?page=2", "https://api.example.com/base/v1/users?page=2"),
        ("/other?x=%20", "https://api.example.com/other?x=%20"),
        ("https://b.example/x", "https://b.example/x"),
    ] {
        let place = Place::Url(given.to_owned());
        let request = request(&entity(json!({})), &kind, Some(&place));
        assert_eq!(
            (request.endpoint.as_str(), request.params.len()),
            (expected, 0)
        );
    }
}

#[test]
fn a_list_by_post_has_its_parameters_in_the_body() {
    let kind = pagination(
        json!({"kind": "cursor", "next": "n", "parameter": "/variables/after",
        "size": {"parameter": "/variables/first", "max": 50}}),
    );
    let entity = entity(json!({"method": "POST", "listPath": "/graphql",
        "body": {"query": "q", "variables": {"x": 1}}}));
    let place = Place::Cursor("c".to_owned());
    let request = request(&entity, &kind, Some(&place));
    assert_eq!(request.params, []);
    let expected = json!({"query": "q", "updated": ">5",
        "variables": {"x": 1, "after": "c", "first": 50}});
    assert_eq!(request.body, Some(expected));
}
