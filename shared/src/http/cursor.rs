use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::Error;

/// Where the next page of a list begins: opaque to callers, and good only for the list that it
/// came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor;

#[derive(Serialize, Deserialize)]
struct Token<P> {
    v: u8,
    list: String,
    after: P,
}

impl Cursor {
    /// The cursor of the page after `after` in `list`.
    #[must_use]
    pub fn write<P: Serialize>(list: &str, after: &P) -> String {
        let token = Token {
            v: 1,
            list: list.to_owned(),
            after,
        };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
    }

    /// Reads a cursor of `list`.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`], if it is none, or one of another list.
    pub fn read<P: DeserializeOwned>(list: &str, text: &str) -> Result<P, Error> {
        let malformed = || Error::Malformed("the cursor is not one of this list".to_owned());
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed())?;
        let token: Token<P> = serde_json::from_slice(&bytes).map_err(|_| malformed())?;
        if token.v == 1 && token.list == list {
            Ok(token.after)
        } else {
            Err(malformed())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_list_only() {
        let text = Cursor::write("events/int_1", &"evt_1");
        assert_eq!(
            Cursor::read::<String>("events/int_1", &text).unwrap(),
            "evt_1"
        );
        assert!(Cursor::read::<String>("events/int_2", &text).is_err());
        assert!(Cursor::read::<u32>("events/int_1", &text).is_err());
        for broken in ["", "~", "bm8", text.trim_start_matches('e')] {
            assert!(
                Cursor::read::<String>("events/int_1", broken).is_err(),
                "{broken}"
            );
        }
    }
}
