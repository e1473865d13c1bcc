//! One request that holds several events.
//!
//! The payload of each is the body with a list of that one item in it: whoever reads the provider's
//! bodies can read it, and what the provider says of all of them stays. Every byte of it but the
//! brackets is the provider's; nothing is written anew.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::facts::is_form;
use super::{InboundRequest, Refusal};
use crate::catalog::Batch;

/// More items in one request are refused: they would not be queued in the time that a provider
/// waits. What is known to be sent at once is a thousand (SendGrid, Microsoft Graph).
const MAX_ITEMS: usize = 5_000;
/// What all payloads of one request may come to, in bytes: what stands around the list is repeated
/// in each.
const MAX_PAYLOAD_BYTES: usize = 32 * 1024 * 1024;

/// An event of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// The item itself, as it was sent.
    pub(super) item: Bytes,
    /// The body, with this item alone.
    pub(super) payload: Bytes,
}

/// The items of a request; `None` if it is not of the declared form, and so one event.
pub(super) fn split(
    batch: &Batch,
    request: &InboundRequest<'_>,
) -> Result<Option<Vec<Item>>, Refusal> {
    for list in [&batch.list].into_iter().chain(&batch.or) {
        let found = match &batch.form {
            Some(name) if is_form(request.headers) => split_form(name, list, request.body)?,
            Some(_) => None,
            None => split_json(list, request.body)?,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The items of a list in a JSON text.
pub(super) fn split_json(pointer: &str, body: &[u8]) -> Result<Option<Vec<Item>>, Refusal> {
    split_json_with(pointer, body, |item| Ok(Cow::Borrowed(item)))
}

/// The same, with what `change` makes of each item in its place.
pub(super) fn split_json_with<'a>(
    pointer: &str,
    body: &'a [u8],
    mut change: impl FnMut(&'a [u8]) -> Result<Cow<'a, [u8]>, Refusal>,
) -> Result<Option<Vec<Item>>, Refusal> {
    let Some((list, items)) = ranges(pointer, body) else {
        return Ok(None);
    };
    check_size(items.len(), body.len() - list.len(), list.len())?;
    let (Some(head), Some(tail)) = (body.get(..list.start), body.get(list.end..)) else {
        return Ok(None);
    };
    let mut parts = Vec::with_capacity(items.len());
    for range in &items {
        let item = change(body.get(range.clone()).unwrap_or_default())?;
        let payload = match (&item, items.len()) {
            (Cow::Borrowed(_), 1) => body.to_vec(),
            _ => [head, b"[", &item, b"]", tail].concat(),
        };
        parts.push(Item {
            item: Bytes::copy_from_slice(&item),
            payload: payload.into(),
        });
    }
    Ok(Some(parts))
}

/// The same, of a list that is a parameter of a form. The payload is a form with this one.
fn split_form(name: &str, pointer: &str, body: &[u8]) -> Result<Option<Vec<Item>>, Refusal> {
    let found = form_urlencoded::parse(body).find(|(found, _)| found == name);
    let Some((_, json)) = found else {
        return Ok(None);
    };
    let Some(mut items) = split_json(pointer, json.as_bytes())? else {
        return Ok(None);
    };
    for item in &mut items {
        let Ok(json) = std::str::from_utf8(&item.payload) else {
            return Ok(None);
        };
        let mut form = form_urlencoded::Serializer::new(String::new());
        item.payload = form.append_pair(name, json).finish().into();
    }
    Ok(Some(items))
}

fn check_size(items: usize, around: usize, list: usize) -> Result<(), Refusal> {
    let bytes = around.saturating_mul(items).saturating_add(list);
    if items > MAX_ITEMS || bytes > MAX_PAYLOAD_BYTES {
        Err(Refusal::TooMany)
    } else {
        Ok(())
    }
}

/// Where in `body` the list is, and where its items are.
fn ranges(pointer: &str, body: &[u8]) -> Option<(Range<usize>, Vec<Range<usize>>)> {
    let mut list: &RawValue = serde_json::from_slice(body).ok()?;
    for name in pointer.split('/').skip(1) {
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(list.get()).ok()?;
        list = members.get(&name.replace("~1", "/").replace("~0", "~"))?;
    }
    let items: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;
    let range = |value: &RawValue| {
        let start = value.get().as_ptr().addr() - body.as_ptr().addr();
        start..start + value.get().len()
    };
    Some((range(list), items.into_iter().map(range).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payloads(pointer: &str, body: &str) -> Option<Vec<String>> {
        let items = split_json(pointer, body.as_bytes()).unwrap()?;
        let text = |item: Item| String::from_utf8(item.payload.to_vec()).unwrap();
        Some(items.into_iter().map(text).collect())
    }

    #[test]
    fn each_item_keeps_what_stands_around_it_to_the_byte() {
        let body = "{ \"meta\":{\"id\" : 10.00}, \"events\" : [ {\"a\":1.50} ,\r\n{\"a\":\"\\u00e9\"} ],\"z\":0}\r\n";
        assert_eq!(
            payloads("/events", body).unwrap(),
            [
                "{ \"meta\":{\"id\" : 10.00}, \"events\" : [{\"a\":1.50}],\"z\":0}\r\n",
                "{ \"meta\":{\"id\" : 10.00}, \"events\" : [{\"a\":\"\\u00e9\"}],\"z\":0}\r\n",
            ]
        );
        assert_eq!(
            payloads("", " [1, [2] ]\n").unwrap(),
            [" [1]\n", " [[2]]\n"]
        );
    }

    #[test]
    fn a_single_item_leaves_the_body_as_it_is() {
        for body in ["[ {} ]\r\n", "[1 ]"] {
            assert_eq!(payloads("", body).unwrap(), [body]);
        }
        assert_eq!(payloads("", "[]").unwrap(), [""; 0]);
    }

    #[test]
    fn what_has_no_such_list_is_no_batch() {
        for body in [
            "",
            "{",
            "{}",
            "{\"events\":{}}",
            "null",
            "\u{feff}[1,2]",
            "{\"events\":[1,}",
        ] {
            assert_eq!(payloads("/events", body), None, "{body}");
        }
        assert_eq!(payloads("/a/b", "{\"a\":[1]}"), None);
        assert_eq!(
            payloads("/a~1b/c", "{\"a/b\":{\"c\":[1]}}").unwrap().len(),
            1
        );
    }

    #[test]
    fn more_than_can_be_queued_is_refused() {
        let many = |count: usize, around: usize| {
            let list = vec!["1"; count].join(",");
            let body = format!("{{\"pad\":\"{}\",\"l\":[{list}]}}", "x".repeat(around));
            split_json("/l", body.as_bytes()).map(|items| items.unwrap().len())
        };
        assert_eq!(many(MAX_ITEMS, 0), Ok(MAX_ITEMS));
        assert_eq!(many(MAX_ITEMS + 1, 0), Err(Refusal::TooMany));
        assert_eq!(many(1_000, 1_000_000), Err(Refusal::TooMany));
    }
}
