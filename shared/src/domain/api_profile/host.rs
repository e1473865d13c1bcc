use super::ApiProfile;

impl ApiProfile {
    /// Whether `host` is one of [`ApiProfile::hosts`]. The base URL's own is not asked for here.
    #[must_use]
    pub fn names_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|pattern| covers(pattern, host))
    }
}

fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(name) => {
            let below = host.len().checked_sub(name.len() + 1);
            let (dot, end) = (
                below.and_then(|at| host.get(at..=at)),
                host.get(below.unwrap_or(0) + 1..),
            );
            below.is_some_and(|at| at > 0)
                && dot == Some(".")
                && end.is_some_and(|end| end.eq_ignore_ascii_case(name))
        }
        None => pattern.eq_ignore_ascii_case(host),
    }
}

/// Whether `text` is a host's name with a dot in it, or `*.` and such a name. An address is none.
pub(super) fn is_pattern(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let labels: Vec<&str> = name.split('.').collect();
    let is_address = labels
        .last()
        .is_none_or(|last| last.bytes().all(|b| b.is_ascii_digit()));
    name.len() <= 253 && labels.len() >= 2 && !is_address && labels.into_iter().all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_all_names_below_one() {
        for (pattern, host, expected) in [
            ("api.example.com", "api.example.com", true),
            ("api.example.com", "API.example.com", true),
            ("api.example.com", "x.api.example.com", false),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("*.example.com", "badexample.com", false),
            ("*.example.com", "a.example.com.evil.org", false),
            ("*.example.com", "\u{e9}xample.com", false),
        ] {
            let profile = ApiProfile {
                hosts: vec![pattern.to_owned()],
                ..ApiProfile::default()
            };
            assert_eq!(profile.names_host(host), expected, "{pattern} {host}");
        }
    }

    #[test]
    fn a_pattern_is_a_full_name() {
        for good in ["api.example.com", "*.example.com", "a-1.example"] {
            assert!(is_pattern(good), "{good}");
        }
        for bad in [
            "",
            "*",
            "*.com",
            "com",
            "a..b",
            "-a.com",
            "A.example.com",
            "a.*.com",
            "127.0.0.1",
            "https://a.example",
            "a.example/x",
            "a.example:443",
            "a b.example",
        ] {
            assert!(!is_pattern(bad), "{bad}");
        }
    }
}
