use url::{Host, Url};

/// Whether an integration's credentials may go to `url`: to the base URL's own origin, or to a host
/// that `hosts` names (a name, or `*.` and a name for all names below it), on whatever port.
///
/// Where the base URL is `https`, nothing else will do: what is encrypted for one host is not sent
/// in the clear to another.
#[must_use]
pub fn may_have_credentials(url: &Url, base_url: &Url, hosts: &[String]) -> bool {
    if url.origin() == base_url.origin() {
        return true;
    }
    if base_url.scheme() == "https" && url.scheme() != "https" {
        return false;
    }
    let Some(host) = url.host_str() else {
        return false;
    };
    let is_name = matches!(url.host(), Some(Host::Domain(_)));
    hosts.iter().any(|pattern| match pattern.strip_prefix('*') {
        Some(suffix) => is_name && suffix.starts_with('.') && is_below(host, suffix),
        None => host.eq_ignore_ascii_case(pattern),
    })
}

fn is_below(host: &str, suffix: &str) -> bool {
    let start = host.len().checked_sub(suffix.len());
    let end = start.and_then(|start| host.get(start..));
    start != Some(0) && end.is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_to_the_base_url_and_to_named_hosts_only() {
        let base = "https://api.example.com/v1".parse().unwrap();
        let hosts = ["login.example.com", "*.files.example", "192.0.2.7"].map(String::from);
        for (url, may) in [
            ("https://api.example.com/other", true),
            ("https://API.example.com:443/", true),
            ("https://api.example.com:8443/", false),
            ("https://api.example.com./", false),
            ("http://api.example.com/", false),
            ("https://login.example.com/token", true),
            ("https://login.example.com:8443/token", true),
            ("http://login.example.com/token", false),
            ("https://a.files.example/", true),
            ("https://a.b.files.example/", true),
            ("https://files.example/", false),
            ("https://afiles.example/", false),
            ("https://files.example.evil.example/", false),
            ("https://api.example.com.evil.example/", false),
            ("https://192.0.2.7/", true),
            ("https://192.0.2.8/", false),
            ("data:text/plain,x", false),
        ] {
            let url = url.parse().unwrap();
            assert_eq!(may_have_credentials(&url, &base, &hosts), may, "{url}");
        }
    }

    #[test]
    fn a_pattern_of_all_names_is_none() {
        let base = "https://api.example.com".parse().unwrap();
        let url = "https://evil.example/".parse().unwrap();
        for pattern in ["*", "*example", "", "*."] {
            let hosts = [pattern.to_owned()];
            assert!(!may_have_credentials(&url, &base, &hosts), "{pattern}");
        }
    }
}
