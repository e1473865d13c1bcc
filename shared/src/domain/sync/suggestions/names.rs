//! How alike two names are.

use std::collections::BTreeSet;

use super::ELEMENT;
use super::concepts::Concept;

/// The rest of a longer name is not looked at.
const MAX_NAME: usize = 64;
/// Words that say which of several, where most have one.
const QUALIFIERS: [&str; 7] = [
    "primary", "main", "default", "work", "business", "hs", "record",
];
/// Members by which providers wrap a value: what they are in says what it is.
const WRAPPERS: [&str; 4] = ["value", "display", "raw", "text"];
/// What a field of one meaning under two names is worth.
const SAME_MEANING: f64 = 0.95;

/// The words of a field's name, and of what it is in.
#[derive(Debug)]
pub(super) struct Name {
    /// The field's own.
    own: Words,
    /// With those of all that it is in.
    whole: Words,
    /// In how many objects it is.
    depth: usize,
}

/// The words of a name.
#[derive(Debug)]
struct Words {
    words: BTreeSet<String>,
    /// All of them, with nothing in between.
    joined: String,
    /// What they are about.
    concept: Option<&'static Concept>,
    /// Whether that is so without a word that says which of several.
    qualified: bool,
}

impl Name {
    /// One of our own.
    pub(super) fn of(name: &str) -> Self {
        Self::of_path(&[name.to_owned()])
    }

    /// The provider's, by the names that lead there.
    pub(super) fn of_path(path: &[String]) -> Self {
        let mut names: Vec<_> = path.iter().filter(|name| *name != ELEMENT).collect();
        let wrapped = |name: &&String| WRAPPERS.contains(&name.to_ascii_lowercase().as_str());
        if names.len() > 1 && names.last().is_some_and(wrapped) {
            names.pop();
        }
        let own = names.last().map(|name| words(name)).unwrap_or_default();
        let whole = names.iter().flat_map(|name| words(name)).collect();
        Self {
            own: Words::of(own),
            whole: Words::of(whole),
            depth: names.len().saturating_sub(1),
        }
    }

    /// What it is about.
    pub(super) fn concept(&self) -> Option<&'static Concept> {
        self.own.concept
    }

    /// How alike this, one of ours, and the provider's are, from 0 to 1.
    pub(super) fn likeness(&self, source: &Self) -> f64 {
        let own = self.own.likeness(&source.own);
        let whole = self.own.likeness(&source.whole);
        // Of two that are called the same, the one that is in less.
        let depth = f64::from(u8::try_from(source.depth).unwrap_or(u8::MAX));
        (own.max(whole) - 0.01 * depth).max(0.0)
    }
}

impl Words {
    fn of(words: Vec<String>) -> Self {
        let joined = words.concat();
        let mut qualified = false;
        let mut concept = Concept::of(&joined);
        if concept.is_none() {
            let rest = words
                .iter()
                .filter(|word| !QUALIFIERS.contains(&word.as_str()));
            let rest = rest.map(String::as_str).collect::<String>();
            concept = Concept::of(&rest);
            qualified = concept.is_some();
        }
        Self {
            words: words.into_iter().collect(),
            joined,
            concept,
            qualified,
        }
    }

    fn likeness(&self, other: &Self) -> f64 {
        if self.joined.is_empty() || other.joined.is_empty() {
            return 0.0;
        }
        if self.joined == other.joined {
            return 1.0;
        }
        if let (Some(one), Some(two)) = (self.concept, other.concept) {
            if one != two {
                // Two things, however alike they are called: `firstName` and `lastName`.
                return 0.0;
            }
            let doubt = f64::from(u8::from(self.qualified)) + f64::from(u8::from(other.qualified));
            return SAME_MEANING - 0.05 * doubt;
        }
        let shared = count(self.words.intersection(&other.words).count());
        let all = count(self.words.union(&other.words).count());
        let spelled = strsim::jaro_winkler(&self.joined, &other.joined);
        // Any two words have some letters in common: what is below 0.8 says nothing.
        let spelled = ((spelled - 0.8) / 0.2).max(0.0);
        0.9 * (shared / all).max(spelled)
    }
}

fn count(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The words of `firstName`, `first_name`, `First-Name`, `HTTPStatus2`, in small letters.
fn words(name: &str) -> Vec<String> {
    let name = name.strip_suffix("__c").unwrap_or(name);
    let mut words = vec![String::new()];
    let mut before = '_';
    let mut letters = name.chars().take(MAX_NAME).peekable();
    while let Some(letter) = letters.next() {
        let next_is_small = letters.peek().is_some_and(|next| next.is_lowercase());
        let begins = letter.is_uppercase()
            && (before.is_lowercase() || before.is_numeric() || next_is_small)
            && before.is_alphanumeric();
        if begins || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_into_words() {
        for (name, expected) in [
            ("firstName", "first name"),
            ("first_name", "first name"),
            ("First-Name", "first name"),
            ("HTTPStatus2", "http status2"),
            ("Postal Code", "postal code"),
            ("Annual_Revenue__c", "annual revenue"),
            ("createdAtUTC", "created at utc"),
            ("__", ""),
            ("ÄrzteName", "ärzte name"),
        ] {
            assert_eq!(words(name).join(" "), expected, "{name}");
        }
    }

    fn likeness(one: &str, other: &str) -> f64 {
        let path: Vec<_> = other.split('.').map(str::to_owned).collect();
        Name::of(one).likeness(&Name::of_path(&path))
    }

    #[test]
    fn what_means_the_same_is_alike_and_what_does_not_is_not() {
        for (one, other, least) in [
            ("email", "Email", 1.0),
            ("first_name", "firstname", 1.0),
            ("givenName", "first_name", 0.95),
            ("zip", "PostalCode", 0.95),
            ("phone", "telephone_number", 0.95),
            ("surname", "name.familyName", 0.94),
            ("email", "primary_email", 0.9),
            ("email", "emails.value", 0.9),
            ("billing_city", "billing.city", 0.9),
            ("annualRevenue", "annual_revenue__c", 1.0),
            ("favouriteColour", "favorite_colour", 0.4),
        ] {
            let found = likeness(one, other);
            assert!(found >= least - 1e-9, "{one} {other}: {found}");
        }
        for (one, other) in [
            ("firstName", "lastName"),
            ("city", "country"),
            ("email", "industry"),
            ("createdAt", "updatedAt"),
            ("owner", "revenue"),
        ] {
            let found = likeness(one, other);
            assert!(found < 0.4, "{one} {other}: {found}");
        }
    }
}
