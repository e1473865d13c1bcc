use std::time::Duration;

use crate::domain::gateway::{ErrorCategory, UpstreamProblem};
use crate::domain::sync::{Drift, ParkedPage};
use crate::domain::{Error, RequestId, Sealed};

/// Why a step was not done.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It may be over the next time.
    Passing(Passing),
    /// It will be the same the next time: a person has to do something.
    Lasting(Box<Lasting>),
    /// Somebody else has moved the job.
    Moved,
    /// The integration is deleted, and the job will be: nothing is to be done, nor written.
    Deleted,
    /// We cannot do it now ourselves: the message comes again.
    Ours(Error),
}

/// Trouble that may be over the next time.
#[derive(Debug)]
pub(super) struct Passing {
    pub(super) code: &'static str,
    pub(super) detail: String,
    /// Not before then.
    pub(super) retry_after: Option<Duration>,
    /// Whether it counts towards giving up: that we hold a call back ourselves does not.
    pub(super) counts: bool,
}

/// Trouble that stays.
#[derive(Clone, Debug)]
pub(super) struct Lasting {
    pub(super) code: &'static str,
    pub(super) detail: String,
    pub(super) request: Option<RequestId>,
    /// The places of the records that cannot be taken.
    pub(super) records: Vec<u32>,
    pub(super) can_skip: bool,
    /// From where the job goes on when a person has it retried, if not from where it was.
    pub(super) retry_from: Option<Sealed>,
    /// What has changed of the provider's fields, if that is the trouble.
    pub(super) drifts: Vec<Drift>,
}

impl Lasting {
    pub(super) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            request: None,
            records: Vec::new(),
            can_skip: false,
            retry_from: None,
            drifts: Vec::new(),
        }
    }

    pub(super) fn of(self, request: RequestId) -> Self {
        Self {
            request: Some(request),
            ..self
        }
    }

    pub(super) fn parked(&self, page: u64) -> ParkedPage {
        ParkedPage {
            page,
            request_id: self.request,
            records: self.records.clone(),
            can_skip: self.can_skip,
        }
    }
}

impl From<Lasting> for Trouble {
    fn from(lasting: Lasting) -> Self {
        Self::Lasting(Box::new(lasting))
    }
}

impl Trouble {
    /// What an error of ours that is not about the provider means.
    pub(super) fn ours(error: impl Into<Error>) -> Self {
        Self::Ours(error.into())
    }

    /// What it means for a step that a call was not made, or not answered.
    pub(super) fn of_call(error: Error) -> Self {
        match error {
            Error::Upstream(error) => {
                // Lists are only read, so what may have been done does not matter.
                let problem = error.problem;
                Self::of_problem(error.request, &problem, problem.is_transient)
            }
            Error::RateLimited { retry_after } => Self::held(retry_after, "rate_limited"),
            Error::ProviderBarred { retry_after } => Self::held(retry_after, "provider_barred"),
            Error::Invalid(errors) => {
                let what = errors.into_iter().next();
                let what = what.map_or_else(String::new, |error| error.message);
                Lasting::new("call_refused", format!("the call is not allowed: {what}")).into()
            }
            Error::Conflict(_) | Error::ConsentNeeded(_) => {
                Lasting::new("integration_unusable", error.to_string()).into()
            }
            error => Self::Ours(error),
        }
    }

    /// What a provider's error means for a step. What it does not do because it fails itself may
    /// pass, whatever its status says.
    pub(super) fn of_problem(
        request: RequestId,
        problem: &UpstreamProblem,
        is_transient: bool,
    ) -> Self {
        let code = problem.category.as_str();
        let status = problem.status.map(|status| format!(" ({status})"));
        let own = problem.code.as_ref().map(|code| format!(": `{code}`"));
        let detail = format!(
            "the provider's answer is an error{}{}",
            status.unwrap_or_default(),
            own.unwrap_or_default()
        );
        let is_passing = is_transient
            || problem.category == ErrorCategory::Network && problem.status >= Some(500);
        if is_passing {
            return Self::Passing(Passing {
                code,
                detail,
                retry_after: problem.retry_after,
                counts: true,
            });
        }
        Lasting::new(code, detail).of(request).into()
    }

    fn held(retry_after: Duration, code: &'static str) -> Self {
        Self::Passing(Passing {
            code,
            detail: "no call is made to the provider for now".to_owned(),
            retry_after: Some(retry_after),
            counts: false,
        })
    }
}
