use futures::future::{BoxFuture, FutureExt as _};

use crate::oauth::{Client, ClientContext, OauthError, TokenReply, TokenRequest};

/// What gives tokens: an authorization server, or, in tests, what stands for one.
pub trait TokenEndpoint: Send + Sync {
    /// Whether tokens that are obtained without a person are to be bound to a key (RFC 9449).
    fn wants_dpop<'a>(
        &'a self,
        client: &'a ClientContext<'a>,
    ) -> BoxFuture<'a, Result<bool, OauthError>>;

    /// Asks for tokens.
    fn token<'a>(
        &'a self,
        client: &'a ClientContext<'a>,
        request: TokenRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenReply, OauthError>>;
}

impl TokenEndpoint for Client {
    fn wants_dpop<'a>(
        &'a self,
        client: &'a ClientContext<'a>,
    ) -> BoxFuture<'a, Result<bool, OauthError>> {
        async { Ok(self.server(client).await?.wants_dpop()) }.boxed()
    }

    fn token<'a>(
        &'a self,
        client: &'a ClientContext<'a>,
        request: TokenRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenReply, OauthError>> {
        Self::token(self, client, request).boxed()
    }
}
