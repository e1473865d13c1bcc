//! What each route does, in the words of the audit trail.

use http::Method;

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// A stable word with a dot.
    pub word: &'static str,
    /// When it is recorded.
    pub recording: Recording,
}

/// When something is recorded. What is denied always is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// Before it is done, and again how it ended.
    Twice,
    /// Before it is done. It is as good as done then.
    Once,
    /// Only if it is denied.
    Denials,
}

use Recording::{Denials, Once, Twice};

/// What a change is called whose route has no row: nothing is done unrecorded.
const UNKNOWN_CHANGE: Action = Action {
    word: "portal.change",
    recording: Twice,
};
const UNKNOWN_READ: Action = Action {
    word: "portal.read",
    recording: Denials,
};

/// Method, path with `{}` for each parameter, word, and when it is recorded. What uses credentials
/// (`credential.use`, `credential.test`) is recorded by the call itself, once for each call.
const ACTIONS: &[(&str, &str, &str, Recording)] = &[
    ("GET", "/portal/providers", "provider.list", Denials),
    ("GET", "/portal/providers/{}", "provider.read", Denials),
    ("POST", "/portal/integrations", "integration.create", Twice),
    ("GET", "/portal/integrations", "integration.list", Denials),
    (
        "POST",
        "/portal/integrations:bulk",
        "integration.bulk",
        Twice,
    ),
    (
        "GET",
        "/portal/integrations/{}",
        "integration.read",
        Denials,
    ),
    (
        "PATCH",
        "/portal/integrations/{}",
        "integration.update",
        Twice,
    ),
    (
        "DELETE",
        "/portal/integrations/{}",
        "integration.delete",
        Twice,
    ),
    (
        "GET",
        "/portal/integrations/{}/status",
        "integration.status",
        Denials,
    ),
    (
        "POST",
        "/portal/integrations/{}/webhooks",
        "endpoint.create",
        Twice,
    ),
    (
        "GET",
        "/portal/integrations/{}/webhooks",
        "endpoint.list",
        Denials,
    ),
    (
        "GET",
        "/portal/integrations/{}/webhooks/logs",
        "event.list",
        Denials,
    ),
    (
        "GET",
        "/portal/integrations/{}/webhooks/events/{}",
        "event.read",
        Denials,
    ),
    (
        "POST",
        "/portal/integrations/{}/webhooks/events/{}/retry",
        "event.retry",
        Twice,
    ),
    (
        "GET",
        "/portal/integrations/{}/webhooks/{}",
        "endpoint.read",
        Denials,
    ),
    (
        "PATCH",
        "/portal/integrations/{}/webhooks/{}",
        "endpoint.update",
        Twice,
    ),
    (
        "DELETE",
        "/portal/integrations/{}/webhooks/{}",
        "endpoint.delete",
        Twice,
    ),
    (
        "POST",
        "/portal/integrations/{}/webhooks/{}/retry",
        "event.retry_many",
        Twice,
    ),
    (
        "POST",
        "/portal/integrations/{}/webhooks/{}/secrets",
        "secret.create",
        Twice,
    ),
    (
        "DELETE",
        "/portal/integrations/{}/webhooks/{}/secrets/{}",
        "secret.delete",
        Twice,
    ),
    (
        "POST",
        "/portal/integrations/{}/destinations",
        "destination.create",
        Twice,
    ),
    (
        "GET",
        "/portal/integrations/{}/destinations",
        "destination.list",
        Denials,
    ),
    (
        "GET",
        "/portal/integrations/{}/destinations/{}",
        "destination.read",
        Denials,
    ),
    (
        "PATCH",
        "/portal/integrations/{}/destinations/{}",
        "destination.update",
        Twice,
    ),
    (
        "DELETE",
        "/portal/integrations/{}/destinations/{}",
        "destination.delete",
        Twice,
    ),
    (
        "POST",
        "/portal/integrations/{}/destinations/{}/secrets",
        "secret.rotate",
        Twice,
    ),
    (
        "POST",
        "/portal/integrations/{}/requests",
        "request.create",
        Denials,
    ),
    (
        "GET",
        "/portal/integrations/{}/requests",
        "request.list",
        Denials,
    ),
    (
        "GET",
        "/portal/integrations/{}/requests/{}",
        "request.read",
        Denials,
    ),
    (
        "POST",
        "/portal/integrations/{}/requests:batch",
        "request.batch",
        Denials,
    ),
    (
        "POST",
        "/portal/integrations/{}/test",
        "credential.test",
        Denials,
    ),
    (
        "DELETE",
        "/portal/integrations/{}/cache",
        "cache.purge",
        Twice,
    ),
    ("GET", "/portal/audit", "audit.read", Once),
    ("GET", "/portal/audit/export", "audit.export", Once),
    ("POST", "/portal/audit/verify", "audit.verify", Once),
];

/// The one route that has every method.
const PROXY: (&str, Action) = (
    "/portal/integrations/{}/proxy/{}",
    Action {
        word: "request.proxy",
        recording: Denials,
    },
);

/// What a request does whose path was matched by `path`, such as `/portal/integrations/{id}`.
#[must_use]
pub fn action_of(method: &Method, path: &str) -> Action {
    let path = without_names(path);
    if path == PROXY.0 {
        return PROXY.1;
    }
    let method = if *method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    let row = ACTIONS
        .iter()
        .find(|(verb, pattern, ..)| method == verb && path == *pattern);
    match row {
        Some((_, _, word, recording)) => Action {
            word,
            recording: *recording,
        },
        None if method.is_safe() => UNKNOWN_READ,
        None => UNKNOWN_CHANGE,
    }
}

/// The path with `{}` for each parameter.
fn without_names(path: &str) -> String {
    let segments = path.split('/').map(|segment| {
        if segment.starts_with('{') && segment.ends_with('}') {
            "{}"
        } else {
            segment
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_known_by_any_names_of_its_parameters() {
        for path in [
            "/portal/integrations/{integration}",
            "/portal/integrations/{integrationId}",
        ] {
            assert_eq!(action_of(&Method::PATCH, path).word, "integration.update");
        }
        let proxy = "/portal/integrations/{integration}/proxy/{*path}";
        assert_eq!(action_of(&Method::DELETE, proxy).word, "request.proxy");
        assert_eq!(action_of(&Method::HEAD, "/portal/audit").word, "audit.read");
    }

    #[test]
    fn what_has_no_row_is_recorded_if_it_may_change_something() {
        assert_eq!(action_of(&Method::PUT, "/portal/other"), UNKNOWN_CHANGE);
        assert_eq!(action_of(&Method::GET, "/portal/other"), UNKNOWN_READ);
    }

    #[test]
    fn the_documentation_names_every_word() {
        let documentation = include_str!("../../../docs/audit.md");
        let words = ACTIONS.iter().map(|(_, _, word, _)| *word);
        let others = [
            "credential.use",
            "session.start",
            "audit.lane",
            "audit.anchor",
        ];
        for word in words
            .chain(others)
            .chain([PROXY.1.word, UNKNOWN_CHANGE.word])
        {
            assert!(
                documentation.contains(&format!("`{word}`")),
                "docs/audit.md lacks {word}"
            );
        }
    }
}
