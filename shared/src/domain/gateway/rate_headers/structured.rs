//! `RateLimit` and `RateLimit-Policy`: structured fields (RFC 9651).

use std::time::Duration;

use http::HeaderMap;
use sfv::{BareItem, Dictionary, Item, List, ListEntry, Parameters, Parser};

use super::Headroom;

/// What is said of each limit that counts requests.
pub(super) fn limits(headers: &HeaderMap) -> Vec<Headroom> {
    let Some(field) = joined(headers, "ratelimit") else {
        return Vec::new();
    };
    let Ok(items) = Parser::new(&field).parse::<List>() else {
        return of_dictionary(&field).into_iter().collect();
    };
    let policies = joined(headers, "ratelimit-policy");
    let policies = policies.and_then(|field| Parser::new(&field).parse::<List>().ok());
    let policies = policies.unwrap_or_default();
    items
        .iter()
        .filter_map(|entry| of_item(item(entry)?, &policies))
        .collect()
}

fn of_item(limit: &Item, policies: &List) -> Option<Headroom> {
    let name = name(limit)?;
    let mut policies = policies.iter().filter_map(item);
    let policy = policies.find(|policy| self::name(policy) == Some(name));
    let policy = policy.map(|policy| &policy.params);
    if policy.is_some_and(|policy| !counts_requests(policy)) {
        return None;
    }
    let window = policy.and_then(|policy| number(policy, "w"));
    let window = number(&limit.params, "t").or(window);
    Some(Headroom {
        remaining: Some(number(&limit.params, "r")?),
        limit: policy.and_then(|policy| number(policy, "q")),
        resets_in: window.map(Duration::from_secs),
        retry_after: None,
    })
}

/// `limit=100, remaining=50, reset=30`, as revision 07 of the draft has it.
fn of_dictionary(field: &[u8]) -> Option<Headroom> {
    let dictionary = Parser::new(field).parse::<Dictionary>().ok()?;
    let number = |name: &str| {
        let mut members = dictionary.iter();
        let (_, entry) = members.find(|(key, _)| key.as_str() == name)?;
        whole(&item(entry)?.bare_item)
    };
    Some(Headroom {
        remaining: Some(number("remaining")?),
        limit: number("limit"),
        resets_in: number("reset").map(Duration::from_secs),
        retry_after: None,
    })
}

/// The unit is requests, if none is given.
fn counts_requests(policy: &Parameters) -> bool {
    let unit = parameter(policy, "qu");
    let unit = unit.and_then(BareItem::as_string);
    unit.is_none_or(|unit| unit.as_str() == "requests")
}

fn name(item: &Item) -> Option<&str> {
    let token = || item.bare_item.as_token().map(|token| token.as_str());
    let text = item.bare_item.as_string().map(|text| text.as_str());
    text.or_else(token)
}

fn number(parameters: &Parameters, name: &str) -> Option<u64> {
    whole(parameter(parameters, name)?)
}

fn parameter<'p>(parameters: &'p Parameters, name: &str) -> Option<&'p BareItem> {
    let mut parameters = parameters.iter();
    let (_, value) = parameters.find(|(key, _)| key.as_str() == name)?;
    Some(value)
}

fn whole(value: &BareItem) -> Option<u64> {
    u64::try_from(i64::from(value.as_integer()?)).ok()
}

fn item(entry: &ListEntry) -> Option<&Item> {
    match entry {
        ListEntry::Item(item) => Some(item),
        ListEntry::InnerList(_) => None,
    }
}

/// A list may be split over several fields.
fn joined(headers: &HeaderMap, name: &str) -> Option<Vec<u8>> {
    let values: Vec<&[u8]> = headers.get_all(name).iter().map(|v| v.as_bytes()).collect();
    (!values.is_empty()).then(|| values.join(b", ".as_slice()))
}
