//! What the form of a profile's fields does not say. The pointers are those of an integration's
//! body: `/apiProfile/…`.

use super::host::is_pattern;
use super::{
    ApiProfile, Entity, ErrorShape, PageSize, Pagination, Probe, RateLimitHeaders, RetryHints,
};
use crate::domain::gateway::check_settable;
use crate::domain::{FieldError, RateLimits};

const MAX_HOSTS: usize = 20;
const MAX_ENTITIES: usize = 100;
const MAX_CODES: usize = 100;
const MAX_PATH: usize = 2048;
/// A month: longer windows are not counted in calls.
const MAX_WINDOW_SECONDS: u32 = 31 * 24 * 60 * 60;
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
/// The gateway sends it, so callers and rules may not; it is what most providers call it.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

type Checked = Result<(), FieldError>;

pub(super) fn wrong(pointer: impl Into<String>, message: impl Into<String>) -> Checked {
    Err(FieldError::new(pointer, message))
}

impl ApiProfile {
    /// What the form of the fields does not say.
    ///
    /// # Errors
    ///
    /// The first field that is wrong, as a pointer below `/apiProfile`.
    pub fn check(&self) -> Result<(), FieldError> {
        self.check_hosts()?;
        check_whole_probe("/apiProfile/verification", self.verification.as_ref())?;
        check_whole_probe("/apiProfile/healthCheck", self.health_check.as_ref())?;
        check_probe("/apiProfile/revocation", self.revocation.as_ref())?;
        check_pagination("/apiProfile/pagination", self.pagination.as_ref())?;
        if let Some(limits) = &self.rate_limits {
            limits.check("/apiProfile/rateLimits")?;
        }
        for (n, headers) in self.rate_limit_headers.iter().enumerate() {
            check_limit_headers(&format!("/apiProfile/rateLimitHeaders/{n}"), headers)?;
        }
        check_retry(&self.retry)?;
        check_errors(self.errors.as_ref())?;
        if let Some(name) = &self.idempotency_header
            && !name.eq_ignore_ascii_case(IDEMPOTENCY_KEY)
        {
            check_settable("/apiProfile/idempotencyHeader", name)?;
        }
        self.check_entities()?;
        self.check_rotation()
    }

    fn check_hosts(&self) -> Checked {
        if self.hosts.len() > MAX_HOSTS {
            return wrong("/apiProfile/hosts", "expected at most 20 hosts");
        }
        match self.hosts.iter().position(|host| !is_pattern(host)) {
            Some(n) => wrong(
                format!("/apiProfile/hosts/{n}"),
                "expected a full host name in small letters, or `*.` and one",
            ),
            None => Ok(()),
        }
    }

    fn check_entities(&self) -> Checked {
        let is_name = |name: &String| {
            (1..=64).contains(&name.len())
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        if self.entities.len() > MAX_ENTITIES || !self.entities.keys().all(is_name) {
            let message =
                "expected at most 100, with names of 1 to 64 letters, digits, `_` and `-`";
            return wrong("/apiProfile/entities", message);
        }
        let mut entities = self.entities.iter();
        entities.try_for_each(|(name, one)| one.check(&format!("/apiProfile/entities/{name}")))
    }
}

impl RateLimits {
    /// The calls that run are kept in one item of the table, and each call writes it.
    const MAX_CONCURRENT: u32 = 1_000;

    /// Whether each limit lets something through, and can be kept to.
    ///
    /// # Errors
    ///
    /// The first limit that is zero or too large, as a pointer below `pointer`.
    pub fn check(&self, pointer: &str) -> Result<(), FieldError> {
        let limits = [
            ("requestsPerSecond", self.requests_per_second),
            ("requestsPerMinute", self.requests_per_minute),
            ("requestsPerHour", self.requests_per_hour),
            ("concurrentRequests", self.concurrent_requests),
        ];
        if let Some((name, _)) = limits.iter().find(|(_, limit)| *limit == Some(0)) {
            return wrong(format!("{pointer}/{name}"), "must be at least 1");
        }
        match self.concurrent_requests {
            Some(limit) if limit > Self::MAX_CONCURRENT => wrong(
                format!("{pointer}/concurrentRequests"),
                "must be from 1 to 1000",
            ),
            _ => Ok(()),
        }
    }
}

impl Entity {
    /// What the form of the fields does not say.
    ///
    /// # Errors
    ///
    /// The first field that is wrong, as a pointer below `pointer`.
    pub fn check(&self, pointer: &str) -> Result<(), FieldError> {
        check_method(pointer, &self.method)?;
        check_whole_path(&format!("{pointer}/listPath"), &self.list_path)?;
        check_pagination(&format!("{pointer}/pagination"), self.pagination.as_ref())?;
        let Some(changed) = &self.changed_since else {
            return Ok(());
        };
        check_parameter(
            &format!("{pointer}/changedSince/parameter"),
            &changed.parameter,
        )?;
        if !changed.template.contains("{cursor}") {
            let message = "expected a text with `{cursor}` in it";
            return wrong(format!("{pointer}/changedSince/template"), message);
        }
        if self.cursor_field.is_none() {
            return wrong(
                format!("{pointer}/cursorField"),
                "is required with `changedSince`",
            );
        }
        Ok(())
    }
}

/// A call whose path has no fields to be filled in.
fn check_whole_probe(pointer: &str, probe: Option<&Probe>) -> Checked {
    check_probe(pointer, probe)?;
    probe.map_or(Ok(()), |probe| {
        check_whole_path(&format!("{pointer}/path"), &probe.path)
    })
}

fn check_whole_path(pointer: &str, path: &str) -> Checked {
    check_path(pointer, path)?;
    if path.contains(['{', '}']) {
        return wrong(pointer, "nothing is filled in here: expected no braces");
    }
    Ok(())
}

fn check_probe(pointer: &str, probe: Option<&Probe>) -> Checked {
    let Some(probe) = probe else { return Ok(()) };
    check_method(pointer, &probe.method)?;
    check_path(&format!("{pointer}/path"), &probe.path)?;
    for (name, value) in &probe.headers {
        check_settable(
            &format!("{pointer}/headers/{}", FieldError::escaped(name)),
            name,
        )?;
        if value.len() > MAX_PATH || value.chars().any(char::is_control) {
            let message = "expected at most 2048 characters, and none that control";
            return wrong(format!("{pointer}/headers/{name}"), message);
        }
    }
    if probe.body.is_some() && ["GET", "HEAD"].contains(&probe.method.as_str()) {
        return wrong(format!("{pointer}/body"), "goes with another method only");
    }
    Ok(())
}

/// Whether calls are made with `method`; the pointer is that of what has it.
pub(in crate::domain) fn check_method(pointer: &str, method: &str) -> Checked {
    if METHODS.contains(&method) {
        return Ok(());
    }
    let message = "expected `GET`, `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`";
    wrong(format!("{pointer}/method"), message)
}

/// Whether `path` is one below a base URL. What is filled into it stands in braces.
pub(in crate::domain) fn check_path(pointer: &str, path: &str) -> Checked {
    let (own, _) = path.split_once('?').unwrap_or((path, ""));
    let climbs = own
        .split('/')
        .any(|segment| segment == "." || segment == "..");
    let fits = path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= MAX_PATH
        && path
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"\\#<>\"".contains(&b));
    if fits && !climbs {
        return Ok(());
    }
    wrong(
        pointer,
        "expected a path that starts with one `/`, with its query, both encoded",
    )
}

