use std::time::Duration;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::super::object::only_objects;
use super::super::{FieldError, RateLimits};
use super::{CallRetry, HeaderPattern, Masking, PathPattern, RequestSchema, Transform};

only_objects!(GatewayConfig, CacheRules, RouteRules);

/// How an integration's calls are made: its `gatewayConfig`. Holds no secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    default,
    deny_unknown_fields,
    remote = "Self"
)]
pub struct GatewayConfig {
    /// The longest time for a call, all attempts and waits included, in milliseconds. A caller may
    /// ask for less.
    #[schema(minimum = 100, maximum = 25000)]
    pub timeout_ms: u32,
    /// More of an answer's body is not taken.
    #[schema(minimum = 1024, maximum = 4194304)]
    pub max_response_bytes: u32,
    /// What is tried again.
    pub retry: CallRetry,
    /// What is cached; nothing, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheRules>,
    /// Headers that callers may send besides those that they always may.
    #[schema(max_items = 50)]
    pub allowed_headers: Vec<HeaderPattern>,
    /// How requests are changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Transform>,
    /// How successful answers are changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Transform>,
    /// What is hidden before anything is logged or kept.
    pub masking: Masking,
    /// Whether the log keeps the bodies, masked.
    pub keep_bodies: bool,
    /// What holds for some calls only. The first that fits a call counts, and no other.
    #[schema(max_items = 100)]
    pub routes: Vec<RouteRules>,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            timeout_ms: 10_000,
            max_response_bytes: 1024 * 1024,
            retry: CallRetry::default(),
            cache: None,
            allowed_headers: Vec::new(),
            request: None,
            response: None,
            masking: Masking::default(),
            keep_bodies: false,
            routes: Vec::new(),
        }
    }
}

/// What is cached of the answers to GET and HEAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    rename_all = "camelCase",
    default,
    deny_unknown_fields,
    remote = "Self"
)]
pub struct CacheRules {
    /// For so long, where the provider says nothing, or is not asked. Nothing, if absent or zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 86400)]
    pub ttl_seconds: Option<u32>,
    /// Whether the provider's `Cache-Control`, `Expires` and `Vary` are kept to.
    pub respect_cache_control: bool,
}

impl Default for CacheRules {
    fn default() -> Self {
        Self {
            ttl_seconds: None,
            respect_cache_control: true,
        }
    }
}

impl CacheRules {
    /// Whether nothing can be cached under them: how a route is excluded.
    #[must_use]
    pub fn is_off(&self) -> bool {
        !self.respect_cache_control && self.ttl_seconds.unwrap_or(0) == 0
    }
}

/// What holds for some calls. What is absent is as for all calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, remote = "Self")]
pub struct RouteRules {
    /// Their method; any, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Their path under the base URL.
    pub path: PathPattern,
    /// Limits that they keep to besides the integration's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limits: Option<RateLimits>,
    /// What is cached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheRules>,
    /// How requests are changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Transform>,
    /// How successful answers are changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Transform>,
    /// A JSON Schema that the caller's body has to satisfy, before it is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub request_schema: Option<Value>,
    /// The longest time for a call, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 100, maximum = 25000)]
    pub timeout_ms: Option<u32>,
    /// Whether a call may be made twice, if its method does not say it right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotent: Option<bool>,
}

/// What holds for one call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EffectiveRules<'a> {
    /// The place of the route among the configuration's, if one fits.
    pub route: Option<usize>,
    /// The longest time.
    pub timeout: Duration,
    /// More of the answer's body is not taken.
    pub max_response_bytes: usize,
    /// What is tried again.
    pub retry: CallRetry,
    /// What is cached, if anything is.
    pub cache: Option<&'a CacheRules>,
    /// Limits besides the integration's.
    pub rate_limits: Option<&'a RateLimits>,
    /// How the request is changed.
    pub request: Option<&'a Transform>,
    /// How a successful answer is changed.
    pub response: Option<&'a Transform>,
    /// What the caller's body has to satisfy.
    pub request_schema: Option<&'a Value>,
    /// Whether it may be made twice, if the method does not say it right.
    pub idempotent: Option<bool>,
}

impl GatewayConfig {
    const MAX_BYTES: usize = 128 * 1024;
    const MAX_HEADERS: usize = 50;
    const MAX_PATHS: usize = 100;
    const MAX_ROUTES: usize = 100;

    /// Reads `gatewayConfig` as a person sent it. What is stored was read once and need not be
    /// again: compiling its schemas takes longer than a call should.
    ///
    /// # Errors
    ///
    /// What is wrong, with its place in the request's body.
    pub fn read(value: Option<&Value>) -> Result<Self, FieldError> {
        let Some(value) = value else {
            return Ok(Self::default());
        };
        if value.to_string().len() > Self::MAX_BYTES {
            let message = format!("expected at most {} bytes", Self::MAX_BYTES);
            return Err(FieldError::new("/gatewayConfig", message));
        }
        let config = Self::stored(Some(value))?;
        config.check()?;
        Ok(config)
    }

