use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::{Host, Url};

/// Everything but RFC 3986's unreserved characters.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

const MAX_ENDPOINT: usize = 8 * 1024;
const MAX_URL: usize = 16 * 1024;
/// A path that is still encoded after so many decodings is refused.
const MAX_DECODINGS: usize = 4;

/// Where a call goes: a URL to which the integration's credentials may be sent.
///
/// An endpoint is a path under the base URL's path, with or without `/` in front, perhaps with a
/// query; or an absolute URL, as pagination links are. An absolute URL of the base URL's origin
/// has to be under the base URL's path as well; one of another origin has to be `https`, on the
/// default port, of a host that the provider is known to use.
///
/// Whatever a server, or something in front of it, makes of the path, it stays under the base
/// path: a segment that is `.` or `..` is refused in every spelling (encoded, encoded twice, before
/// a `;`, beside a space, in an overlong form of UTF-8), and so are `\`, empty segments and control
/// characters. An encoded slash is data and stays encoded. What is accepted is not re-encoded:
/// signatures are made over the spelling that the caller chose. Characters that have to be encoded
/// (`"`, `{`, `é`) are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    url: Url,
    path: String,
}

/// Why an endpoint is refused. It is not quoted: queries hold what should not be in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Too long.
    #[error("expected at most {MAX_ENDPOINT} characters, and {MAX_URL} with all parameters")]
    Length,
    /// A space, a control character, a backslash or a fragment.
    #[error("spaces, control characters, `\\` and `#` have to be percent-encoded")]
    Character,
    /// A `%` that encodes nothing, encodes too often, or encodes no UTF-8.
    #[error("the path's percent-encoding is not valid UTF-8, encoded once")]
    Encoding,
    /// An encoded control character or backslash.
    #[error("the path must not hold control characters or `\\`, encoded or not")]
    Hidden,
    /// A segment that leads to another place.
    #[error("the path must not hold the segments `.` and `..`, in any spelling")]
    DotSegment,
    /// `//`.
    #[error("the path must not hold empty segments; a slash that is data is written `%2F`")]
    EmptySegment,
    /// Neither a path nor an `http` or `https` URL.
    #[error("expected a path under the base URL; one with `:` or `@` in front starts with `/`")]
    NotAPath,
    /// Not a URL, or one with user information.
    #[error("the URL is not valid, or holds user information")]
    Url,
    /// A host that the credentials do not go to.
    #[error("the credentials go to the base URL's origin and the provider's hosts only")]
    Host,
    /// Another part of the base URL's host.
    #[error("the URL is not under the base URL's path")]
    OutsideBase,
}

impl Target {
    /// The target of `endpoint` with `parameters` added to its query.
    ///
    /// # Errors
    ///
    /// If the endpoint leads out of where the credentials may go, or might.
    pub fn new(
        base: &Url,
        hosts: &[String],
        endpoint: &str,
        parameters: &[(String, String)],
    ) -> Result<Self, TargetError> {
        if endpoint.len() > MAX_ENDPOINT {
            return Err(TargetError::Length);
        }
        let is_forbidden = |c: char| c.is_control() || c.is_whitespace() || c == '\\' || c == '#';
        if endpoint.chars().any(is_forbidden) {
            return Err(TargetError::Character);
        }
        let mut target = if is_absolute(endpoint) {
            Self::absolute(base, hosts, endpoint)?
        } else {
            Self::relative(base, endpoint)?
        };
        add_parameters(&mut target.url, parameters);
        if target.url.as_str().len() > MAX_URL {
            return Err(TargetError::Length);
        }
        Ok(target)
    }

    /// The URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The URL.
    #[must_use]
    pub fn into_url(self) -> Url {
        self.url
    }

    /// The path under the base URL, with `/` in front and without the query; the whole path, if
    /// the origin is another.
    #[must_use]
    pub fn path(&self) -> &str {
        match self.path.as_str() {
            "" => "/",
            path => path,
        }
    }

    /// The names of the query's parameters, in their order.
    #[must_use]
    pub fn query_names(&self) -> Vec<String> {
        let pairs = self.url.query_pairs();
        pairs.map(|(name, _)| name.into_owned()).collect()
    }

    fn relative(base: &Url, endpoint: &str) -> Result<Self, TargetError> {
        let (path, query) = split_query(endpoint);
        let first = path.split('/').next().unwrap_or_default();
        if first.contains(':') || first.starts_with('@') {
            return Err(TargetError::NotAPath);
        }
        let path = match path {
            "" => String::new(),
            path if path.starts_with('/') => path.to_owned(),
            path => format!("/{path}"),
        };
        check_path(&path)?;
        let mut url = base.clone();
        url.set_fragment(None);
        url.set_path(&format!("{}{path}", prefix(base)));
        url.set_query(query);
        match under(base, url.path()) {
            Some(path) if url.origin() == base.origin() => Ok(Self {
                path: path.to_owned(),
                url,
            }),
            _ => Err(TargetError::OutsideBase),
        }
    }

