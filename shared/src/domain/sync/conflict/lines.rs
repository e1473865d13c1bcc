use super::FlagReason;

/// A text of more bytes is not merged.
pub(super) const MAX_BYTES: usize = 64 * 1024;
/// A text of more lines is not merged: comparing two takes as many steps as the product of their
/// lines, at worst.
pub(super) const MAX_LINES: usize = 1000;

/// What the changes of both sides make of a text, line by line (the algorithm of `diff3`, over
/// shortest edit scripts). Lines end with a line feed; what lies between two lines that neither
/// side has changed is merged if only one side has changed it, or both to the same.
///
/// # Errors
///
/// If both have changed lines between the same two that neither has, or if a text is too large.
pub(super) fn merged_lines(
    base: &str,
    source: &str,
    destination: &str,
) -> Result<String, FlagReason> {
    let [base, source, destination] = [base, source, destination].map(Lines::of);
    let merged = diffy::merge(&base?.0, &source?.0, &destination?.0);
    let merged = merged.map_err(|_| FlagReason::Lines)?;
    let text = merged.strip_suffix('\n').ok_or(FlagReason::Lines)?;
    Ok(text.to_owned())
}

/// A text that can be merged, with a line feed after its last line: without one, that line would
/// differ from the same line in a text that goes on.
struct Lines(String);

impl Lines {
    fn of(text: &str) -> Result<Self, FlagReason> {
        // Counted up to the limit only.
        let lines = text.split('\n').take(MAX_LINES + 1).count();
        if text.len() > MAX_BYTES || lines > MAX_LINES {
            return Err(FlagReason::TooLarge);
        }
        Ok(Self(format!("{text}\n")))
    }
}