    /// Reads `gatewayConfig` as it is stored: it was checked when it was.
    ///
    /// # Errors
    ///
    /// What is not understood, if another version of this code has stored it.
    pub fn stored(value: Option<&Value>) -> Result<Self, FieldError> {
        let Some(value) = value else {
            return Ok(Self::default());
        };
        serde_path_to_error::deserialize(value).map_err(|error| {
            let pointer = FieldError::pointer("/gatewayConfig", error.path());
            FieldError::new(pointer, error.inner().to_string())
        })
    }

    /// What holds for a call of `method` to `path` under the base URL, as it is sent.
    #[must_use]
    pub fn rules_for(&self, method: &Method, path: &str) -> EffectiveRules<'_> {
        let mut routes = self.routes.iter().enumerate();
        let found = routes.find(|(_, route)| route.fits(method, path));
        let route = found.map(|(_, route)| route);
        let timeout_ms = route.and_then(|route| route.timeout_ms);
        let cache = route.and_then(|route| route.cache.as_ref());
        let request = route.and_then(|route| route.request.as_ref());
        let response = route.and_then(|route| route.response.as_ref());
        EffectiveRules {
            route: found.map(|(index, _)| index),
            timeout: Duration::from_millis(timeout_ms.unwrap_or(self.timeout_ms).into()),
            max_response_bytes: usize::try_from(self.max_response_bytes).unwrap_or(usize::MAX),
            retry: self.retry,
            cache: cache
                .or(self.cache.as_ref())
                .filter(|rules| !rules.is_off()),
            rate_limits: route.and_then(|route| route.rate_limits.as_ref()),
            request: request.or(self.request.as_ref()),
            response: response.or(self.response.as_ref()),
            request_schema: route.and_then(|route| route.request_schema.as_ref()),
            idempotent: route.and_then(|route| route.idempotent),
        }
    }

    fn check(&self) -> Result<(), FieldError> {
        let at = "/gatewayConfig";
        check_timeout(at, self.timeout_ms)?;
        let bytes = u64::from(self.max_response_bytes);
        check_range(
            &format!("{at}/maxResponseBytes"),
            bytes,
            1024,
            4 * 1024 * 1024,
        )?;
        let attempts = u64::from(self.retry.max_attempts);
        check_range(&format!("{at}/retry/maxAttempts"), attempts, 1, 5)?;
        for (field, count, most) in [
            (
                "allowedHeaders",
                self.allowed_headers.len(),
                Self::MAX_HEADERS,
            ),
            ("masking/paths", self.masking.paths.len(), Self::MAX_PATHS),
            ("routes", self.routes.len(), Self::MAX_ROUTES),
        ] {
            if count > most {
                let message = format!("expected at most {most} items");
                return Err(FieldError::new(format!("{at}/{field}"), message));
            }
        }
        check_parts(
            at,
            self.cache.as_ref(),
            self.request.as_ref(),
            self.response.as_ref(),
        )?;
        for (index, route) in self.routes.iter().enumerate() {
            route.check(&format!("{at}/routes/{index}"))?;
        }
        Ok(())
    }
}

impl RouteRules {
    fn fits(&self, method: &Method, path: &str) -> bool {
        let fits = |expected: &String| expected.eq_ignore_ascii_case(method.as_str());
        self.method.as_ref().is_none_or(fits) && self.path.matches(path)
    }

    fn check(&self, at: &str) -> Result<(), FieldError> {
        let is_method =
            |method: &String| method.len() <= 32 && Method::from_bytes(method.as_bytes()).is_ok();
        if !self.method.as_ref().is_none_or(is_method) {
            let message = "expected the name of a method, such as `POST`";
            return Err(FieldError::new(format!("{at}/method"), message));
        }
        if let Some(timeout_ms) = self.timeout_ms {
            check_timeout(at, timeout_ms)?;
        }
        if let Some(limits) = &self.rate_limits {
            limits.check(&format!("{at}/rateLimits"))?;
        }
        check_parts(
            at,
            self.cache.as_ref(),
            self.request.as_ref(),
            self.response.as_ref(),
        )?;
        if let Some(schema) = &self.request_schema {
            RequestSchema::compile(schema).map_err(|error| {
                FieldError::new(format!("{at}/requestSchema"), error.to_string())
            })?;
        }
        Ok(())
    }
}

fn check_parts(
    at: &str,
    cache: Option<&CacheRules>,
    request: Option<&Transform>,
    response: Option<&Transform>,
) -> Result<(), FieldError> {
    const DAY: u64 = 24 * 60 * 60;
    if let Some(cache) = cache {
        let ttl = u64::from(cache.ttl_seconds.unwrap_or(0));
        check_range(&format!("{at}/cache/ttlSeconds"), ttl, 0, DAY)?;
    }
    request.map_or(Ok(()), |request| request.check(&format!("{at}/request")))?;
    response.map_or(Ok(()), |response| response.check(&format!("{at}/response")))
}

fn check_timeout(at: &str, timeout_ms: u32) -> Result<(), FieldError> {
    check_range(
        &format!("{at}/timeoutMs"),
        u64::from(timeout_ms),
        100,
        25_000,
    )
}

fn check_range(pointer: &str, value: u64, min: u64, max: u64) -> Result<(), FieldError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(FieldError::new(
        pointer,
        format!("must be between {min} and {max}"),
    ))
}

#[cfg(test)]
mod tests;