fn check_header(pointer: &str, name: Option<&String>) -> Checked {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    match name {
        Some(name) if !(1..=128).contains(&name.len()) || !name.bytes().all(is_token) => {
            wrong(pointer, "expected the name of a header")
        }
        _ => Ok(()),
    }
}

fn check_parameter(pointer: &str, name: &str) -> Checked {
    if (1..=128).contains(&name.len()) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    wrong(pointer, "expected 1 to 128 printable characters")
}

fn check_pagination(pointer: &str, pagination: Option<&Pagination>) -> Checked {
    let (parameter, size) = match pagination {
        Some(
            Pagination::Cursor {
                parameter, size, ..
            }
            | Pagination::Page {
                parameter, size, ..
            },
        ) => (Some(parameter), size.as_ref()),
        Some(Pagination::Offset {
            parameter, size, ..
        }) => (Some(parameter), Some(size)),
        Some(Pagination::Link { size, .. }) => (None, size.as_ref()),
        Some(Pagination::None {}) | None => (None, None),
    };
    if let Some(parameter) = parameter {
        check_parameter(&format!("{pointer}/parameter"), parameter)?;
    }
    if let Some(PageSize { parameter, max }) = size {
        check_parameter(&format!("{pointer}/size/parameter"), parameter)?;
        if *max == 0 {
            return wrong(format!("{pointer}/size/max"), "must be at least 1");
        }
    }
    Ok(())
}

fn check_limit_headers(pointer: &str, headers: &RateLimitHeaders) -> Checked {
    for (field, name) in [
        ("limit", &headers.limit),
        ("remaining", &headers.remaining),
        ("used", &headers.used),
        ("reset", &headers.reset),
    ] {
        check_header(&format!("{pointer}/{field}"), name.as_ref())?;
    }
    if headers.remaining.is_none() && headers.used.is_none() {
        return wrong(pointer, "needs `remaining` or `used`");
    }
    match headers.window_seconds {
        Some(seconds) if !(1..=MAX_WINDOW_SECONDS).contains(&seconds) => wrong(
            format!("{pointer}/windowSeconds"),
            "must be from 1 to 2678400",
        ),
        None if headers.reset.is_none() => wrong(pointer, "needs `reset` or `windowSeconds`"),
        _ => Ok(()),
    }
}

fn check_retry(retry: &RetryHints) -> Checked {
    check_codes("/apiProfile/retry/codes", &retry.codes)?;
    for (field, statuses) in [
        ("statuses", &retry.statuses),
        ("rateLimitStatuses", &retry.rate_limit_statuses),
    ] {
        if let Some(n) = statuses
            .iter()
            .position(|status| !(400..=599).contains(status))
        {
            let pointer = format!("/apiProfile/retry/{field}/{n}");
            return wrong(pointer, "must be from 400 to 599");
        }
    }
    Ok(())
}

fn check_errors(errors: Option<&ErrorShape>) -> Checked {
    let Some(errors) = errors else { return Ok(()) };
    check_header("/apiProfile/errors/codeHeader", errors.code_header.as_ref())?;
    check_header(
        "/apiProfile/errors/requestIdHeader",
        errors.request_id_header.as_ref(),
    )?;
    check_codes(
        "/apiProfile/errors/authenticationCodes",
        &errors.authentication_codes,
    )?;
    check_codes(
        "/apiProfile/errors/rateLimitCodes",
        &errors.rate_limit_codes,
    )
}

fn check_codes(pointer: &str, codes: &[String]) -> Checked {
    if codes.len() > MAX_CODES {
        return wrong(pointer, "expected at most 100 codes");
    }
    match codes
        .iter()
        .position(|code| !(1..=128).contains(&code.len()))
    {
        Some(n) => wrong(format!("{pointer}/{n}"), "expected 1 to 128 characters"),
        None => Ok(()),
    }
}
