/// What a token is verified for. Decides which types it may be of, how long it may be, and which
/// times it has to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// An access token (RFC 9068, or as issuers made them before).
    AccessToken,
    /// An ID token (OpenID Connect Core 1.0 section 2).
    IdToken,
    /// A logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4).
    LogoutToken,
    /// A signed answer of the UserInfo endpoint (OpenID Connect Core 1.0 section 5.3.2).
    UserInfo,
}

impl TokenUse {
    /// Longer tokens are not looked at.
    pub(super) fn max_bytes(self) -> usize {
        match self {
            Self::AccessToken | Self::LogoutToken => 8 * 1024,
            Self::IdToken => 32 * 1024,
            Self::UserInfo => 64 * 1024,
        }
    }

    /// Whether a token with this `typ` may be used so. Plain `JWT` and none are what most issuers
    /// send for everything; what tells those tokens apart are their claims.
    pub(super) fn takes_type(self, typ: Option<&str>) -> bool {
        let Some(typ) = typ.map(str::to_ascii_lowercase) else {
            return true;
        };
        // RFC 7515 section 4.1.9: the prefix may be left out.
        let typ = typ.strip_prefix("application/").unwrap_or(&typ);
        match self {
            Self::AccessToken => matches!(typ, "jwt" | "at+jwt"),
            Self::IdToken | Self::UserInfo => typ == "jwt",
            Self::LogoutToken => matches!(typ, "jwt" | "logout+jwt"),
        }
    }

    pub(super) fn needs_expiry(self) -> bool {
        !matches!(self, Self::UserInfo)
    }

    pub(super) fn needs_issued_at(self) -> bool {
        // RFC 9068 section 2.2: access tokens, too.
        !matches!(self, Self::UserInfo)
    }

    /// `events` is what makes a token a security event (RFC 8417 section 2.2): nothing that
    /// somebody signs in or calls with.
    pub(super) fn may_have_events(self) -> bool {
        matches!(self, Self::LogoutToken)
    }
}
