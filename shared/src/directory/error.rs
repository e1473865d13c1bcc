use std::fmt;

use crate::egress::EgressError;

/// Why a directory gave no answer, or none of use. Holds no name, no address and nothing that the
/// server said in words.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The address is not one that is called, or there is no connection.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// The credentials lack the name or the password of an account. An empty password would be no
    /// credentials at all: servers take it for an anonymous visitor.
    #[error("the credentials need `username` and `password`, neither of them empty")]
    NoCredentials,
    /// The server does not take the account's credentials (`invalidCredentials`).
    #[error("the directory does not accept the credentials: {0}")]
    SignInRefused(SignInRefusal),
    /// The server ended an operation with another result than success (RFC 4511 section 4.1.9).
    #[error("the directory answered with the result {0}")]
    Result(u32),
    /// The server knows only who else might know. Nobody is asked for whom the credentials were not
    /// given.
    #[error("the directory refers to another one, which is not followed")]
    Referral,
    /// More than one entry fits.
    #[error("more than one entry fits")]
    Ambiguous,
    /// The server does not say where its entries begin.
    #[error("the directory does not say where its entries begin (`defaultNamingContext`)")]
    NoNamingContext,
    /// What came is no LDAP, or more than is read.
    #[error("the directory's answer cannot be read: {0}")]
    Protocol(&'static str),
    /// The connection broke.
    #[error("the connection to the directory broke")]
    Disconnected,
    /// It took too long.
    #[error("the directory did not answer in time")]
    Timeout,
}

/// What Active Directory says of credentials that it refuses: the number after `data` in the
/// diagnostic message of the result 49.
/// <https://learn.microsoft.com/en-us/windows/win32/debug/system-error-codes--1300-1699->
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInRefusal {
    /// Nothing more is said.
    Unknown,
    /// 525: there is no such account.
    NoSuchUser,
    /// 52e: the name or the password is wrong.
    WrongPassword,
    /// 530: not at this time.
    NotNow,
    /// 531: not from here.
    NotFromHere,
    /// 532: the password has expired.
    PasswordExpired,
    /// 533: the account is disabled.
    Disabled,
    /// 701: the account has expired.
    AccountExpired,
    /// 773: the password has to be changed first.
    MustChangePassword,
    /// 775: the account is locked.
    Locked,
}

impl SignInRefusal {
    /// What a diagnostic message says, such as `80090308: LdapErr: DSID-0C090447, comment:
    /// AcceptSecurityContext error, data 52e, v3839`.
    pub(super) fn of(diagnostic: &str) -> Self {
        let rest = diagnostic.split_once(", data ").map(|(_, rest)| rest);
        let code = rest.and_then(|rest| rest.split([',', ' ']).next());
        match code {
            Some("525") => Self::NoSuchUser,
            Some("52e") => Self::WrongPassword,
            Some("530") => Self::NotNow,
            Some("531") => Self::NotFromHere,
            Some("532") => Self::PasswordExpired,
            Some("533") => Self::Disabled,
            Some("701") => Self::AccountExpired,
            Some("773") => Self::MustChangePassword,
            Some("775") => Self::Locked,
            _ => Self::Unknown,
        }
    }

    /// Its stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unknown => "directory_sign_in_refused",
            Self::NoSuchUser => "directory_no_such_account",
            Self::WrongPassword => "directory_wrong_password",
            Self::NotNow => "directory_account_not_now",
            Self::NotFromHere => "directory_account_not_from_here",
            Self::PasswordExpired => "directory_password_expired",
            Self::Disabled => "directory_account_disabled",
            Self::AccountExpired => "directory_account_expired",
            Self::MustChangePassword => "directory_password_must_change",
            Self::Locked => "directory_account_locked",
        }
    }
}

impl fmt::Display for SignInRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "it does not say why",
            Self::NoSuchUser => "there is no such account",
            Self::WrongPassword => "the name or the password is wrong",
            Self::NotNow => "the account may not be used at this time",
            Self::NotFromHere => "the account may not be used from here",
            Self::PasswordExpired => "the account's password has expired",
            Self::Disabled => "the account is disabled",
            Self::AccountExpired => "the account has expired",
            Self::MustChangePassword => "the account's password has to be changed first",
            Self::Locked => "the account is locked",
        })
    }
}

impl DirectoryError {
    /// The error's stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Egress(error) => error.code(),
            Self::NoCredentials => "directory_no_credentials",
            Self::SignInRefused(refusal) => refusal.code(),
            Self::Result(_) => "directory_result",
            Self::Referral => "directory_referral",
            Self::Ambiguous => "directory_ambiguous",
            Self::NoNamingContext => "directory_no_naming_context",
            Self::Protocol(_) => "directory_unreadable",
            Self::Disconnected => "connection_broken",
            Self::Timeout => "timeout",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_read_where_active_directory_says_it_and_nowhere_else() {
        let said = |code: &str| {
            format!(
                "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {code}, v3839\0"
            )
        };
        for (code, expected) in [
            ("525", SignInRefusal::NoSuchUser),
            ("52e", SignInRefusal::WrongPassword),
            ("533", SignInRefusal::Disabled),
            ("775", SignInRefusal::Locked),
            ("999", SignInRefusal::Unknown),
        ] {
            assert_eq!(SignInRefusal::of(&said(code)), expected, "{code}");
        }
        for other in ["", "data 533", "52e", "invalid credentials"] {
            assert_eq!(SignInRefusal::of(other), SignInRefusal::Unknown, "{other}");
        }
    }
}
