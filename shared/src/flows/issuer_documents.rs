use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http::Method;
use url::Url;

use crate::access::Fetch;
use crate::domain::Cause;
use crate::egress::{Egress, OutboundRequest};

const TIMEOUT: Duration = Duration::from_secs(5);

/// The documents of the issuer of access tokens, fetched through the guard.
#[derive(Clone, Debug)]
pub struct IssuerDocuments(pub Egress);

impl Fetch for IssuerDocuments {
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
