//! Finds secrets, in the text as it stands and in what it means.

use std::collections::VecDeque;
use std::ops::Range;

use aho_corasick::Anchored;
use aho_corasick::automaton::Automaton as _;
use aho_corasick::nfa::noncontiguous::NFA;

use super::escapes::{Unescaped, Unit, begins_escape, units};

/// What finds any of some forms. The kind that is made fastest: it is used for one answer.
pub(super) struct Search(NFA);

impl Search {
    /// `None`, if the forms are too long.
    pub(super) fn new<'f>(forms: impl Iterator<Item = &'f str>) -> Option<Self> {
        let forms = forms.map(|form| form.bytes().map(folded).collect::<Vec<_>>());
        // The prefilter is for the searches of the library: this one goes from byte to byte.
        let nfa = NFA::builder().prefilter(false).build(forms).ok()?;
        Some(Self(nfa))
    }

    /// Where the forms stand in `text`, as it is or with up to two levels of escapes.
    ///
    /// Takes time in proportion to the text, and memory to what is found.
    pub(super) fn spans(&self, text: &[u8]) -> Spans {
        let mut spans = Spans::default();
        self.find(units(text), |span| spans.add(span));
        if !text.iter().copied().any(begins_escape) {
            return spans;
        }
        let mut inner = Spans::default();
        let mut once = Unescaped::new(units(text));
        self.find(&mut once, |span| inner.add(span));
        if !once.has_undone() {
            return spans;
        }
        let mut innermost = Spans::default();
        let twice = Unescaped::new(Unescaped::new(units(text)));
        self.find(twice, |span| innermost.add(span));
        spans.and(inner).and(innermost)
    }

    /// Tells of the longest form that ends at each place where one does.
    fn find(&self, text: impl Iterator<Item = Unit>, mut found: impl FnMut(Range<usize>)) {
        let Self(nfa) = self;
        let Ok(mut state) = nfa.start_state(Anchored::No) else {
            return;
        };
        let longest = nfa.max_pattern_len();
        let mut starts = VecDeque::with_capacity(longest + 1);
        for unit in text {
            starts.push_front(unit.start);
            starts.truncate(longest);
            state = nfa.next_state(Anchored::No, state, folded(unit.byte));
            if nfa.is_match(state) {
                // A state's own form comes first, then those that are its ends, ever shorter.
                let length = nfa.pattern_len(nfa.match_pattern(state, 0));
                if let Some(start) = length.checked_sub(1).and_then(|back| starts.get(back)) {
                    found(*start..unit.end);
                }
            }
        }
    }
}

/// A form's space is a plus.
fn folded(byte: u8) -> u8 {
    if byte == b'+' { b' ' } else { byte }
}

/// Parts of a text, in its order. What touches is one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Spans(Vec<Range<usize>>);

impl Spans {
    /// All of a text.
    pub(super) fn all(length: usize) -> Self {
        Self(std::iter::once(0..length).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Range<usize>> {
        self.0.iter()
    }

    /// Adds a span that ends behind all others, or begins behind them.
    fn add(&mut self, mut span: Range<usize>) {
        while let Some(last) = self.0.pop_if(|last| last.end >= span.start) {
            span = last.start.min(span.start)..last.end.max(span.end);
        }
        self.0.push(span);
    }

    fn and(self, others: Self) -> Self {
        let mut all = self.0;
        all.extend(others.0);
        // Stable, since that is linear for what consists of sorted parts.
        all.sort_by_key(|span| span.start);
        let mut merged = Self::default();
        for span in all {
            merged.add(span);
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn search(forms: &[&str]) -> Search {
        Search::new(forms.iter().copied()).unwrap()
    }

    fn found(search: &Search, text: &str) -> Vec<(usize, usize)> {
        let spans = search.spans(text.as_bytes());
        spans.iter().map(|span| (span.start, span.end)).collect()
    }

    #[test]
    fn what_touches_or_overlaps_is_one_span() {
        let search = search(&["abcdef", "defghi", "bc", "xyz"]);
        assert_eq!(found(&search, "-abcdefghi-"), [(1, 10)]);
        assert_eq!(found(&search, "abcdefxyz bc"), [(0, 9), (10, 12)]);
        assert_eq!(found(&search, r"a\u0062cdef &#x62;c"), [(0, 11), (12, 19)]);
    }

    #[test]
    fn an_escape_is_found_as_a_whole_in_either_reading() {
        let search = search(&["abcdef\\", "\"ghijkl"]);
        assert_eq!(found(&search, r#"["abcdef\\"]"#), [(2, 10)]);
        assert_eq!(found(&search, r#"["\"ghijkl"]"#), [(2, 10)]);
    }

    #[test]
    fn what_stands_before_a_form_does_not_draw_it_into_an_escape() {
        let search = search(&["nabcdef", "1ghijkl"]);
        assert_eq!(
            found(&search, r"C:\nabcdef &amp; D:\nabcdef"),
            [(3, 10), (20, 27)]
        );
        assert_eq!(found(&search, "%41ghijkl%2F"), [(2, 9)]);
    }

    #[test]
    fn a_plus_may_be_a_space() {
        assert_eq!(
            found(&search(&["a b+c"]), "q=a+b%2Bc&a%20b+c"),
            [(2, 9), (10, 17)]
        );
    }

    #[test]
    fn overlapping_forms_cost_no_more_than_the_text_is_long() {
        let forms: Vec<String> = (6..26).map(|length| "a".repeat(length)).collect();
        let search = Search::new(forms.iter().map(String::as_str)).unwrap();
        let text = "a".repeat(300_000);
        let mut told = 0;
        search.find(units(text.as_bytes()), |_| told += 1);
        assert_eq!(told, text.len() - 5);
        let spans = search.spans(format!("%61{text}").as_bytes());
        assert_eq!(spans, Spans::all(300_003));
        assert!(spans.0.capacity() <= 8, "{}", spans.0.capacity());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn exactly_what_is_in_a_form_is_found(
            forms in prop::collection::vec("[ab]{1,5}", 1..6), text in "[abc]{0,60}",
        ) {
            let search = Search::new(forms.iter().map(String::as_str)).unwrap();
            let mut is_in_form = vec![false; text.len()];
            for form in &forms {
                for start in 0..text.len() {
                    if text.as_bytes()[start..].starts_with(form.as_bytes()) {
                        is_in_form[start..start + form.len()].fill(true);
                    }
                }
            }
            let mut is_found = vec![false; text.len()];
            for (start, end) in found(&search, &text) {
                is_found[start..end].fill(true);
            }
            prop_assert_eq!(is_found, is_in_form);
        }
    }
}
