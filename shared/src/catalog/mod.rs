//! What we know of each provider, as data: `shared/catalog/<category>/<provider>.toml`.
//!
//! The files are part of the binary. One is parsed when something in it is asked for, and once:
//! a function starts without reading the catalogue. docs/adding-a-provider.md says what is in them.

mod check;
mod coded;
mod fill;
mod lines;
mod pattern;
mod profile;
mod provider;
mod provider_check;
mod rotation_check;
mod scheme;
mod template;

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::OnceLock;

use serde::Deserialize;
use serde::de::DeserializeOwned;

pub use check::SchemeError;
pub use coded::{Batch, Challenge, Coded, CodedSetting, Need};
pub use fill::Values;
pub use pattern::Pattern;
pub use profile::{limits_of, profile_of};
pub use provider::{AuthOption, CredentialField, Provider, Source, Variable};
pub use rotation_check::{is_secret, may_be_told};
pub use scheme::{
    Accepted, Algorithm, Condition, DigestOf, Encoding, FormJson, Future, Grammar, Handshake,
    HeaderFamily, Instant, KeyForm, Location, Page, Scheme, TimestampUnit, TokenPlace, Tolerance,
    Verification, Version,
};
pub use template::{Part, Template};

/// Path below `shared/catalog`, and text.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/catalog_files.rs"));

/// The slug of each scheme, and the number of its file, so that none is searched: that would take longer than
/// to receive a webhook.
const SCHEME_FILES: &[(&str, usize)] = include!(concat!(env!("OUT_DIR"), "/catalog_schemes.rs"));

/// What each file says, once it was read.
type Parsed<T> = LazyLock<Vec<OnceLock<Option<T>>>>;

static PROVIDERS: Parsed<Provider> = LazyLock::new(unread);
static SCHEMES: Parsed<Schemes> = LazyLock::new(unread);

/// What a file says of webhooks. Whoever verifies them needs no more of it, and a binary that
/// asks for no more does not hold the code that would read it.
#[derive(Deserialize)]
struct Schemes {
    #[serde(default)]
    webhooks: BTreeMap<String, Scheme>,
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
    provider.check(file).map_err(|error| {
        let line = lines::line_of(text, &error.pointer);
        fail(format!("line {line}, {}: {}", error.pointer, error.message))
    })?;
    Ok(provider)
}

/// The provider of that slug, if the catalogue says how its API is called.
#[must_use]
pub fn provider(slug: &str) -> Option<&'static Provider> {
    provider_at(index_of(slug)?).filter(|provider| provider.has_api())
}

/// All providers with their slugs, by slug: those too of which only the webhooks are known.
#[must_use]
pub fn providers() -> BTreeMap<&'static str, &'static Provider> {
    let files = FILES.iter().enumerate();
    files
        .filter_map(|(index, (file, _))| Some((slug_of(file)?, provider_at(index)?)))
        .collect()
}

/// The slug of the provider that a file is about, if it is about one.
fn slug_of(file: &str) -> Option<&str> {
    let (category, name) = file.split_once('/')?;
    (category != "generic").then(|| name.strip_suffix(".toml"))?
}

fn index_of(slug: &str) -> Option<usize> {
    FILES
        .iter()
        .position(|(file, _)| slug_of(file) == Some(slug))
}

/// The scheme of that slug.
#[must_use]
pub fn scheme(slug: &str) -> Option<&'static Scheme> {
    let (_, index) = SCHEME_FILES.iter().find(|(other, _)| *other == slug)?;
    schemes_at(*index)?.get(slug)
}

/// All schemes with their slugs, by slug.
#[must_use]
pub fn schemes() -> BTreeMap<&'static str, &'static Scheme> {
    let files = (0..FILES.len()).filter_map(schemes_at);
    files
        .flatten()
        .map(|(slug, scheme)| (slug.as_str(), scheme))
        .collect()
}

/// The scheme that a provider's webhooks use if nothing else is said: the first of its file.
#[must_use]
pub fn default_scheme(provider: &str) -> Option<&'static str> {
    let file = format!("/{provider}.toml");
    let index = FILES.iter().position(|(name, _)| name.ends_with(&file))?;
    let webhooks = schemes_at(index)?;
    let same = webhooks
        .get_key_value(provider)
        .or_else(|| webhooks.iter().next());
    same.map(|(slug, _)| slug.as_str())
}

/// Whether there is a provider of that slug.
#[must_use]
pub fn has_provider(slug: &str) -> bool {
    index_of(slug).is_some()
}

fn provider_at(index: usize) -> Option<&'static Provider> {
    at(&PROVIDERS, index)
}

fn schemes_at(index: usize) -> Option<&'static BTreeMap<String, Scheme>> {
    at(&SCHEMES, index).map(|schemes| &schemes.webhooks)
}

/// A file that cannot be read is absent; that all can, and that what they say is right, a test
/// sees to.
fn at<T: DeserializeOwned>(parsed: &'static Parsed<T>, index: usize) -> Option<&'static T> {
    let (_, text) = FILES.get(index)?;
    parsed
        .get(index)?
        .get_or_init(|| toml::from_str(text).ok())
        .as_ref()
}

fn unread<T>() -> Vec<OnceLock<Option<T>>> {
    FILES.iter().map(|_| OnceLock::new()).collect()
}

#[cfg(test)]
mod tests;
