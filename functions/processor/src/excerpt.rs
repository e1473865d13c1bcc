//! What is kept of a destination's answer: its beginning, without anything that may be a secret.

use gatehouse::domain::RESPONSE_EXCERPT_BYTES;

/// The shortest run of characters that is taken for a credential.
const MIN_SECRET_LENGTH: usize = 20;
const BLOT: &str = "[redacted]";

/// The first 4 KiB of `body` as text, long random-looking words blotted out.
///
/// Answers often echo the request's headers, or carry tokens of the destination's own. A word of
/// 20 or more characters of the base64, hexadecimal or JWT alphabets that mixes letters and digits
/// is taken for one. Words like that which are harmless (a UUID) go too.
pub(crate) fn excerpt(body: &[u8]) -> String {
    let start = body.get(..RESPONSE_EXCERPT_BYTES).unwrap_or(body);
    let text = String::from_utf8_lossy(start);
    let mut kept = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || "+/=_-.".contains(c) {
            word.push(c);
        } else {
            push_word(&mut kept, &word);
            word.clear();
            kept.push(c);
        }
    }
    push_word(&mut kept, &word);
    kept
}

fn push_word(kept: &mut String, word: &str) {
    let mixed =
        word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic());
    kept.push_str(if word.len() >= MIN_SECRET_LENGTH && mixed {
        BLOT
    } else {
        word
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_kept() {
        let text = r#"{"error": "unknown customer 4711", "retry": false}"#;
        assert_eq!(excerpt(text.as_bytes()), text);
    }

    #[test]
    fn what_looks_like_a_credential_is_blotted_out() {
        for secret in [
            "sk_live_51H8xYzAbCdEfGhIjKlMn",
            "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
            "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl",
            "0af7651916cd43dd8448eb211c80319c",
        ] {
            assert_eq!(
                excerpt(format!("{{\"got\":\"Bearer {secret}\"}}").as_bytes()),
                "{\"got\":\"Bearer [redacted]\"}"
            );
        }
    }

    #[test]
    fn only_the_beginning_is_kept_and_any_bytes_are_taken() {
        assert_eq!(excerpt(&[b' '; 10_000]).len(), RESPONSE_EXCERPT_BYTES);
        assert_eq!(excerpt(&[0xff, b'a']), "\u{fffd}a");
    }
}
