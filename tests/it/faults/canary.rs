//! What must be found nowhere: every secret and every body of these stories begins with the same word.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What secrets and bodies hold.
pub(super) const CANARY: &str = "canary-of-";

/// Where a text holds the word, plainly or in base64.
pub(super) fn found_in(text: &str) -> Option<&str> {
    let needles = (0..3).map(|shift| {
        let text = STANDARD.encode([&b"\0\0"[..shift], CANARY.as_bytes()].concat());
        // What the bytes around it have a part in is left out.
        let begin = [0, 2, 3][shift];
        let end = (shift + CANARY.len()) * 8 / 6;
        text.get(begin..end).unwrap().to_owned()
    });
    let mut needles = needles.chain([CANARY.to_owned()]);
    let at = needles.find_map(|needle| text.find(&needle))?;
    let ends = [at.saturating_sub(60), (at + 90).min(text.len())];
    Some(
        text.get(ends[0]..ends[1])
            .unwrap_or("(it holds the canary)"),
    )
}

#[test]
fn it_is_found_wherever_it_stands() {
    for before in ["", "a", "ab", "abc"] {
        let plain = format!("{before}{CANARY}a-key");
        assert!(found_in(&plain).is_some());
        assert!(found_in(&STANDARD.encode(&plain)).is_some(), "{before:?}");
    }
    assert!(found_in("Y2FuYXJ").is_none());
}
