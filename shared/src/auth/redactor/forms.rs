//! What a secret may look like.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::escapes::{Unescaped, units};

/// What is shorter is not looked for.
pub(super) const MIN_CHARS: usize = 6;

/// What is looked for where `secret` is to be found. Its escapes are not among them: they are undone
/// in the text. If it looks as if it had some itself, they are undone there, so without them too.
pub(super) fn forms(secret: &str) -> Vec<Zeroizing<String>> {
    if secret.chars().count() < MIN_CHARS {
        return Vec::new();
    }
    let once = unescaped(secret);
    let twice = once.as_ref().and_then(|once| unescaped(once));
    let mut forms = vec![
        Zeroizing::new(secret.to_owned()),
        Zeroizing::new(hex::encode(secret)),
        Zeroizing::new(hex::encode_upper(secret)),
    ];
    forms.extend(in_base64(secret));
    forms.extend([once, twice].into_iter().flatten());
    forms.retain(|form| form.chars().count() >= MIN_CHARS);
    forms
}

fn unescaped(text: &str) -> Option<Zeroizing<String>> {
    let bytes = Unescaped::new(units(text.as_bytes())).map(|unit| unit.byte);
    String::from_utf8(bytes.collect()).ok().map(Zeroizing::new)
}

/// The characters of base64 that depend on nothing but the text, at each of the three places in a
/// group where it may begin.
fn in_base64(text: &str) -> impl Iterator<Item = Zeroizing<String>> {
    [(0, 0), (1, 2), (2, 3)]
        .into_iter()
        .flat_map(|(before, shared)| {
            let mut bytes = Zeroizing::new(vec![0; before]);
            bytes.extend_from_slice(text.as_bytes());
            let whole = bytes.len() * 8 / 6;
            [
                STANDARD_NO_PAD.encode(&*bytes),
                URL_SAFE_NO_PAD.encode(&*bytes),
            ]
            .map(|base64| base64.get(shared..whole).unwrap_or_default().to_owned())
            .map(Zeroizing::new)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_looked_for_as_it_is_in_hexadecimal_in_base64_and_without_its_escapes() {
        let forms = forms("p%2540ss\u{bf}\u{bf}");
        let forms: Vec<&str> = forms.iter().map(|form| form.as_str()).collect();
        for form in [
            "p%2540ss\u{bf}\u{bf}",
            "702532353430", /* p%2540 */
            "p%40ss\u{bf}\u{bf}",
            "p@ss\u{bf}\u{bf}",
            "cCUyNTQwc3PCv8K/",
            "cCUyNTQwc3PCv8K_",
        ] {
            assert!(forms.iter().any(|one| one.starts_with(form)), "{form}");
        }
        assert!(forms.contains(&"7025323534307373C2BFC2BF"));
    }

    #[test]
    fn what_is_short_is_not_looked_for_in_any_form() {
        assert!(forms("short").is_empty());
        assert!(forms("").is_empty());
        let forms = forms("%41%42%43");
        assert!(!forms.iter().any(|form| form.as_str() == "ABC"));
    }
}
