use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use gatehouse::access::Fetch;
use gatehouse::domain::Cause;
use gatehouse::egress::{Egress, OutboundRequest};
use http::Method;
use url::Url;

const TIMEOUT: Duration = Duration::from_secs(5);

/// Fetches the issuer's documents through the guard.
#[derive(Clone, Debug)]
pub(crate) struct EgressFetch(pub(crate) Egress);

impl Fetch for EgressFetch {
    fn fetch<'a>(
        &'a self,
        url: &'a Url,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Cause>> + Send + 'a>> {
        Box::pin(async move {
            let request = OutboundRequest::new(Method::GET, url.clone(), TIMEOUT);
            let response = self.0.send(request).await?;
            if response.status.is_success() && !response.truncated {
                Ok(response.body.to_vec())
            } else {
                Err(format!("the issuer answered {}", response.status.as_u16()).into())
            }
        })
    }
}
