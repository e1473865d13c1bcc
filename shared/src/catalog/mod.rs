//! What we know of each provider, as data: `shared/catalog/<category>/<provider>.toml`.
//!
//! The files are part of the binary. One is parsed when something in it is asked for, and once:
//! a function starts without reading the catalogue. docs/adding-a-provider.md says what is in them.

mod check;
mod scheme;
mod template;

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::OnceLock;

use serde::Deserialize;

pub use check::SchemeError;
pub use scheme::{
    Algorithm, Condition, DigestOf, Encoding, FormJson, Future, Grammar, Handshake, HeaderFamily,
    Instant, KeyForm, Location, Scheme, TimestampUnit, Tolerance, Verification, Version,
};
pub use template::{Part, Template};

/// Path below `shared/catalog`, and text.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/catalog_files.rs"));

static PROVIDERS: LazyLock<Vec<OnceLock<Option<Provider>>>> =
    LazyLock::new(|| FILES.iter().map(|_| OnceLock::new()).collect());

/// A third-party service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// What people call it.
    pub name: String,
    /// Its documentation.
    pub documentation: url::Url,
    /// Where the facts come from, and when they were read.
    pub sources: Vec<Source>,
    /// Its webhook schemes, by slug. Slugs are unique in the whole catalogue.
    #[serde(default)]
    pub webhooks: BTreeMap<String, Scheme>,
}

/// Where a fact comes from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The page, or the library and its version.
    pub from: String,
    /// When it was read: a date.
    pub read: String,
}

/// What is wrong with a catalogue file.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct CatalogError {
    /// The file, below `shared/catalog`.
    pub file: String,
    /// What is wrong, with the line if it is known.
    pub problem: String,
}

/// Reads a provider's file.
///
/// # Errors
///
/// What is wrong with it, and where.
pub fn parse(file: &str, text: &str) -> Result<Provider, CatalogError> {
    let fail = |problem: String| CatalogError {
        file: file.to_owned(),
        problem,
    };
    let provider: Provider = toml::from_str(text).map_err(|error| fail(error.to_string()))?;
    for (slug, scheme) in &provider.webhooks {
        scheme.check().map_err(|problem| {
            let line = line_of(text, &format!("[webhooks.{slug}"));
            fail(format!("line {line}, [webhooks.{slug}]: {problem}"))
        })?;
    }
    Ok(provider)
}

/// The number of the first line that starts with `start`.
fn line_of(text: &str, start: &str) -> usize {
    let above = text.lines().take_while(|line| !line.starts_with(start));
    above.count() + 1
}

/// The scheme of that slug.
#[must_use]
pub fn scheme(slug: &str) -> Option<&'static Scheme> {
    let heading = format!("[webhooks.{slug}]");
    let index = FILES
        .iter()
        .position(|(_, text)| text.lines().any(|line| line == heading))?;
    provider_at(index)?.webhooks.get(slug)
}

/// All schemes with their slugs, by slug.
#[must_use]
pub fn schemes() -> BTreeMap<&'static str, &'static Scheme> {
    let providers = (0..FILES.len()).filter_map(provider_at);
    let schemes = providers.flat_map(|provider| &provider.webhooks);
    schemes
        .map(|(slug, scheme)| (slug.as_str(), scheme))
        .collect()
}

/// The scheme that a provider's webhooks use if nothing else is said: the first of its file.
#[must_use]
pub fn default_scheme(provider: &str) -> Option<&'static str> {
    let file = format!("/{provider}.toml");
    let index = FILES.iter().position(|(name, _)| name.ends_with(&file))?;
    let webhooks = &provider_at(index)?.webhooks;
    let same = webhooks
        .get_key_value(provider)
        .or_else(|| webhooks.iter().next());
    same.map(|(slug, _)| slug.as_str())
}

/// Whether there is a provider of that slug.
#[must_use]
pub fn has_provider(slug: &str) -> bool {
    let file = format!("/{slug}.toml");
    FILES
        .iter()
        .any(|(name, _)| !name.starts_with("generic/") && name.ends_with(&file))
}

/// A file that is wrong reads as absent; that none is, a test sees to.
fn provider_at(index: usize) -> Option<&'static Provider> {
    let (file, text) = FILES.get(index)?;
    PROVIDERS
        .get(index)?
        .get_or_init(|| parse(file, text).ok())
        .as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_can_be_read() {
        for (file, text) in FILES {
            if let Err(error) = parse(file, text) {
                panic!("{error}");
            }
        }
    }

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
    fn what_is_wrong_with_a_file_is_said_with_the_line() {
        let error = parse("payment/x.toml", "name = \"X\"\ncolour = 1\n")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("payment/x.toml: "), "{error}");
        assert!(
            error.contains("line 2") && error.contains("colour"),
            "{error}"
        );
        let scheme = "name = \"X\"\ndocumentation = \"https://example.com/\"\nsources = []\n\
            [webhooks.x]\ntitle = \"X\"\nmethods = []\nverification = { kind = \"none\" }\n";
        let error = parse("payment/x.toml", scheme).unwrap_err().to_string();
        let expected = "payment/x.toml: line 4, [webhooks.x]: no method is known";
        assert_eq!(error, expected);
    }
}
