//! The calls that the catalogue declares, filled in.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use url::form_urlencoded;

use super::failure::StepFailure;
use crate::domain::rotation::{RotationFailure, fill, fill_path, fill_value};
use crate::domain::{Integration, Origin, Probe, RotationCall};
use crate::flows::outbound::{NamedCredentials, Outbound, OutboundAnswer, OutboundCall};
use crate::vault::CredentialSet;

/// What may stand in the texts of a call, by name. No secret.
pub(super) type Told = BTreeMap<String, String>;

/// The fields of `values` that are named in `public`.
#[expect(
    clippy::disallowed_methods,
    reason = "these fields are declared to be no secrets"
)]
pub(super) fn told(values: &CredentialSet, public: &[String]) -> Told {
    let fields = public.iter();
    fields
        .filter_map(|name| {
            let value = values.get(name)?.expose_secret();
            Some((name.clone(), value.to_owned()))
        })
        .collect()
}

/// The call as it is sent, but for its authentication.
pub(super) fn filled(call: &RotationCall, told: &Told) -> Result<OutboundCall, StepFailure> {
    let value = |name: &str| told.get(name).cloned();
    let misdeclared = |_| StepFailure::lasting(RotationFailure::Misdeclared);
    let path = fill_path(&call.path, &value).map_err(misdeclared)?;
    let mut headers = HeaderMap::new();
    for (name, text) in &call.headers {
        let text = fill(text, &value).map_err(misdeclared)?;
        let (Ok(name), Ok(text)) = (name.parse::<HeaderName>(), text.parse::<HeaderValue>()) else {
            return Err(StepFailure::lasting(RotationFailure::Misdeclared));
        };
        headers.insert(name, text);
    }
    let (body, media_type) = if let Some(body) = &call.body {
        let body = fill_value(body, &value).map_err(misdeclared)?;
        (Bytes::from(body.to_string()), Some("application/json"))
    } else if call.form.is_empty() {
        (Bytes::new(), None)
    } else {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, text) in &call.form {
            form.append_pair(name, &fill(text, &value).map_err(misdeclared)?);
        }
        let media_type = "application/x-www-form-urlencoded";
        (Bytes::from(form.finish()), Some(media_type))
    };
    if let Some(media_type) = media_type {
        let media_type = HeaderValue::from_static(media_type);
        headers.entry(header::CONTENT_TYPE).or_insert(media_type);
    }
    let method: Method = call
        .method
        .parse()
        .map_err(|_| StepFailure::lasting(RotationFailure::Misdeclared))?;
    let endpoint = match &call.host {
        Some(host) => format!("https://{host}{path}"),
        None => path,
    };
    Ok(OutboundCall {
        method,
        endpoint,
        params: Vec::new(),
        headers,
        body,
        timeout: Some(super::CALL_TIMEOUT),
        idempotency_key: None,
        origin: Origin::default(),
    })
}

/// Whether each of `calls` names something by `told` that it would not name by `other`: what it
/// deletes is not what the others are of.
pub(super) fn name_another(calls: &[RotationCall], told: &Told, other: &Told) -> bool {
    calls.iter().all(|call| {
        let (Ok(one), Ok(other)) = (filled(call, told), filled(call, other)) else {
            return false;
        };
        one.endpoint != other.endpoint || one.body != other.body || one.headers != other.headers
    })
}

/// Whether nothing of the credentials stands in the call.
pub(super) fn names_nothing(call: &RotationCall) -> bool {
    filled(call, &Told::new()).is_ok()
}

/// Makes a call that may be made twice; its answer's JSON.
pub(super) async fn make(
    (outbound, function): (&Outbound, &'static str),
    integration: &Integration,
    call: &RotationCall,
    told: &Told,
    credentials: &NamedCredentials,
) -> Result<Value, StepFailure> {
    let sent = filled(call, told)?;
    let made = outbound.execute_for_rotation(function, integration, sent, credentials.clone());
    let answer = Box::pin(made)
        .await
        .map_err(|error| StepFailure::of(&error))?;
    judged(call, &answer)
}

/// How what was to be deleted stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deleted {
    /// The provider has deleted it.
    Now,
    /// The provider says that it is not there: deleted before, or not to be seen.
    Before,
}

/// Makes calls that delete, one after the other. What is gone already is as good as deleted.
pub(super) async fn delete(
    by: (&Outbound, &'static str),
    integration: &Integration,
    calls: &[RotationCall],
    told: &Told,
    credentials: &NamedCredentials,
) -> Result<Deleted, StepFailure> {
    // What cannot be filled in is known before the first is made.
    for call in calls {
        filled(call, told)?;
    }
    let mut deleted = Deleted::Now;
    for call in calls {
        match make(by, integration, call, told, credentials).await {
            Ok(_) => {}
            Err(failure) if failure.says_gone(call) => deleted = Deleted::Before,
            Err(failure) => return Err(failure),
        }
    }
    Ok(deleted)
}

/// The answer's JSON, if it is a good one.
pub(super) fn judged(call: &RotationCall, answer: &OutboundAnswer) -> Result<Value, StepFailure> {
    if let Some(problem) = &answer.problem {
        return Err(StepFailure::answered(problem));
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match &call.success {
        Some(success) if !success.accepts(&body) => Err(StepFailure {
            status: Some(answer.status.as_u16()),
            ..StepFailure::lasting(RotationFailure::Refused)
        }),
        _ => Ok(body),
    }
}

/// The catalogue's call that makes credentials worthless, made with themselves.
pub(super) fn of_probe(probe: &Probe) -> RotationCall {
    RotationCall {
        method: probe.method.clone(),
        host: None,
        path: probe.path.clone(),
        headers: probe.headers.clone(),
        body: probe.body.clone(),
        form: std::collections::BTreeMap::new(),
        success: probe.success.clone(),
        done_statuses: Vec::new(),
    }
}
