//! The `Link` header (RFC 8288 section 3).

/// The target of the link with the relation `next`, if there is one.
pub(super) fn next(value: &str) -> Option<String> {
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let (parameters, after) = until_comma(after);
        if is_next(parameters) {
            return Some(target.trim().to_owned());
        }
        rest = after;
    }
    None
}

/// Splits at the first comma that is not within quotes.
fn until_comma(text: &str) -> (&str, &str) {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => {
                let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
                return (before, after);
            }
            _ => {}
        }
    }
    (text, "")
}

/// Whether the parameters say `rel="next"`, perhaps among other relations. Only the first `rel`
/// counts (section 3.3).
fn is_next(parameters: &str) -> bool {
    let mut parameters = parameters.split(';').filter_map(|one| one.split_once('='));
    let rel = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("rel"));
    rel.is_some_and(|(_, value)| {
        let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
        relations.any(|relation| relation.eq_ignore_ascii_case("next"))
    })
}