    fn absolute(base: &Url, hosts: &[String], endpoint: &str) -> Result<Self, TargetError> {
        let (_, rest) = endpoint.split_once("://").ok_or(TargetError::Url)?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end).ok_or(TargetError::Url)?;
        if authority.is_empty() || authority.contains('@') {
            return Err(TargetError::Url);
        }
        check_path(split_query(rest).0)?;
        let url = Url::parse(endpoint).map_err(|_| TargetError::Url)?;
        let path = if url.origin() == base.origin() {
            under(base, url.path()).ok_or(TargetError::OutsideBase)?
        } else {
            let is_known = url.host().is_some_and(|host| is_of_hosts(hosts, &host));
            if url.scheme() != "https" || url.port().is_some() || !is_known {
                return Err(TargetError::Host);
            }
            url.path()
        };
        Ok(Self {
            path: path.to_owned(),
            url,
        })
    }
}

/// Whether `host` is one of `hosts`: names, or `*.` and a name for all names below it. An address
/// never is.
#[must_use]
pub fn is_of_hosts<S: AsRef<str>>(hosts: &[String], host: &Host<S>) -> bool {
    let Host::Domain(host) = host else {
        return false;
    };
    let host = host.as_ref();
    hosts.iter().any(|pattern| {
        let Some(above) = pattern.strip_prefix('*') else {
            return pattern.eq_ignore_ascii_case(host);
        };
        let split = host.len().checked_sub(above.len());
        let below = split.and_then(|at| host.split_at_checked(at));
        let is_name = above.starts_with('.') && above.len() > 1;
        is_name
            && below
                .is_some_and(|(name, rest)| !name.is_empty() && rest.eq_ignore_ascii_case(above))
    })
}

fn is_absolute(endpoint: &str) -> bool {
    let scheme = endpoint.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
    })
}

fn split_query(endpoint: &str) -> (&str, Option<&str>) {
    endpoint
        .split_once('?')
        .map_or((endpoint, None), |(path, query)| (path, Some(query)))
}

/// The base URL's path without the slash at its end.
fn prefix(base: &Url) -> &str {
    base.path().trim_end_matches('/')
}

/// What of `path` is below the base URL's; whole segments only, so `/v1` does not cover `/v10`.
fn under<'p>(base: &Url, path: &'p str) -> Option<&'p str> {
    let rest = path.strip_prefix(prefix(base))?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

fn check_path(path: &str) -> Result<(), TargetError> {
    let segments = path.strip_prefix('/').unwrap_or(path).split('/');
    let last = segments.clone().count().saturating_sub(1);
    // The last one is empty where the path ends with a slash.
    let mut inner = segments.take(last);
    if inner.any(str::is_empty) || path.starts_with("//") {
        return Err(TargetError::EmptySegment);
    }
    if !is_encoded_well(path) {
        return Err(TargetError::Encoding);
    }
    let mut path = path.to_owned();
    for _ in 0..MAX_DECODINGS {
        check_segments(&path)?;
        let decoded = percent_decode_str(&path).decode_utf8();
        let decoded = decoded.map_err(|_| TargetError::Encoding)?.into_owned();
        if decoded == path {
            return Ok(());
        }
        path = decoded;
    }
    Err(TargetError::Encoding)
}

/// Whether two hexadecimal digits follow each `%`.
fn is_encoded_well(path: &str) -> bool {
    path.split('%').skip(1).all(|rest| {
        let mut digits = rest.bytes().take(2);
        digits.len() == 2 && digits.all(|digit| digit.is_ascii_hexdigit())
    })
}

/// Servlet containers cut parameters off at `;`, some file systems spaces, before they look.
fn check_segments(path: &str) -> Result<(), TargetError> {
    if path.chars().any(|c| c.is_control() || c == '\\') {
        return Err(TargetError::Hidden);
    }
    let is_dots = |segment: &str| {
        let segment = segment.split(';').next().unwrap_or_default().trim();
        segment == "." || segment == ".."
    };
    if path.split('/').any(is_dots) {
        return Err(TargetError::DotSegment);
    }
    Ok(())
}

/// Spaces become `%20`, not `+`: signatures of AWS and others are made that way.
fn add_parameters(url: &mut Url, parameters: &[(String, String)]) {
    if parameters.is_empty() {
        return;
    }
    let mut query = url.query().unwrap_or_default().to_owned();
    for (name, value) in parameters {
        if !query.is_empty() {
            query.push('&');
        }
        query.extend(utf8_percent_encode(name, VALUE));
        query.push('=');
        query.extend(utf8_percent_encode(value, VALUE));
    }
    url.set_query(Some(&query));
}

#[cfg(test)]
mod tests;
