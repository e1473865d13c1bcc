mod files;
mod profile;
mod schema;
mod wrong;

use super::*;

/// A file that says little, and nothing wrong.
const SMALL: &str = r#"name = "X"
type = "payment"
documentation = "https://x.example/"
sources = [{ from = "the page above", read = "2026-11-25" }]
baseUrl = "https://{shop}.x.example/v1"

[variables.shop]
title = "Shop"
pattern = "[a-z]+"
example = "acme"
help = "Before the domain."

[[auth]]
method = "api_key"
title = "Key"
config = { keyLocation = "header", keyHeader = "X-Key", valueTemplate = "{apiKey}" }

[auth.fields.apiKey]
title = "Key"
help = "The settings."

[api]
hosts = ["{shop}.x.example"]

[api.verification]
path = "/me"

[webhooks.x]
title = "X"
verification = { kind = "none" }
"#;

#[test]
fn every_scheme_is_found_by_its_slug_and_no_slug_is_used_twice() {
    let headings: Vec<&str> = FILES
        .iter()
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| line.strip_prefix("[webhooks.")?.strip_suffix(']'))
        .filter(|slug| !slug.contains('.'))
        .collect();
    assert_eq!(headings.len(), schemes().len());
    for slug in headings {
        assert!(scheme(slug).is_some(), "{slug}");
    }
    assert!(scheme("unknown").is_none());
}

#[test]
fn every_provider_is_found_by_its_slug_and_generic_schemes_are_none() {
    let all = providers();
    assert!(all.len() >= 12, "{:?}", all.keys());
    for slug in all.keys() {
        assert!(has_provider(slug), "{slug}");
        let has_api = provider(slug).is_some();
        assert_eq!(has_api, all[slug].has_api(), "{slug}");
        assert!(has_api || default_scheme(slug).is_some(), "{slug}");
    }
    let generic = FILES
        .iter()
        .filter(|(file, _)| file.starts_with("generic/"));
    assert_eq!(
        all.len() + generic.count(),
        FILES.len(),
        "a slug is used twice"
    );
    for slug in [
        "hmac",
        "none",
        "unknown",
        "",
        "payment/stripe",
        "stripe.toml",
    ] {
        assert!(!has_provider(slug) && provider(slug).is_none(), "{slug}");
    }
}
