//! What is said to the person, or to the program, that started the system.

use std::error::Error;
use std::io::Write;
use std::path::Path;

use gatehouse::domain::{Cause, OrganizationId};
use gatehouse::lambda::telemetry::chain;
use serde_json::json;

/// Where the running system is, and how to use it.
#[derive(Debug)]
pub(crate) struct Announcement<'a> {
    pub(crate) base_url: &'a str,
    pub(crate) token: &'a str,
    pub(crate) organization: OrganizationId,
}

impl Announcement<'_> {
    /// One line of JSON.
    pub(crate) fn as_json(&self) -> String {
        json!({
            "baseUrl": self.base_url,
            "token": self.token,
            "organizationId": self.organization,
        })
        .to_string()
    }

    /// For people.
    pub(crate) fn as_text(&self, environment: &Path) -> String {
        let Self {
            base_url,
            token,
            organization,
        } = self;
        let environment = environment.display();
        format!(
            "Gatehouse is running.

  Base URL      {base_url}
  Organization  {organization}
  Token         {token}

In another terminal:

  . {environment}
  curl -s $GATEHOUSE/portal/integrations -H \"Authorization: Bearer $TOKEN\"

Stop it with Ctrl-C. Logs follow on standard error."
        )
    }

    /// For a shell.
    pub(crate) fn as_environment(&self) -> String {
        format!(
            "export GATEHOUSE={}\nexport TOKEN={}\n",
            self.base_url, self.token
        )
    }
}

/// Writes a line to standard output.
pub(crate) fn say(text: &str) -> Result<(), Cause> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}

/// Says on standard error why there is nothing to announce.
pub(crate) fn failure(error: &Cause) {
    let error: &(dyn Error + 'static) = error.as_ref();
    let mut err = std::io::stderr().lock();
    // Where standard error is closed, nobody wants to know.
    let _ = writeln!(err, "error: {}", chain(error));
}
